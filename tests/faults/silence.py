"""How long nothing came."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import pairwise


def longest_silence(times: Sequence[int], begin: int, end: int) -> int:
    """The longest time without an event between `begin` and the first event after `end`; `times` are in order."""
    within = times[bisect_left(times, begin) : bisect_right(times, end) + 1]
    return max((after - before for before, after in pairwise([begin, *within])), default=0)
