"""One partition, as one assignment of one worker knows it: its positions, its cache, and how its records are judged.

`Lane.judge` turns a batch into `Effects` and does none of them. The rules it keeps are those of DESIGN section 6:

1. a record is judged by the history rows before its own position (`streams.order.fold`);
2. an order is there only if its OrderPlaced lies before this lane's own position in `orders`, cached or not;
4. cache and positions belong to one assignment: a new one starts with new lanes;
5. a record read again has all its effects again;
6. of the waiting rows, only those before this lane's own position in the updates are folded.

All reads come before the first change of the lane: cancelled in one, it is as it was.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from agents.clocks import Clocks
from agents.records import Kind, Misrouted, Record, Rejection, parse, understand
from streams import metrics
from streams.order import (
    MAX_WAITING,
    Applied,
    Duplicate,
    Late,
    Order,
    Position,
    Reason,
    Row,
    Update,
    fold,
    placed,
    same_order,
)
from tables.orders import WAITS_MS, Current, OrderWrite, RejectedUpdate, StoredOrder, Waiting, expires_at

_clocks = Clocks()
_APPLIED, _LATE, _DUPLICATE, _REJECTED = map(metrics.OUTCOMES.labels, ("applied", "late", "duplicate", "rejected"))
for _reason in Reason:
    metrics.REJECTED.labels(_reason)  # at 0


@dataclass(frozen=True, slots=True)
class Event:
    """One applied change to publish."""

    order: Order
    row: Row
    record: Record  # the one that was judged


@dataclass(slots=True)
class Effects:
    """All that a batch does, in the order of the log; done twice, it is the same."""

    writes: list[OrderWrite] = field(default_factory=list)
    waiting: list[Waiting] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    rejections: list[Rejection] = field(default_factory=list)
    forwards: list[Misrouted] = field(default_factory=list)

    @property
    def refused(self) -> Iterator[RejectedUpdate]:
        """What is written down of the rejected updates, for the couriers that ask."""
        return (_refused(each.update, each) for each in self.rejections if each.update is not None)


@dataclass(slots=True)
class _Entry:
    """A cached order: all its rows, or it is not cached."""

    order: Order
    rows: list[Row]


@dataclass(slots=True)
class _Touched:
    """What a batch did to one order: the rows it judged, in the order of the log."""

    entry: _Entry
    rows: list[Row] = field(default_factory=list)


class _Batch:
    """The effects of one batch while they come together."""

    def __init__(self) -> None:
        self.effects = Effects()
        self.touched: dict[int, _Touched] = {}

    def place(self, entry: _Entry, record: Record) -> None:
        """An order's first row; read again, it takes the place of the same one."""
        row = placed(entry.order)
        entry.rows[:1] = [row]
        self._applied(entry, row, record)

    def fold_waiting(self, entry: _Entry, waiting: Waiting) -> None:
        """Judges an update that came before its order."""
        key = str(waiting.id_order).encode()
        record = Record(Kind.UPDATES, waiting.position, waiting.recorded_at, key, waiting.value, waiting.headers)
        message = understand(record)
        if isinstance(message, Update):
            self.fold(entry, message, record)
        elif isinstance(message, Rejection):  # this version's rules are stricter than those it waited under
            self.reject(message)

    def fold(self, entry: _Entry, update: Update, record: Record) -> None:
        """Judges an update by the rows before it."""
        _clocks.judged(update)
        entry.rows, outcome = fold(entry.rows, update, entry.order.couriers)
        if isinstance(outcome, Applied):
            _clocks.applied(update, entry.rows[outcome.row.number - 2])
            self._applied(entry, outcome.row, record)
        elif isinstance(outcome, Late):
            _LATE.inc()
            self._touch(entry, outcome.row)
        elif isinstance(outcome, Duplicate):
            _DUPLICATE.inc()
        else:
            self.reject(Rejection(record, outcome.reason, outcome.detail, update))

    def reject(self, rejection: Rejection) -> None:
        """Sends a record to `courier-status-rejected`."""
        _REJECTED.inc()
        metrics.REJECTED.labels(rejection.reason).inc()
        self.effects.rejections.append(rejection)

    def _applied(self, entry: _Entry, row: Row, record: Record) -> None:
        _APPLIED.inc()
        self._touch(entry, row)
        self.effects.events.append(Event(entry.order, row, record))

    def _touch(self, entry: _Entry, row: Row) -> None:
        self.touched.setdefault(entry.order.id_order, _Touched(entry)).rows.append(row)


class Reads(Protocol):
    """What a lane asks the store."""

    async def load(self, id_order: int) -> StoredOrder | None:
        """The order with all its rows; None when it is not there."""

    async def waiting(self, id_order: int) -> list[Waiting]:
        """The updates that wait for this order."""


class Lane:
    """Judges the records of one partition, one batch at a time over both topics."""

    def __init__(
        self, store: Reads, positions: dict[Kind, Position], *, partitions: int, retention_ms: int, cached: int
    ) -> None:
        """`positions`: the next record of each topic that this assignment reads."""
        self.positions = positions
        self._store, self._partitions, self._retention_ms, self._cached = store, partitions, retention_ms, cached
        self._entries: OrderedDict[int, _Entry | None] = OrderedDict()
        self._waiting: OrderedDict[int, list[Position]] = OrderedDict()

    @property
    def cached(self) -> int:
        """Orders in memory, absent ones included."""
        return len(self._entries)

    def advance(self, kind: Kind, offset: int) -> None:
        """A batch is done, its effects are durable and confirmed: the next record to read is at `offset`."""
        self.positions[kind] = self.positions[kind]._replace(offset=offset)
        while len(self._entries) > self._cached:
            self._entries.popitem(last=False)
        while len(self._waiting) > self._cached // 50 + 1:  # up to MAX_WAITING positions each
            self._waiting.popitem(last=False)

    async def judge(self, records: Sequence[Record]) -> Effects:
        """The effects of a batch of one topic, not done yet."""
        parsed = [parse(record, self._partitions) for record in records]
        waiting = await self._read(parsed)
        batch = _Batch()
        for record, message in zip(records, parsed, strict=True):
            if isinstance(message, Update):
                self._update(message, record, batch)
            elif isinstance(message, Order):
                self._order(message, record, waiting[message.id_order], batch)
            elif isinstance(message, Rejection):
                batch.reject(message)
            else:
                batch.effects.forwards.append(message)
        batch.effects.writes = [self._write(each) for each in batch.touched.values()]
        return batch.effects

    async def _read(self, messages: Sequence[object]) -> dict[int, list[Waiting]]:
        """Fills the caches for a batch; gives what waits for the orders that are placed in it."""
        ids = {message.id_order for message in messages if isinstance(message, Update | Order)}
        new = {message.id_order for message in messages if isinstance(message, Order)}
        unknown = [id_order for id_order in ids if id_order not in self._entries]
        loaded = await asyncio.gather(*map(self._store.load, unknown))
        metrics.LOADED.inc(len(unknown))
        found = {
            id_order: None if each is None else _Entry(each.order, list(each.rows))
            for id_order, each in zip(unknown, loaded, strict=True)
        }
        early = {
            message.id_order
            for message in messages
            if isinstance(message, Update)
            and message.id_order not in self._waiting
            and not self._is_for(found.get(message.id_order) or self._entries.get(message.id_order), message)
        }
        asked = list(new | early)
        waiting = dict(zip(asked, await asyncio.gather(*map(self._store.waiting, asked)), strict=True))
        # Nothing was changed before this line, and nothing is awaited after it.
        self._entries.update(found)
        for id_order in ids:
            self._entries.move_to_end(id_order)
        self._waiting.update({id_order: [each.position for each in those] for id_order, those in waiting.items()})
        return waiting

    def _is_for(self, entry: _Entry | None, update: Update) -> bool:
        """Whether the update's order is there: it is known (rule 2), and did not come more than 7 days after it."""
        return (
            entry is not None
            and entry.order.position.before(self.positions[Kind.ORDERS])
            and _in_time(update, entry.order)
        )

    def _update(self, update: Update, record: Record, batch: _Batch) -> None:
        entry = self._entries[update.id_order]
        if entry is not None and self._is_for(entry, update):
            batch.fold(entry, update, record)
        else:
            self._wait(update, record, batch)

    def _wait(self, update: Update, record: Record, batch: _Batch) -> None:
        positions = self._waiting[update.id_order]
        if sum(position.before(record.position) for position in positions) >= MAX_WAITING:
            detail = f"{MAX_WAITING} updates wait for this order already"
            batch.reject(Rejection(record, Reason.UNKNOWN_ORDER, detail, update))
            return
        if record.position not in positions:
            positions.append(record.position)
        value = record.value or b""  # a valid update has one
        batch.effects.waiting.append(
            Waiting(update.id_order, record.position, record.recorded_at, value, record.headers)
        )
        metrics.WAITING.inc()

    def _order(self, order: Order, record: Record, waiting: list[Waiting], batch: _Batch) -> None:
        entry = self._entries[order.id_order]
        if (
            entry is not None
            and entry.order.position != record.position
            and entry.order.position.before(record.position)
        ):
            self._placed_before(entry.order, order, record, batch)
            return
        if entry is None or entry.order.position != record.position:
            entry = self._entries[order.id_order] = _Entry(order, [])
        batch.place(entry, record)
        for each in waiting:
            if each.position.before(self.positions[Kind.UPDATES]) and _in_time(each, order):
                batch.fold_waiting(entry, each)

    @staticmethod
    def _placed_before(there: Order, order: Order, record: Record, batch: _Batch) -> None:
        if same_order(there, order):
            _DUPLICATE.inc()
        else:
            batch.reject(Rejection(record, Reason.CONFLICTING_ORDER, "an order of other content has this id"))

    def _write(self, touched: _Touched) -> OrderWrite:
        """One order's mutation. When its rows must live longer, all of them are written again."""
        order, first, last = touched.entry.order, touched.rows[0].number, touched.rows[-1].number
        rows = touched.entry.rows[:last]
        until = self._expires_at(order, rows)
        longer = first > 1 and until > self._expires_at(order, rows[: first - 1])
        return OrderWrite(
            now=Current.of(order, rows),
            rows=tuple(rows if longer else touched.rows),
            expires_at=until,
            lists=longer or first == 1,
        )

    def _expires_at(self, order: Order, rows: Sequence[Row]) -> int:
        return expires_at(order, max(row.recorded_at for row in rows), self._retention_ms)


def _refused(update: Update, why: Rejection) -> RejectedUpdate:
    return RejectedUpdate(
        update.id_order, update.event_id, update.courier, update.status, str(why.reason), why.detail, update.recorded_at
    )


def _in_time(update: Update | Waiting, order: Order) -> bool:
    """Whether the update did not wait too long: the same whichever topic is read first, so the outcome is too."""
    return update.recorded_at + WAITS_MS >= order.recorded_at
