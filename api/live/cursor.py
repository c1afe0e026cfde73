"""The cursor: which records of `order-status-changed` a client has seen, opaque to it and the same on all gateways.

Inside: topic incarnation, partition, and the offset of the last record read of that partition (-1: none yet). A user's
changes are all in one partition, so one offset says it all. It is not signed: whatever a forged one says, a resume
reads only the records of the connection's own user.
"""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode

from streams.order import Position

LENGTH = 200  # longer ones are nobody's
_INSIDE = re.compile(r"([A-Za-z0-9_-]{1,64})\.(0|[1-9][0-9]{0,9})\.(-1|0|[1-9][0-9]{0,18})")


def encode(position: Position) -> str:
    """The token of a position."""
    inside = f"{position.incarnation}.{position.partition}.{position.offset}"
    return urlsafe_b64encode(inside.encode()).decode().rstrip("=")


def decode(token: str) -> Position | None:
    """The position, or None for a token that no gateway gave."""
    if len(token) > LENGTH:
        return None
    try:
        inside = urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode("ascii")
    except ValueError:
        return None
    match = _INSIDE.fullmatch(inside)
    if match is None:
        return None
    position = Position(match[1], int(match[2]), int(match[3]))
    # The decoder skips what is not base64: only the one spelling is ours.
    return position if encode(position) == token else None
