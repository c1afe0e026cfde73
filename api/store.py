"""The orders' store as the API holds it: connected in the background, and away until it is."""

import asyncio
from collections.abc import Awaitable, Callable

from api import background
from streams import log, metrics
from tables.orders import Orders, StoreUnavailable

RETRY_SECONDS = 2.0

_log = log.get(__name__)


class Store:
    """Connects as often as it takes. `orders()` raises StoreUnavailable until then."""

    def __init__(self, connect: Callable[[], Awaitable[Orders]]) -> None:
        self._connect = connect
        self._orders: Orders | None = None
        self._task: asyncio.Task[None] | None = None

    def orders(self) -> Orders:
        """The store; raises StoreUnavailable before it is connected."""
        if self._orders is None:
            raise StoreUnavailable("not connected yet")
        return self._orders

    @property
    def failed(self) -> bool:
        """Whether its work has ended by an error."""
        return background.failed(self._task)

    async def start(self) -> None:
        self._task = background.start(self._keep_trying(), "store")

    async def stop(self) -> None:
        await background.stop(self._task)
        if self._orders is not None:
            await self._orders.close()
            self._orders = None

    async def _keep_trying(self) -> None:
        while self._orders is None:
            try:
                self._orders = await self._connect()
                _log.info("store_connected")
            except StoreUnavailable as error:
                _log.warning("store_away", error=str(error))
                metrics.RETRIES.labels("cassandra").inc()
                await asyncio.sleep(RETRY_SECONDS)
