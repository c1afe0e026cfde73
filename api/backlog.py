"""How much waits for Kafka: where it does not keep up, what would only wait is better refused at once."""

import itertools
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

BEHIND_SECONDS = 2.0  # a record that waits longer shows that Kafka is away, or slow
PROBES = 500  # records that may wait then: the first to be confirmed when it is back


class NoRoom(Exception):
    """Enough records wait."""


class Backlog:
    """Records that are sent and not confirmed, `most` at a time. `clock` gives seconds."""

    def __init__(self, most: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._most, self._clock = most, clock
        self._since: dict[int, float] = {}  # the oldest first
        self._numbers = itertools.count()
        self.records = 0

    def check(self) -> None:
        """Raises NoRoom."""
        oldest = next(iter(self._since.values()), None)
        behind = oldest is not None and self._clock() > oldest + BEHIND_SECONDS
        if self.records >= (min(PROBES, self._most) if behind else self._most):
            raise NoRoom

    @contextmanager
    def waiting(self, records: int) -> Iterator[None]:
        """So many wait while a block runs."""
        number = next(self._numbers)
        self._since[number] = self._clock()
        self.records += records
        try:
            yield
        finally:
            del self._since[number]
            self.records -= records
