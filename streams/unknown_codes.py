"""Counts couriers' words that nobody knows, by courier and word, both bounded."""

from collections import defaultdict

from streams import log, metrics
from streams.labels import COURIERS, OTHER, Names

CODES = 50  # of a courier: what one sends does not hide what others do

_log = log.get(__name__)


class UnknownCodes:
    """What one process has seen of them."""

    def __init__(self) -> None:
        self._couriers = Names(COURIERS)
        self._codes = defaultdict(lambda: Names(CODES), {OTHER: Names(0)})

    def count(self, courier: str, code: str) -> None:
        """Counts one. The first of each is logged."""
        courier = self._couriers.label(courier)
        codes = self._codes[courier]
        known, label = code in codes, codes.label(code)
        metrics.UNKNOWN_CODES.labels(courier, label).inc()
        if not known and code in codes:
            _log.warning("unknown_code", courier=courier, code=label)


_seen = UnknownCodes()


def count(courier: str, code: str) -> None:
    """Counts one for this process."""
    _seen.count(courier, code)
