"""Couriers' clocks that cannot be right: told by courier, so that somebody tells the courier.

Ahead: an update has happened after the broker appended it. Behind: it is progress, and has happened before what is
known already (it is judged all the same): its clock is slow, or the one before it was fast.
"""

import time
from collections.abc import Callable

from streams import log, metrics
from streams.labels import COURIERS, Names
from streams.order import Row, Update

TOLERANCE_MS = 5_000  # clocks that are set by the network differ by less
LOG_SECONDS = 60.0  # a courier is logged at most so often

_log = log.get(__name__)


class Clocks:
    """What one process has seen of them."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._couriers = Names(COURIERS)
        self._logged: dict[str, float] = {}

    def judged(self, update: Update) -> None:
        """Looks at an update as it came."""
        ahead = update.occurred_at - update.recorded_at
        if ahead > TOLERANCE_MS:
            self._tell("ahead", ahead, update)

    def applied(self, update: Update, previous: Row) -> None:
        """Looks at one that was applied after `previous`. What happened before an operator's correction may be heard
        after it, and tells nothing about a clock."""
        if previous.corrects is not None:
            return
        behind = previous.occurred_at - update.occurred_at
        if behind > TOLERANCE_MS:
            self._tell("behind", behind, update)

    def _tell(self, runs: str, ms: int, update: Update) -> None:
        courier = self._couriers.label(update.courier)
        metrics.CLOCKS.labels(courier, runs).inc()
        metrics.CLOCK_OFF.labels(courier, runs).set(ms / 1000)
        now = self._clock()
        if now >= self._logged.get(courier, float("-inf")) + LOG_SECONDS:
            self._logged[courier] = now
            _log.warning("couriers_clock", courier=courier, runs=runs, seconds=ms / 1000, id_order=update.id_order)
