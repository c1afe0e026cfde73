"""The orders' store, for a command that works with it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from streams.settings import Settings

if TYPE_CHECKING:
    from tables.orders import Orders


@asynccontextmanager
async def opened(using: Settings) -> "AsyncIterator[Orders]":
    """Connected while a block runs; raises StoreUnavailable."""
    from tables.cassandra_orders import CassandraOrders

    store = await CassandraOrders.connect(using)
    try:
        yield store
    finally:
        await store.close()
