"""A table made anew from what it follows from: `orders` from the history, the lists from `orders`.

What is written is what the order-tracking worker would write, with its timestamps: the worker may run meanwhile, and
whoever of the two is older changes nothing. Nothing is ever deleted.
"""

import asyncio
from collections.abc import AsyncIterator, Callable

from tenacity import RetryCallState, retry, stop_after_delay, wait_exponential

from streams.order import Order, Row
from streams.settings import Settings
from tables import cursors, statements
from tables.cassandra_orders import CassandraOrders
from tables.cassandra_session import CassandraSession
from tables.orders import DAY_MS, Current, OrderWrite, StoreRefused, StoreUnavailable, expires_at
from tables.rows import row_of
from tables.verdicts import Checked, Found, Page, Stored, Table

PAGE = 500
_PATIENCE = 60.0  # seconds without Cassandra
_LONGER_MS = 2000


def _transient(state: RetryCallState) -> bool:
    error = state.outcome.exception() if state.outcome else None
    return isinstance(error, StoreUnavailable) and not isinstance(error, StoreRefused)


_patiently = retry(retry=_transient, stop=stop_after_delay(_PATIENCE), wait=wait_exponential(0.2, max=5), reraise=True)


class Rebuild:
    """Goes through a table; made by `connect`. Waits a minute for Cassandra, then raises StoreUnavailable."""

    def __init__(
        self, session: CassandraSession, settings: Settings, table: Table, dry: bool, clock: Callable[[], int]
    ) -> None:
        self._session, self._table, self._dry, self._clock = session, table, dry, clock
        self._store = CassandraOrders(session)
        self._retention_ms = settings.retention_days * DAY_MS

    @classmethod
    async def connect(cls, settings: Settings, table: Table, dry: bool, clock: Callable[[], int]) -> "Rebuild":
        """`dry`: it only looks. `clock` gives ms. Raises StoreUnavailable, also where the tables are not there."""
        session = await CassandraSession.connect(settings, (*statements.ALL, *statements.REBUILD))
        return cls(session, settings, table, dry, clock)

    async def close(self) -> None:
        await self._store.close()

    async def pages(self, after: int, to: int, at_once: int) -> AsyncIterator[Page]:
        """All orders whose token lies after `after` and up to `to`, in its order, `at_once` of them at a time."""
        check = self._order if self._table is Table.ORDERS else self._listed
        while found := await self._ids(after, to):
            checked: list[Checked] = []
            for start in range(0, len(found), at_once):
                checked += await asyncio.gather(*(check(id_order) for id_order, _ in found[start : start + at_once]))
            after = found[-1][1]
            yield Page(after, checked)

    async def _order(self, id_order: int) -> Checked:
        """An order's row in `orders`."""
        stored = await self._looked_at(id_order)
        found, right = stored.verdict(), stored.right()
        if found is not Found.DIFFERS or right is None:
            return Checked(id_order, found)
        if not self._dry:
            await self._write(right, stored.rows, lists=False)
            if (await self._looked_at(id_order)).verdict() is not Found.SAME:
                found = Found.HELD
        return Checked(id_order, found, _says(stored.there), _says(right))

    async def _listed(self, id_order: int) -> Checked:
        """An order's row in a list: the worker writes it before the order's own."""
        stored = await self._stored(id_order)
        if stored.there is None:
            return Checked(id_order, stored.verdict())
        order, found = stored.there.order, Found.SAME
        if not await self._is_listed(order):
            found = Found.DIFFERS
            if not self._dry:
                await self._write(stored.there, stored.rows, lists=True)
                found = Found.DIFFERS if await self._is_listed(order) else Found.HELD
        return Checked(id_order, found, "not listed", "listed")

    async def _looked_at(self, id_order: int) -> Stored:
        """Twice, where it is not right: the worker may have written between the two reads."""
        stored = await self._stored(id_order)
        return stored if stored.verdict() is Found.SAME else await self._stored(id_order)

    @_patiently
    async def _ids(self, after: int, to: int) -> list[tuple[int, int]]:
        """The next orders of the scan, with their tokens."""
        scan = statements.SCAN_HISTORIES if self._table is Table.ORDERS else statements.SCAN_ORDERS
        found: list[tuple[int, int]] = list(await self._session.fetch(scan, after, to, PAGE))
        return found

    @_patiently
    async def _stored(self, id_order: int) -> Stored:
        there = await self._store.order(id_order)
        rows = await self._session.fetch(statements.READ_HISTORY, id_order)
        return Stored(there, sorted(map(row_of, rows), key=lambda row: row.number))

    @_patiently
    async def _is_listed(self, order: Order) -> bool:
        place, placed_at = (order.placed_at, order.id_order), order.placed_at
        if self._table is Table.OF_PRODUK:
            day = cursors.day_of(placed_at)
            return bool(await self._session.fetch(statements.IS_OF_PRODUK, order.id_produk, day, *place))
        month = cursors.month_of(placed_at)
        listed = await self._session.fetch(statements.IS_OF_USER, order.id_user, month, *place)
        return bool(listed and await self._session.fetch(statements.IS_MONTH, order.id_user, month))

    @_patiently
    async def _write(self, right: Current, rows: list[Row], lists: bool) -> None:
        """Of two cells with one timestamp the one that lives longer counts: ours does, by seconds."""
        lives = await self._session.fetch(statements.READ_LIVES, right.order.id_order)
        longer = self._clock() + 1000 * max((seconds or 0 for row in lives for seconds in row), default=0) + _LONGER_MS
        last = max((row.recorded_at for row in rows), default=right.order.recorded_at)
        until = expires_at(right.order, last, self._retention_ms)
        await self._store.write(OrderWrite(right, (), max(until, longer), lists), self._clock())


def _says(current: Current | None) -> str:
    return "" if current is None else f"{current.status} {current.version}"
