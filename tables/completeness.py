"""What a store makes of the rows it finds: whether an order is whole, and in which order its updates wait."""

from collections.abc import Iterable

from streams.order import Order, Row
from tables.orders import StoredOrder, Waiting


def whole(order: Order | None, rows: Iterable[Row]) -> StoredOrder | None:
    """The order with its rows in the order of the log; None unless all are there, from `placed` on.

    An order's rows expire together, but to the second: of one that is just expiring some may be gone already. Judging
    updates by what is left would give other outcomes, so it counts as absent.
    """
    in_order = sorted(rows, key=lambda row: row.number)
    if order is None or not in_order or [row.number for row in in_order] != list(range(1, len(in_order) + 1)):
        return None
    return StoredOrder(order, tuple(in_order))


def by_position(waiting: Iterable[Waiting]) -> list[Waiting]:
    """By offset within an incarnation and partition; of several of these, the one that began earlier comes first."""
    updates = list(waiting)
    began: dict[tuple[str, int], int] = {}
    for update in updates:
        log = update.position[:2]
        began[log] = min(began.get(log, update.recorded_at), update.recorded_at)
    return sorted(updates, key=lambda update: (began[update.position[:2]], update.position))
