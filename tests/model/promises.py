"""What the pure fold of a whole log says must be there, and which promises a world in which things went wrong broke."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from agents.publisher import Outgoing
from agents.records import Kind, Record, Rejection, parse
from logs import PARTITIONS, Log
from streams.codec import Codec
from streams.messages import STATUS_CHANGED, Headers, cloud_event, status_changed
from streams.order import Order, Rejected, Row, Update, fold, placed, same_order

if TYPE_CHECKING:
    from protocol import World

_CHANGED = Codec("OrderStatusChanged")
Histories = dict[int, tuple[Order, list[Row]]]


class Published(NamedTuple):
    """A change as it was published."""

    id_order: int
    version: int
    record: Outgoing


def expected(log: Log) -> tuple[Histories, set[tuple[Kind, int]]]:
    """Each order with its rows, and where the dead letters come from: the pure fold of the whole log."""
    orders: Histories = {}
    dead: set[tuple[Kind, int]] = set()
    for record in log.records[Kind.ORDERS]:
        order = parse(record, PARTITIONS)
        assert isinstance(order, Order)
        first = orders.setdefault(order.id_order, (order, [placed(order)]))[0]
        if not same_order(first, order):
            dead.add((Kind.ORDERS, record.position.offset))
    for record in log.records[Kind.UPDATES]:
        update = parse(record, PARTITIONS)
        assert isinstance(update, Update) and not isinstance(update, Rejection)
        if update.id_order in orders:
            order, rows = orders[update.id_order]
            rows, outcome = fold(rows, update)
            orders[update.id_order] = order, rows
            if isinstance(outcome, Rejected):
                dead.add((Kind.UPDATES, record.position.offset))
    return orders, dead


def broken(world: "World") -> list[str]:
    """Which promises do not hold."""
    orders, dead = expected(world.log)
    found = [what for id_order, (order, rows) in orders.items() for what in _wrong_in(world, id_order, order, rows)]
    if {event.id_order for event in world.events} - orders.keys():
        found.append("phantom")
    if world.dead.keys() != dead:
        found.append("dead letters")
    if any(said != those[0] for those in world.dead.values() for said in those):
        found.append("a dead letter sent again says something else")
    return found


def _wrong_in(world: "World", id_order: int, order: Order, rows: list[Row]) -> Iterator[str]:
    stored = world.do(world.store.load(id_order))
    if stored is None or list(stored.rows) != rows:
        yield "rows"
    applied = [row for row in rows if row.applied]
    current = world.do(world.store.order(id_order))
    if current is None or (current.status, current.version) != (applied[-1].status, applied[-1].version):
        yield "current status"
    listed = world.do(world.store.orders_of_user(order.id_user, 10)).items
    if id_order not in [each.order.id_order for each in listed]:
        yield "list"
    mine = [event for event in world.events if event.id_order == id_order]
    if list(dict.fromkeys(event.version for event in mine)) != [row.version for row in applied]:
        yield "versions missing, too many, or first seen out of order"
    want = {row.version: _said(world.log, order, row) for row in applied}
    for event in mine:
        value, headers = want.get(event.version, (None, None))
        if event.record.value != value:
            yield "an event says something else"
        elif event.record.headers != headers:
            yield "an event's headers are not its record's"


def _said(log: Log, order: Order, row: Row) -> tuple[bytes, Headers]:
    """The value and the headers of a change's event."""
    record = _judged(log, row)
    id_ = f"{order.id_order}-{row.version}"
    headers = cloud_event(STATUS_CHANGED, id_, "track", record.recorded_at, record.processed)
    return _CHANGED.encode(status_changed(order, row)), headers


def _judged(log: Log, row: Row) -> Record:
    """The record that a row comes from."""
    return log.records[Kind(row.position.incarnation)][row.position.offset]
