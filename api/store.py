"""The orders' store as the API holds it: connected in the background, and away until it is."""

import asyncio
from collections.abc import Awaitable, Callable

from api import background
from streams import log, metrics
from tables.orders import Orders, StoreUnavailable

RETRY_SECONDS = 2.0
SETTLE_SECONDS = 5.0  # of a start that what needs the store may wait for it; then it is away

_log = log.get(__name__)


class Store:
    """Connects as often as it takes. `orders()` raises StoreUnavailable until then, `settled()` waits a while first."""

    def __init__(self, connect: Callable[[], Awaitable[Orders]]) -> None:
        self._connect = connect
        self._orders: Orders | None = None
        self._settled, self._waited = asyncio.Event(), False
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None

    def orders(self) -> Orders:
        """The store; raises StoreUnavailable before it is connected."""
        if self._orders is None:
            raise StoreUnavailable("not connected yet")
        return self._orders

    async def settled(self) -> Orders:
        """The store, as soon as it is connected for the first time; raises StoreUnavailable when it is away."""
        await self._settled.wait()
        return self.orders()

    @property
    def waited(self) -> bool:
        """Whether SETTLE_SECONDS of the start are over: it goes on without what could not be had from the store."""
        return self._waited

    @property
    def failed(self) -> bool:
        """Whether its work has ended by an error."""
        return background.failed(self._task)

    async def start(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(SETTLE_SECONDS, self._wait_no_more)
        self._task = background.start(self._keep_trying(), "store")

    async def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        await background.stop(self._task)
        if self._orders is not None:
            await self._orders.close()
            self._orders = None

    def _wait_no_more(self) -> None:
        self._waited = True
        self._settled.set()

    async def _keep_trying(self) -> None:
        while self._orders is None:
            try:
                self._orders = await self._connect()
                self._settled.set()
                _log.info("store_connected")
            except StoreUnavailable as error:
                _log.warning("store_away", error=str(error))
                metrics.RETRIES.labels("cassandra").inc()
                await asyncio.sleep(RETRY_SECONDS)
