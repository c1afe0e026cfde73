"""The orders' store, as the worker and the API see it.

`MemoryOrders` (tables/memory_orders.py) and `CassandraOrders` (tables/cassandra_orders.py) implement it under one
contract test. Every write is idempotent: done twice, late, or by a stale writer, it leaves the same rows. A method that
finds Cassandra away raises `StoreUnavailable`: a broken dependency is an exception, never an empty answer.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple, Protocol

from streams.messages import Headers
from streams.order import Order, Position, Row, current, status_at
from tables.api_keys import ApiKey
from tables.idempotency import Answer, Hold

DAY_MS = 24 * 60 * 60 * 1000
WAITS_MS = 7 * DAY_MS
REJECTED_KEPT_MS = 30 * DAY_MS  # as courier-status-rejected
WAITING_KEPT_MS = 14 * DAY_MS  # the wait, and a week for `lacak waiting expire` to run
# An order outlives the updates that waited for it: `lacak waiting expire` would take them for unknown otherwise.
KEPT_AFTER_UPDATE_MS = WAITING_KEPT_MS + DAY_MS


class StoreUnavailable(Exception):
    """Cassandra did not answer: whether a write took place is not known. Try again."""


class StoreRefused(StoreUnavailable):
    """Cassandra does not know us, or does not let us: it says why. Try again when somebody has put it right."""


@dataclass(frozen=True, slots=True)
class StoredOrder:
    """An order with all its rows, in the order of the log (`rows[0]` is `placed`)."""

    order: Order
    rows: tuple[Row, ...]


class Current(NamedTuple):
    """An order and its current status, as `orders` holds it."""

    order: Order
    status: str
    status_at: int
    version: int
    courier: str | None
    eta: int | None

    @classmethod
    def of(cls, order: Order, rows: Sequence[Row]) -> "Current":
        """What the rows of an order make of it."""
        now = current(rows)
        return cls(order, now.status, status_at(rows), now.version or 0, now.courier, now.eta)


@dataclass(frozen=True, slots=True)
class OrderWrite:
    """One order's mutation: its `orders` row as of `now`, and history rows; one partition, so applied as one.

    `lists`: also the rows in orders_by_user and orders_by_produk, each a partition of its own, written before it.
    """

    now: Current
    rows: tuple[Row, ...]
    expires_at: int  # ms; see `expires_at`
    lists: bool


@dataclass(frozen=True, slots=True)
class Waiting:
    """An update that came before its order: the record as it was read."""

    id_order: int
    position: Position
    recorded_at: int
    value: bytes
    headers: Headers
    rejected: bool = False  # `lacak waiting expire` has sent it to courier-status-rejected


class RejectedUpdate(NamedTuple):
    """Why an update was rejected. The record itself is in courier-status-rejected."""

    id_order: int
    event_id: str
    courier: str
    status: str
    reason: str
    detail: str
    recorded_at: int


class Page(NamedTuple):
    """Part of a list, and the opaque cursor of the next part or None at the end."""

    items: list[Current]
    next: str | None


class HistoryPage(NamedTuple):
    """Part of a history, newest first, and the id to go on before, or None at the end."""

    items: list[Row]
    next: int | None


class BadCursor(ValueError):
    """A list's cursor that this store did not give."""


def expires_at(order: Order, last_recorded_at: int, retention_ms: int) -> int:
    """When an order's rows expire, all together: so long after placed_at, at least 15 days after its last update.

    Rounded up to a whole day, so that an old order that is still being updated has its rows rewritten once a day, not
    with each update.
    """
    until = max(order.placed_at + retention_ms, last_recorded_at + KEPT_AFTER_UPDATE_MS)
    return -(-until // DAY_MS) * DAY_MS


class Orders(Protocol):
    """The store. Times are milliseconds; `now` is the caller's clock, used for the time to live of what is written."""

    async def load(self, id_order: int) -> StoredOrder | None:
        """The order with all its rows; None when it is not there (an `orders` row without id_user counts as absent)."""

    async def write(self, write: OrderWrite, now: int) -> None:
        """Writes one order. `orders` carries the timestamp (recorded_at of its OrderPlaced in µs + version), a history
        row (the same + its number), so neither a stale writer nor a repeated one changes what is newer; the same
        written again with a later `expires_at` lives longer."""

    async def add_waiting(self, waiting: Waiting, now: int) -> None:
        """Keeps an update that came before its order. The same position again changes nothing."""

    async def waiting(self, id_order: int) -> list[Waiting]:
        """The updates that wait or waited for this order, by position. They are never deleted, they expire."""

    def all_waiting(self) -> AsyncIterator[Waiting]:
        """Every waiting update there is: a scan of the table, for `lacak waiting expire`."""

    async def mark_rejected(self, waiting: Waiting, now: int) -> None:
        """Remembers that `waiting` was sent to courier-status-rejected as unknown_order."""

    async def note_rejected(self, rejected: RejectedUpdate, now: int) -> None:
        """Keeps why an update was rejected, as long as its record is kept; of one sent twice, the later reason."""

    async def rejected_update(self, id_order: int, event_id: str) -> RejectedUpdate | None:
        """Why that update was rejected, if it was."""

    async def order(self, id_order: int) -> Current | None:
        """The order and its current status."""

    async def history(self, id_order: int, limit: int, before: int | None = None) -> HistoryPage:
        """The rows of the history, newest id_order_status_history first, those below `before`."""

    async def orders_of_user(self, id_user: int, limit: int, cursor: str | None = None) -> Page:
        """A user's orders, newest placed_at first, then highest id_order. Raises BadCursor."""

    async def orders_of_produk(self, id_produk: int, day: date, limit: int, cursor: str | None = None) -> Page:
        """A product's orders placed on a day (UTC), newest first. Raises BadCursor."""

    async def users(self, limit: int) -> list[tuple[int, int]]:
        """Some users who have orders, and how many orders: (id_user, count). Scans; for the local stack's page only."""

    async def lease_node(self, owner: str, nodes: int, ttl_seconds: int) -> int | None:
        """Takes a free Snowflake node number below `nodes`, or renews the one that `owner` has; None: all are taken.

        A compare-and-set with a time to live, so that no two owners ever hold one."""

    async def hold_key(self, mine: Hold, stale_ms: int) -> Hold | Answer:
        """Holds an idempotency key for a day, or gives what it was answered. What is held for longer than `stale_ms`
        is given over: `began_at` and `id_order` of the Hold are then the first try's. Raises InProgress where another
        holds it, and OtherRequest. See tables/idempotency.py."""

    async def key_answered(self, mine: Hold, answer: Answer) -> None:
        """From now on the key has this answer; nothing happens where it has been given over."""

    async def release_key(self, mine: Hold) -> None:
        """The request may be tried again at once, with what was assigned to it."""

    async def api_keys(self) -> list[ApiKey]:
        """All API keys there are, the revoked and expired ones too."""

    async def add_api_key(self, key: ApiKey) -> None:
        """Keeps a new one."""

    async def revoke_api_key(self, id_: str, at: int) -> bool:
        """Ends a key at that time; whether there is such a key. One that has ended earlier stays so."""

    async def ping(self) -> None:
        """Raises StoreUnavailable unless Cassandra answers."""

    async def close(self) -> None:
        """Closes the session."""
