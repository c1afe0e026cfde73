"""The cursors of lists: opaque text that says after which order, in whose list, the next part begins."""

import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, date, datetime
from typing import Literal, NamedTuple

from tables.orders import BadCursor

ListKind = Literal[b"u", b"p"]
OF_USER: ListKind = b"u"
OF_PRODUK: ListKind = b"p"

_FORM = struct.Struct(">cIQQ")
_LONGEST = 2**63 - 1


class Place(NamedTuple):
    """Where an order stands in a list; lists begin with the greatest."""

    placed_at: int
    id_order: int


START = Place(_LONGEST, _LONGEST)


def encode(kind: ListKind, owner: int, place: Place) -> str:
    """The cursor of what comes after `place` in the list of one user or one product."""
    return urlsafe_b64encode(_FORM.pack(kind, owner, *place)).decode()


def decode(kind: ListKind, owner: int, cursor: str | None) -> Place:
    """The place after which to go on; the start without a cursor. Raises BadCursor, for another list's cursor too."""
    if cursor is None:
        return START
    try:
        # The alphabet is checked by encoding again: the decoder skips what is not in it.
        found_kind, found_owner, *place = _FORM.unpack(urlsafe_b64decode(cursor.encode("ascii")))
        if (found_kind, found_owner) != (kind, owner) or encode(kind, owner, Place(*place)) != cursor:
            raise BadCursor("a cursor of another list")
        month_of(place[0])
    except BadCursor:
        raise
    except (ValueError, OverflowError, OSError, struct.error) as error:
        raise BadCursor("not a cursor") from error
    if place[1] > _LONGEST:
        raise BadCursor("not a cursor")
    return Place(*place)


def month_of(placed_at: int) -> int:
    """Year * 100 + month in UTC."""
    day = day_of(placed_at)
    return day.year * 100 + day.month


def day_of(placed_at: int) -> date:
    """The day in UTC."""
    return datetime.fromtimestamp(placed_at // 1000, UTC).date()
