"""The order's life: the statuses, the transition table, and one pure fold.

Nothing here does I/O or knows the time. An update is judged by the rows of the order's history that come before it in
the log, and by nothing else (`judge`), so the same record has the same outcome however often it is read. Times are
integers: milliseconds since 1970 in UTC.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

TRANSITIONS: dict[str, frozenset[str]] = {
    status: frozenset(successors.split())
    for status, successors in {
        "placed": "confirmed picked_up in_transit out_for_delivery ready_for_pickup delivered exception cancelled lost",
        "confirmed": "picked_up in_transit out_for_delivery ready_for_pickup delivered exception cancelled lost",
        "picked_up": "in_transit out_for_delivery attempt_failed ready_for_pickup delivered exception returning "
        "cancelled lost",
        "in_transit": "in_transit out_for_delivery attempt_failed ready_for_pickup delivered exception returning lost",
        "out_for_delivery": "in_transit out_for_delivery attempt_failed ready_for_pickup delivered exception returning "
        "lost",
        "attempt_failed": "in_transit out_for_delivery attempt_failed ready_for_pickup delivered exception returning "
        "lost",
        "ready_for_pickup": "in_transit delivered exception returning lost",
        "delivered": "",
        "exception": "picked_up in_transit out_for_delivery attempt_failed ready_for_pickup delivered exception "
        "returning returned cancelled lost",
        "returning": "returning returned exception lost",
        "returned": "",
        "cancelled": "",
        "lost": "in_transit out_for_delivery delivered returning returned",
    }.items()
}
STATUSES = tuple(TRANSITIONS)
TERMINAL = frozenset(status for status, successors in TRANSITIONS.items() if not successors)
# Where a courier can lead an order no further, an operator may take the status back, and say what is true instead.
CORRECTIONS = {status: frozenset(STATUSES) - {status} for status in STATUSES if status in TERMINAL}
# An order only goes forward on this way; a step along it counts even when the courier's clock is slow.
WAY = ("placed", "confirmed", "picked_up", "in_transit", "out_for_delivery", "ready_for_pickup")

PLACED = "placed"
PLACED_EVENT_ID = "placed"
MAX_ROWS = 1000
MAX_WAITING = 1000
SHOP = "shop"  # the `courier` of an update that the shop sends
OPERATOR = "operator"  # the `courier` of a correction
ROW_NUMBER_BITS = 22


class Reason(StrEnum):
    """Why a record is rejected: the word in `lacak_reason`."""

    UNDECODABLE = "undecodable"
    UNKNOWN_SCHEMA = "unknown_schema"
    UNKNOWN_STATUS = "unknown_status"
    INVALID_FIELD = "invalid_field"
    ILLEGAL_TRANSITION = "illegal_transition"
    TOO_MANY_UPDATES = "too_many_updates"
    CONFLICTING_ORDER = "conflicting_order"
    UNKNOWN_ORDER = "unknown_order"
    WRONG_COURIER = "wrong_courier"


class Position(NamedTuple):
    """Where a record lies. `incarnation` is the topic's id at the broker: one made anew starts at offset 0 again."""

    incarnation: str
    partition: int
    offset: int

    def before(self, other: "Position") -> bool:
        """Whether this record comes before `other` of the same topic; one of another incarnation or partition does."""
        same_log = self.incarnation == other.incarnation and self.partition == other.partition
        return not same_log or self.offset < other.offset


@dataclass(frozen=True, slots=True)
class Order:
    """What never changes about an order: its OrderPlaced, and where that record lies."""

    id_order: int
    id_user: int
    id_produk: int
    harga: int
    jumlah: int
    total_harga: int
    currency: str
    placed_at: int  # clamped to recorded_at
    produk_nama: str | None
    promised_at: int | None
    position: Position
    recorded_at: int  # log-append time
    couriers: tuple[str, ...] | None = None  # who may report on it; None: any courier


@dataclass(frozen=True, slots=True)
class Update:
    """A valid CourierStatusUpdate, where its record lies, and when the broker appended it."""

    event_id: str
    id_order: int
    status: str
    occurred_at: int
    courier: str
    substatus: str | None
    note: str | None
    latitude: float | None
    longitude: float | None
    eta: int | None
    position: Position
    recorded_at: int
    corrects: int | None = None  # a correction: the version whose terminal status is taken back
    operator: str | None = None  # and who does it


@dataclass(frozen=True, slots=True)
class Row:
    """One row of an order's history. `eta` of an applied row is the latest known then; of a late one, its own."""

    number: int  # counts the history's rows from 1, in the order of the log
    status: str
    previous_status: str | None
    version: int | None  # None: late, not applied
    occurred_at: int
    recorded_at: int
    event_id: str
    courier: str | None
    substatus: str | None
    note: str | None
    latitude: float | None
    longitude: float | None
    eta: int | None
    position: Position
    corrects: int | None = None
    operator: str | None = None

    @property
    def id_order_status_history(self) -> int:
        """Deterministic, and sorts by time, then by the log."""
        return self.occurred_at << ROW_NUMBER_BITS | self.number

    @property
    def applied(self) -> bool:
        return self.version is not None


class Applied(NamedTuple):
    """The update is the order's new current status."""

    row: Row


class Late(NamedTuple):
    """The update is of the past: a row in the history, nothing else changes."""

    row: Row


class Duplicate(NamedTuple):
    """The history has this event_id already."""


class Rejected(NamedTuple):
    """The update goes to `courier-status-rejected`; `detail` is for a person."""

    reason: Reason
    detail: str


Outcome = Applied | Late | Duplicate | Rejected


def placed(order: Order) -> Row:
    """Version 1 of an order."""
    return Row(
        number=1,
        status=PLACED,
        previous_status=None,
        version=1,
        occurred_at=order.placed_at,
        recorded_at=order.recorded_at,
        event_id=PLACED_EVENT_ID,
        courier=None,
        substatus=None,
        note=None,
        latitude=None,
        longitude=None,
        eta=None,
        position=order.position,
    )


def before(rows: Iterable[Row], position: Position) -> list[Row]:
    """The rows whose record lies before `position` in the updates; the order's own row `placed` is before all."""
    return [row for row in rows if row.number == 1 or row.position.before(position)]


def current(rows: Sequence[Row]) -> Row:
    """The latest applied row. `rows` are in the order of the log, and hold at least `placed`."""
    return next(row for row in reversed(rows) if row.version is not None)


def status_at(rows: Iterable[Row]) -> int:
    """Since when the order has its current status: progress under a slow clock never turns the order's time back."""
    return max(row.occurred_at for row in rows if row.version is not None)


def is_progress(status: str, new: str) -> bool:
    """Whether `new` is a legal step that a courier's slow clock must not hold up."""
    if new not in TRANSITIONS[status]:
        return False
    return new in TERMINAL or (status in WAY and new in WAY and WAY.index(new) > WAY.index(status))


def not_correctable(now: Row, update: Update) -> str | None:
    """Why a correction is refused, for a person; None where it is applied. `now` is the order's current row.

    It names the version that it takes back: of two operators who see the same mistake, the second one corrects nothing
    that it has not seen.
    """
    if update.corrects != now.version:
        return f"corrects version {update.corrects}, and the order is at {now.version}"
    if now.status not in CORRECTIONS:
        return f"{now.status} is not terminal"
    if update.status not in CORRECTIONS[now.status]:
        return f"the order is {now.status} already"
    return None


def judge(rows: Sequence[Row], update: Update, couriers: Collection[str] | None = None) -> Outcome:
    """Judges one update by the rows before it: the cases of DESIGN section 4, tried from the top.

    `rows` are those that `before` gives, in the order of the log. A clock may run ahead: `occurred_at` after the
    log-append time is taken as that time, but never as before the current status's, since brokers' clocks differ too.
    `couriers`: those that the order names, if it names any. The shop itself may always report. A correction is by no
    courier, and never late.
    """
    if any(row.event_id == update.event_id for row in rows):
        return Duplicate()
    if update.corrects is not None:
        return _corrected(rows, update)
    if couriers is not None and update.courier not in couriers and update.courier != SHOP:
        return Rejected(Reason.WRONG_COURIER, "the order names its couriers, and this is none of them")
    now, since = current(rows), status_at(rows)
    occurred_at = update.occurred_at
    if occurred_at > update.recorded_at:
        occurred_at = max(update.recorded_at, since)
    if occurred_at < since and not is_progress(now.status, update.status):
        # Late rows count towards the bound too: a history that late scans could grow for ever would be no bound.
        late = Late(_row(rows, update, occurred_at, None, None, update.eta))
        return late if len(rows) < MAX_ROWS else _full(rows)
    if update.status not in TRANSITIONS[now.status]:
        return Rejected(Reason.ILLEGAL_TRANSITION, f"{now.status} -> {update.status}")
    return _applied(rows, now, update, occurred_at)


def _corrected(rows: Sequence[Row], update: Update) -> Outcome:
    """Judges a correction. Its time is never before the current status's, since it says what is true after that."""
    now = current(rows)
    refused = not_correctable(now, update)
    if refused is not None:
        return Rejected(Reason.ILLEGAL_TRANSITION, refused)
    return _applied(rows, now, update, max(min(update.occurred_at, update.recorded_at), status_at(rows)))


def _applied(rows: Sequence[Row], now: Row, update: Update, occurred_at: int) -> Outcome:
    if len(rows) >= MAX_ROWS:
        return _full(rows)
    eta = update.eta if update.eta is not None else now.eta
    return Applied(_row(rows, update, occurred_at, now.status, (now.version or 0) + 1, eta))


def _full(rows: Sequence[Row]) -> Rejected:
    return Rejected(Reason.TOO_MANY_UPDATES, f"the history holds {len(rows)} rows")


def fold(rows: Sequence[Row], update: Update, couriers: Collection[str] | None = None) -> tuple[list[Row], Outcome]:
    """Judges `update` among all known `rows` of its order; gives the rows with its own in place, and the outcome.

    Read again, an update meets its own row and those after it: it is judged by the rows before its position, and the
    row it gives takes the place of the same one.
    """
    prior = before(rows, update.position)
    outcome = judge(prior, update, couriers)
    if isinstance(outcome, Applied | Late):
        return [*prior, outcome.row, *rows[len(prior) + 1 :]], outcome
    return list(rows), outcome


def _row(
    rows: Sequence[Row],
    update: Update,
    occurred_at: int,
    previous_status: str | None,
    version: int | None,
    eta: int | None,
) -> Row:
    return Row(
        number=len(rows) + 1,
        status=update.status,
        previous_status=previous_status,
        version=version,
        occurred_at=occurred_at,
        recorded_at=update.recorded_at,
        event_id=update.event_id,
        courier=update.courier,
        substatus=update.substatus,
        note=update.note,
        latitude=update.latitude,
        longitude=update.longitude,
        eta=eta,
        position=update.position,
        corrects=update.corrects,
        operator=update.operator,
    )


def same_order(one: Order, other: Order) -> bool:
    """Whether two OrderPlaced say the same, placed_at aside."""
    return _content(one) == _content(other)


def _content(order: Order) -> tuple[object, ...]:
    return (
        order.id_user,
        order.id_produk,
        order.harga,
        order.jumlah,
        order.total_harga,
        order.currency,
        order.produk_nama,
        order.promised_at,
        order.couriers,
    )
