"""What others keep and this process holds a copy of: read again and again, and kept as it was while they are away."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from api import background
from streams import log, metrics

RETRY_SECONDS = 2.0
AT_MOST_EVERY = 2.0  # seconds, whatever strangers ask for
PATIENCE = 5.0  # seconds that one who asked waits

_log = log.get(__name__)

T = TypeVar("T")


class Away(Exception):
    """It could not be read yet, not once: nothing can be said from it."""


class Refreshed(Generic[T]):
    """`load` reads it, and raises one of `away` where that fails; done every `seconds`, and when somebody asks."""

    def __init__(
        self, name: str, load: Callable[[], Awaitable[T]], away: tuple[type[Exception], ...], seconds: float
    ) -> None:
        self.name, self._load, self._away, self._seconds = name, load, away, seconds
        self._value: T | None = None
        self._begun_at = float("-inf")
        self._reading: asyncio.Task[None] | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def there(self) -> bool:
        """Whether it has been read."""
        return self._value is not None

    @property
    def failed(self) -> bool:
        """Whether its work has ended by an error."""
        return background.failed(self._task)

    def value(self) -> T:
        """As it was read last; raises Away before that."""
        if self._value is None:
            raise Away(self.name)
        return self._value

    async def start(self) -> None:
        """Begins to read it; returns at once."""
        self._task = background.start(self._keep_reading(), self.name)

    async def stop(self) -> None:
        await background.stop(self._task)
        await background.stop(self._reading)

    async def again(self) -> None:
        """Returns when it is no older than AT_MOST_EVERY, or when that was tried."""
        if self._under_way is not None or asyncio.get_running_loop().time() >= self._begun_at + AT_MOST_EVERY:
            await asyncio.wait({self._read()}, timeout=PATIENCE)

    @property
    def _under_way(self) -> asyncio.Task[None] | None:
        return None if self._reading is None or self._reading.done() else self._reading

    def _read(self) -> asyncio.Task[None]:
        """The one that reads it now: one for all who ask."""
        reading = self._under_way
        if reading is None:
            self._begun_at = asyncio.get_running_loop().time()
            self._reading = reading = asyncio.create_task(self._read_once(), name=self.name)
        return reading

    async def _keep_reading(self) -> None:
        while True:
            await self._read()
            await asyncio.sleep(self._seconds if self.there else RETRY_SECONDS)

    async def _read_once(self) -> None:
        try:
            self._value = await self._load()
            metrics.REFRESHED_AT.labels(self.name).set_to_current_time()
        except self._away as error:
            _log.warning("not_read", what=self.name, error=str(error) or repr(error))
            metrics.RETRIES.labels(self.name).inc()
