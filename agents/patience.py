"""Waiting for what is away: a broken dependency is tried again until it is there, and never skipped."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, wait_random_exponential

from streams import metrics
from streams.log import get
from tables.orders import Orders, OrderWrite, RejectedUpdate, StoredOrder, StoreUnavailable, Waiting

log = get(__name__)
T = TypeVar("T")
LONGEST_PAUSE = 5  # seconds


async def until_there(dependency: str, away: type[Exception], action: Callable[[], Awaitable[T]]) -> T:
    """Does `action` until it does not raise `away`. Anything else that it raises is a bug, and is raised."""
    try:
        return await action()  # tenacity costs 17 µs a call: only what failed once pays them
    except away as error:
        _note(dependency, 1, error)
    retrying = AsyncRetrying(
        retry=retry_if_exception_type(away),
        wait=wait_random_exponential(0.1, max=LONGEST_PAUSE),
        before_sleep=lambda state: _note(dependency, state.attempt_number + 1, _error(state)),
    )
    async for attempt in retrying:
        with attempt:
            return await action()
    raise AssertionError("it retries for ever")


def _error(state: RetryCallState) -> BaseException | None:
    return state.outcome.exception() if state.outcome else None


def _note(dependency: str, tries: int, error: BaseException | None) -> None:
    metrics.RETRIES.labels(dependency).inc()
    log.warning("dependency_away", dependency=dependency, tries=tries, error=repr(error))


class PatientOrders:
    """The store as a worker uses it: connected when first needed, so many statements in flight, never given up on.

    `now` is the clock (ms since 1970), asked at each try: what is written after an outage expires with the rest.
    """

    def __init__(self, connect: Callable[[], Awaitable[Orders]], in_flight: int, now: Callable[[], int]) -> None:
        self._connect, self._now = connect, now
        self._store: Orders | None = None
        self._connecting = asyncio.Lock()
        self._in_flight = asyncio.Semaphore(in_flight)

    async def load(self, id_order: int) -> StoredOrder | None:
        """The order with all its rows; None when it is not there."""
        store = await self._connected()
        return await self._patiently(lambda: store.load(id_order))

    async def waiting(self, id_order: int) -> list[Waiting]:
        """The updates that wait for this order."""
        store = await self._connected()
        return await self._patiently(lambda: store.waiting(id_order))

    async def write(self, write: OrderWrite) -> None:
        """Returns when the order is durable."""
        store = await self._connected()
        await self._patiently(lambda: store.write(write, self._now()))

    async def add_waiting(self, waiting: Waiting) -> None:
        """Returns when the update is durable."""
        store = await self._connected()
        await self._patiently(lambda: store.add_waiting(waiting, self._now()))

    async def note_rejected(self, rejected: RejectedUpdate) -> None:
        """Returns when it is durable."""
        store = await self._connected()
        await self._patiently(lambda: store.note_rejected(rejected, self._now()))

    async def close(self) -> None:
        """Closes the connection, if there is one."""
        if self._store is not None:
            await self._store.close()

    async def _connected(self) -> Orders:
        if self._store is not None:
            return self._store
        async with self._connecting:
            if self._store is None:
                self._store = await until_there("cassandra", StoreUnavailable, self._connect)
            return self._store

    async def _patiently(self, action: Callable[[], Awaitable[T]]) -> T:
        async with self._in_flight:
            return await until_there("cassandra", StoreUnavailable, action)
