"""Token buckets, by the generic cell rate algorithm: a name is a moment, up to which it has used what it is allowed."""

import math
import time
from collections.abc import Callable
from typing import NamedTuple


class Quota(NamedTuple):
    """What a name has left: `left` of `all_` requests, and all of them again in `seconds`. `wait`: 0 where this request
    is allowed, else the seconds until one like it is."""

    all_: int
    left: int
    seconds: int
    wait: int


class Buckets:
    """`per_second` for each name, and `at_once` seconds' worth of it to one that was quiet. Names that have been quiet
    are forgotten, so that there are no more than have come in `at_once` seconds."""

    def __init__(self, per_second: float, at_once: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._cost, self._window, self._clock = 1 / per_second, at_once, clock
        self._used: dict[str, float] = {}
        self._swept = clock()

    def take(self, name: str) -> Quota:
        """One request of this name's; one too many costs it nothing."""
        now = self._clock()
        used = max(now, self._used.get(name, now))
        over = used + self._cost - now - self._window
        if over <= 1e-9:  # the clock's own rounding is nobody's fault
            self._used[name] = used = used + self._cost
        self._sweep(now)
        left = max(0, math.floor((now + self._window - used) / self._cost + 1e-9))
        return Quota(round(self._window / self._cost), left, math.ceil(used - now), max(0, math.ceil(over - 1e-9)))

    def charge(self, name: str, requests: float) -> None:
        """As many more as one request of it was worth: it pays for them by its next ones."""
        now = self._clock()
        self._used[name] = max(now, self._used.get(name, now)) + requests * self._cost

    def __len__(self) -> int:
        return len(self._used)

    def _sweep(self, now: float) -> None:
        if now > self._swept + self._window:
            self._swept = now
            self._used = {name: until for name, until in self._used.items() if until > now}
