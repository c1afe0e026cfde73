"""Which waiting updates have waited in vain. Pure.

An update recorded at R waits until D = R + 7 days. It may be given up only when no OrderPlaced that was appended up to
D can still reach the worker: D is over, the worker has read its partition of `orders` beyond D, and what it found there
was no order, or one appended after D (which the worker judges without the updates that waited longer).
"""

from enum import StrEnum

from tables.orders import WAITS_MS, Waiting

CLOCK_SKEW_MS = 60_000  # between brokers: append times of one partition come from whichever leads


class Verdict(StrEnum):
    """What becomes of a waiting update."""

    JUDGED = "its order came, and it was judged"
    WAITS = "it may still come in time"
    LAGS = "the worker has not read so far yet"
    EXPIRED = "its order did not come in time"


def deadline(waiting: Waiting) -> int:
    """Until when its order may have been appended."""
    return waiting.recorded_at + WAITS_MS


def verdict(waiting: Waiting, order_recorded_at: int | None, read_until: int, now: int) -> Verdict:
    """`order_recorded_at`: when its order was appended, None if it is not there; read before `read_until` it may be
    missing. `read_until`: everything appended to its partition of `orders` before this is judged and durable."""
    until = deadline(waiting)
    if order_recorded_at is not None and order_recorded_at <= until:
        return Verdict.JUDGED
    if now <= until + CLOCK_SKEW_MS:
        return Verdict.WAITS
    if read_until <= until + CLOCK_SKEW_MS:
        return Verdict.LAGS
    return Verdict.EXPIRED
