"""What a table has of one order, and what it should have: what `lacak rebuild` goes by. Pure."""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from streams.order import Row
from tables.completeness import whole
from tables.orders import Current

FIRST, LAST = -(2**63), 2**63 - 1
"""Of the partitioner's tokens: a scan goes from after the first to the last."""


class Table(StrEnum):
    """What can be made anew."""

    ORDERS = "orders"
    OF_USER = "orders_by_user"
    OF_PRODUK = "orders_by_produk"


class Found(StrEnum):
    """What a table has of one order."""

    SAME = "as it should be"
    DIFFERS = "differs"
    HELD = "differs, and was written with a later timestamp than ours"
    UNKNOWN = "a history without a row in orders"
    BROKEN = "rows are missing in its history"


LEFT = frozenset({Found.HELD, Found.UNKNOWN, Found.BROKEN})
"""What takes more than a rebuild."""


class Checked(NamedTuple):
    """One order, as it was found; `was` and `now` are for a person."""

    id_order: int
    found: Found
    was: str = ""
    now: str = ""


class Page(NamedTuple):
    """Some orders, and the token after which the scan goes on."""

    token: int
    orders: list[Checked]


@dataclass(frozen=True, slots=True)
class Stored:
    """What there is of an order. `orders` was read no later than the history."""

    there: Current | None
    rows: list[Row]

    def right(self) -> Current | None:
        """What `orders` should say; None where that does not follow from what there is."""
        stored = whole(None if self.there is None else self.there.order, self.rows)
        return None if stored is None else Current.of(stored.order, stored.rows)

    def verdict(self) -> Found:
        """What `orders` has of it."""
        right = self.right()
        if self.there is None:
            return Found.UNKNOWN if self.rows else Found.SAME  # it has just expired
        if right is None or right.version < self.there.version:
            return Found.BROKEN
        return Found.SAME if self.there == right else Found.DIFFERS
