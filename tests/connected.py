"""A store that is there already, for what waits until one is connected."""

from collections.abc import Awaitable, Callable

from tables.orders import Orders


def connected(store: Orders) -> Callable[[], Awaitable[Orders]]:
    """As `api.store.Store.settled`."""

    async def orders() -> Orders:
        return store

    return orders
