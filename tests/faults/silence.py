"""How long nothing came."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import pairwise
from math import inf


def longest_silence(times: Sequence[int], begin: int, end: int, cut: float = inf) -> float:
    """The longest time without an event between `begin` and the first event after `end`; `times` are in order. What is
    silent after `cut` does not count: something else has begun there."""
    within = times[bisect_left(times, begin) : bisect_right(times, end) + 1]
    return max((min(after, cut) - min(before, cut) for before, after in pairwise([begin, *within])), default=0)
