"""The store in memory: for tests, and as the plainest statement of what the store does.

It keeps the rules of the real one: rows with write timestamps, of which the greatest wins, and a time to live.
"""

import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from datetime import date
from typing import Generic, NamedTuple, TypeVar

from streams.order import Order, Position, Row
from tables import cursors
from tables.api_keys import ApiKey
from tables.completeness import by_position, whole
from tables.cursors import ListKind, Place
from tables.idempotency import KEPT_SECONDS, Answer, Hold, after
from tables.lifetime import history_timestamp, order_timestamp, ttl_seconds, waiting_timestamp, waiting_ttl
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

P = TypeVar("P")
K = TypeVar("K")
T = TypeVar("T")


class _Cell(NamedTuple, Generic[T]):
    timestamp: int
    expires_at: int
    value: T


def _clock() -> int:
    return time.time_ns() // 1_000_000


class MemoryOrders(Orders):
    """`clock` gives the time in ms by which rows expire, as Cassandra's own clock does."""

    def __init__(self, clock: Callable[[], int] = _clock) -> None:
        self._clock = clock
        self._orders: dict[int, dict[None, _Cell[Current]]] = {}
        self._history: dict[int, dict[int, _Cell[Row]]] = {}
        self._listed: dict[int, dict[Place, _Cell[Order]]] = {}
        self._waiting: dict[int, dict[Position, _Cell[Waiting]]] = {}
        self._rejected: dict[tuple[int, str], dict[None, _Cell[RejectedUpdate]]] = {}
        self._nodes: dict[int, _Cell[str]] = {}
        self._api_keys: dict[str, ApiKey] = {}
        self._keys: dict[bytes, dict[None, _Cell[tuple[Hold, Answer | None]]]] = {}

    async def load(self, id_order: int) -> StoredOrder | None:
        now = self._current(id_order)
        return whole(now and now.order, self._living(self._history, id_order))

    async def write(self, write: OrderWrite, now: int) -> None:
        order, ttl = write.now.order, ttl_seconds(write.expires_at, now)
        if write.lists:
            place = Place(order.placed_at, order.id_order)
            self._put(self._listed, order.id_order, place, order.recorded_at * 1000, ttl, order)
        self._put(self._orders, order.id_order, None, order_timestamp(write.now), ttl, write.now)
        for row in write.rows:
            key = row.id_order_status_history
            self._put(self._history, order.id_order, key, history_timestamp(order, row), ttl, row)

    async def add_waiting(self, waiting: Waiting, now: int) -> None:
        self._keep(waiting, waiting_timestamp(waiting), now)

    async def waiting(self, id_order: int) -> list[Waiting]:
        return by_position(self._living(self._waiting, id_order))

    async def all_waiting(self) -> AsyncIterator[Waiting]:
        for id_order in list(self._waiting):
            for waiting in await self.waiting(id_order):
                yield waiting

    async def mark_rejected(self, waiting: Waiting, now: int) -> None:
        self._keep(replace(waiting, rejected=True), waiting_timestamp(waiting) + 1, now)

    async def note_rejected(self, rejected: RejectedUpdate, now: int) -> None:
        ttl = ttl_seconds(rejected.recorded_at + REJECTED_KEPT_MS, now)
        self._put(self._rejected, rejected[:2], None, rejected.recorded_at * 1000, ttl, rejected)

    async def rejected_update(self, id_order: int, event_id: str) -> RejectedUpdate | None:
        return next(self._living(self._rejected, (id_order, event_id)), None)

    async def order(self, id_order: int) -> Current | None:
        return self._current(id_order)

    async def history(self, id_order: int, limit: int, before: int | None = None) -> HistoryPage:
        rows = sorted(
            (
                row
                for row in self._living(self._history, id_order)
                if before is None or row.id_order_status_history < before
            ),
            key=lambda row: row.id_order_status_history,
            reverse=True,
        )
        more = rows[limit - 1].id_order_status_history if len(rows) > limit else None
        return HistoryPage(rows[:limit], more)

    async def orders_of_user(self, id_user: int, limit: int, cursor: str | None = None) -> Page:
        after = cursors.decode(cursors.OF_USER, id_user, cursor)
        listed = [now for now in self._newest_first(after) if now.order.id_user == id_user]
        return _page(cursors.OF_USER, id_user, listed, limit)

    async def orders_of_produk(self, id_produk: int, day: date, limit: int, cursor: str | None = None) -> Page:
        after = cursors.decode(cursors.OF_PRODUK, id_produk, cursor)
        listed = [
            now
            for now in self._newest_first(after)
            if now.order.id_produk == id_produk and cursors.day_of(now.order.placed_at) == day
        ]
        return _page(cursors.OF_PRODUK, id_produk, listed, limit)

    async def users(self, limit: int) -> list[tuple[int, int]]:
        listed = [order for id_order in self._listed for order in self._living(self._listed, id_order)]
        return Counter(order.id_user for order in listed).most_common(limit)

    async def lease_node(self, owner: str, nodes: int, ttl_seconds: int) -> int | None:
        now = self._clock()
        taken = {node: cell.value for node, cell in self._nodes.items() if cell.expires_at > now and node < nodes}
        mine = (node for node, holder in taken.items() if holder == owner)
        free = (node for node in range(nodes) if node not in taken)
        node = next(mine, next(free, None))
        if node is not None:
            self._nodes[node] = _Cell(now, now + ttl_seconds * 1000, owner)
        return node

    async def hold_key(self, mine: Hold, stale_ms: int) -> Hold | Answer:
        held = next(self._living(self._keys, mine.key), None)
        next_ = mine if held is None else after(mine, *held, stale_ms)
        if isinstance(next_, Hold):
            self._keep_key(next_, None)
        return next_

    async def key_answered(self, mine: Hold, answer: Answer) -> None:
        if self._holds(mine):
            self._keep_key(mine, answer)

    async def release_key(self, mine: Hold) -> None:
        if self._holds(mine):
            self._keep_key(mine._replace(held_at=0), None)

    async def api_keys(self) -> list[ApiKey]:
        return list(self._api_keys.values())

    async def add_api_key(self, key: ApiKey) -> None:
        self._api_keys[key.id] = key

    async def revoke_api_key(self, id_: str, at: int) -> bool:
        key = self._api_keys.get(id_)
        if key is not None and at < key.ended_at():
            self._api_keys[id_] = key._replace(revoked_at=at)
        return key is not None

    async def ping(self) -> None:
        return None

    async def close(self) -> None:
        return None

    def _holds(self, mine: Hold) -> bool:
        return any(held.owner == mine.owner for held, _ in self._living(self._keys, mine.key))

    def _keep_key(self, hold: Hold, answer: Answer | None) -> None:
        self._put(self._keys, hold.key, None, self._clock(), KEPT_SECONDS, (hold, answer))

    def _keep(self, waiting: Waiting, timestamp: int, now: int) -> None:
        ttl = waiting_ttl(waiting, now)
        self._put(self._waiting, waiting.id_order, waiting.position, timestamp, ttl, waiting)

    def _put(self, table: dict[P, dict[K, _Cell[T]]], partition: P, key: K, timestamp: int, ttl: int, value: T) -> None:
        rows = table.setdefault(partition, {})
        new = _Cell(timestamp, self._clock() + ttl * 1000, value)
        old = rows.get(key)
        if old is None or (old.timestamp, old.expires_at) <= (new.timestamp, new.expires_at):
            rows[key] = new

    def _living(self, table: dict[P, dict[K, _Cell[T]]], partition: P) -> Iterator[T]:
        now = self._clock()
        return (cell.value for cell in list(table.get(partition, {}).values()) if cell.expires_at > now)

    def _newest_first(self, after: Place) -> list[Current]:
        """What is listed below `after` and still the same order."""
        listed = (order for id_order in self._listed for order in self._living(self._listed, id_order))
        places = sorted({Place(order.placed_at, order.id_order) for order in listed}, reverse=True)
        found = ((place, self._current(place.id_order)) for place in places if place < after)
        return [now for place, now in found if now is not None and now.order.placed_at == place.placed_at]

    def _current(self, id_order: int) -> Current | None:
        return next(self._living(self._orders, id_order), None)


def _page(kind: ListKind, owner: int, listed: list[Current], limit: int) -> Page:
    if len(listed) <= limit:
        return Page(listed, None)
    last = listed[limit - 1].order
    return Page(listed[:limit], cursors.encode(kind, owner, Place(last.placed_at, last.id_order)))
