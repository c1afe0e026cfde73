"""The store on Cassandra: one order is one partition, in two tables, written as one mutation."""

import asyncio
from collections.abc import AsyncIterator
from datetime import date

from streams.order import Order
from streams.settings import Settings
from tables import cursors, statements
from tables.api_keys import ApiKey
from tables.cassandra_keys import Keys
from tables.cassandra_session import CassandraSession
from tables.completeness import by_position, whole
from tables.cursors import ListKind, Place
from tables.idempotency import Answer, Hold
from tables.lifetime import (
    history_timestamp,
    list_timestamp,
    order_timestamp,
    ttl_seconds,
    waiting_timestamp,
    waiting_ttl,
)
from tables.node_lease import NodeLease
from tables.orders import (
    REJECTED_KEPT_MS,
    Current,
    HistoryPage,
    Orders,
    OrderWrite,
    Page,
    RejectedUpdate,
    StoredOrder,
    Waiting,
)
from tables.rows import (
    OrderBatch,
    current_of,
    history_values,
    order_values,
    pack_bigint,
    pack_int,
    row_of,
    waiting_of,
    waiting_values,
)

_READS_IN_FLIGHT = 32  # of one list
_SCAN_PAGE = 500
_WAITING_PAGE = 200
_LONGEST = 2**63 - 1


class CassandraOrders(Orders):
    """The orders' store of the running event loop; made by `connect`."""

    def __init__(self, session: CassandraSession) -> None:
        self._session = session
        self._lease, self._keys = NodeLease(session), Keys(session)
        self._write_order = session.prepared(statements.WRITE_ORDER)
        self._write_history = session.prepared(statements.WRITE_HISTORY)

    @classmethod
    async def connect(cls, settings: Settings) -> "CassandraOrders":
        """Connects, once. Raises StoreUnavailable when no host answers or `lacak migrate` has not been run."""
        return cls(await CassandraSession.connect(settings, statements.ALL))

    async def load(self, id_order: int) -> StoredOrder | None:
        orders, rows = await asyncio.gather(
            self._session.fetch(statements.READ_ORDER, id_order),
            self._session.fetch(statements.READ_HISTORY, id_order),
        )
        now = current_of(orders[0]) if orders else None
        return whole(now and now.order, map(row_of, rows))

    async def write(self, write: OrderWrite, now: int) -> None:
        ttl = ttl_seconds(write.expires_at, now)
        if write.lists:
            await self._list(write, ttl)
        await self._session.send(self._batch(write, pack_int(ttl)))

    async def add_waiting(self, waiting: Waiting, now: int) -> None:
        values = (*waiting_values(waiting), waiting_timestamp(waiting), waiting_ttl(waiting, now))
        await self._session.fetch(statements.WRITE_WAITING, *values)

    async def waiting(self, id_order: int) -> list[Waiting]:
        return by_position([waiting async for waiting in self._waiting(statements.READ_WAITING, id_order)])

    async def all_waiting(self) -> AsyncIterator[Waiting]:
        async for waiting in self._waiting(statements.READ_ALL_WAITING):
            yield waiting

    async def mark_rejected(self, waiting: Waiting, now: int) -> None:
        written = (waiting_timestamp(waiting) + 1, waiting_ttl(waiting, now))
        await self._session.fetch(statements.MARK_REJECTED, *written, now, waiting.id_order, *waiting.position)

    async def note_rejected(self, rejected: RejectedUpdate, now: int) -> None:
        written = (rejected.recorded_at * 1000, ttl_seconds(rejected.recorded_at + REJECTED_KEPT_MS, now))
        await self._session.fetch(statements.WRITE_REJECTED, *rejected, *written)

    async def rejected_update(self, id_order: int, event_id: str) -> RejectedUpdate | None:
        rows = await self._session.fetch(statements.READ_REJECTED, id_order, event_id)
        return RejectedUpdate(*rows[0]) if rows else None

    async def order(self, id_order: int) -> Current | None:
        rows = await self._session.fetch(statements.READ_ORDER, id_order)
        return current_of(rows[0]) if rows else None

    async def history(self, id_order: int, limit: int, before: int | None = None) -> HistoryPage:
        below = _LONGEST if before is None else max(-_LONGEST, min(before, _LONGEST))
        found = await self._session.fetch(statements.READ_HISTORY_BEFORE, id_order, below, limit + 1)
        rows = list(map(row_of, found))
        return HistoryPage(rows[:limit], rows[limit - 1].id_order_status_history if len(rows) > limit else None)

    async def orders_of_user(self, id_user: int, limit: int, cursor: str | None = None) -> Page:
        after = cursors.decode(cursors.OF_USER, id_user, cursor)
        return await self._page(cursors.OF_USER, id_user, limit, self._places_of_user(id_user, after, limit + 1))

    async def orders_of_produk(self, id_produk: int, day: date, limit: int, cursor: str | None = None) -> Page:
        after = cursors.decode(cursors.OF_PRODUK, id_produk, cursor)
        places = self._places(statements.READ_OF_PRODUK, id_produk, day, after, limit + 1)
        return await self._page(cursors.OF_PRODUK, id_produk, limit, places)

    async def users(self, limit: int) -> list[tuple[int, int]]:
        found = await self._session.fetch(statements.READ_USERS, limit)
        return [(id_user, await self._count(id_user)) for (id_user,) in found]

    async def lease_node(self, owner: str, nodes: int, ttl_seconds: int) -> int | None:
        return await self._lease.take(owner, nodes, ttl_seconds)

    async def hold_key(self, mine: Hold, stale_ms: int) -> Hold | Answer:
        return await self._keys.hold(mine, stale_ms)

    async def key_answered(self, mine: Hold, answer: Answer) -> None:
        await self._keys.answered(mine, answer)

    async def release_key(self, mine: Hold) -> None:
        await self._keys.release(mine)

    async def api_keys(self) -> list[ApiKey]:
        rows = await self._session.fetch(statements.READ_API_KEYS)
        return [ApiKey(id_, digest, name, frozenset(scopes), *rest) for id_, digest, name, scopes, *rest in rows]

    async def add_api_key(self, key: ApiKey) -> None:
        values = key._replace(scopes=set(key.scopes))  # type: ignore[arg-type]  # what the driver takes for one
        await self._session.fetch(statements.WRITE_API_KEY, *values)

    async def revoke_api_key(self, id_: str, at: int) -> bool:
        known = {key.id: key for key in await self.api_keys()}
        if id_ in known and at < known[id_].ended_at():
            await self._session.fetch(statements.REVOKE_API_KEY, at, id_)
        return id_ in known

    async def ping(self) -> None:
        await self._session.fetch(statements.PING)

    async def close(self) -> None:
        await self._session.close()

    async def _list(self, write: OrderWrite, ttl: int) -> None:
        order = write.now.order
        month, written = cursors.month_of(order.placed_at), (list_timestamp(order), ttl)
        place = (order.placed_at, order.id_order)
        await asyncio.gather(
            self._session.fetch(statements.WRITE_OF_USER, order.id_user, month, *place, *written),
            self._session.fetch(
                statements.WRITE_OF_PRODUK, order.id_produk, cursors.day_of(order.placed_at), *place, *written
            ),
            # Orders share this row: its timestamp is its expiry, so that the one that lives longest wins.
            self._session.fetch(statements.WRITE_MONTH, order.id_user, month, write.expires_at * 1000, ttl),
        )

    def _batch(self, write: OrderWrite, ttl: bytes) -> OrderBatch:
        order = write.now.order
        batch = OrderBatch(self._write_order, order.id_order)
        batch.put(self._write_order, [*order_values(write.now), pack_bigint(order_timestamp(write.now)), ttl])
        for row in write.rows:
            written = pack_bigint(history_timestamp(order, row))
            batch.put(self._write_history, [*history_values(order.id_order, row), written, ttl])
        return batch

    async def _waiting(self, statement: str, *values: int) -> AsyncIterator[Waiting]:
        size = _WAITING_PAGE if values else _SCAN_PAGE
        async for rows in self._session.pages(statement, values, size):
            for waiting in map(waiting_of, rows):
                if waiting is not None:
                    yield waiting

    async def _places_of_user(self, id_user: int, after: Place, size: int) -> AsyncIterator[list[Place]]:
        newest = 999_912 if after == cursors.START else cursors.month_of(after.placed_at)
        for (month,) in await self._session.fetch(statements.READ_MONTHS, id_user, newest):
            async for places in self._places(statements.READ_OF_USER, id_user, month, after, size):
                yield places

    async def _places(
        self, statement: str, owner: int, part: int | date, after: Place, size: int
    ) -> AsyncIterator[list[Place]]:
        async for rows in self._session.pages(statement, (owner, part, *after), size):
            yield [Place(*row) for row in rows]

    async def _page(self, kind: ListKind, owner: int, limit: int, places: AsyncIterator[list[Place]]) -> Page:
        """Orders that have expired, or are being written, are not in the list."""
        items: list[Current] = []
        async for some in places:
            for start in range(0, len(some), _READS_IN_FLIGHT):
                found = await asyncio.gather(*map(self._listed, some[start : start + _READS_IN_FLIGHT]))
                items += [now for now in found if now is not None and _owner(kind, now.order) == owner]
                if len(items) > limit:
                    last = items[limit - 1].order
                    return Page(items[:limit], cursors.encode(kind, owner, Place(last.placed_at, last.id_order)))
        return Page(items, None)

    async def _listed(self, place: Place) -> Current | None:
        """An id is new again when its order has expired: what is in the list must be the same order."""
        now = await self.order(place.id_order)
        return now if now is not None and now.order.placed_at == place.placed_at else None

    async def _count(self, id_user: int) -> int:
        months = await self._session.fetch(statements.READ_MONTHS, id_user, 999_912)
        counts = [await self._session.fetch(statements.COUNT_OF_USER, id_user, month) for (month,) in months]
        return sum(count for ((count,),) in counts)


def _owner(kind: ListKind, order: Order) -> int:
    return order.id_user if kind == cursors.OF_USER else order.id_produk
