"""Counts couriers' words that nobody knows, by courier and word: whoever sends anything makes no series without end."""

from streams import log, metrics

COURIERS = 100
CODES = 50  # of a courier: what one sends does not hide what others do
LENGTH = 60
OTHER = "other"

_log = log.get(__name__)
_known: dict[str, set[str]] = {}


def count(courier: str, code: str) -> None:
    """Counts one. The first of each is logged; beyond the bounds all are `other`."""
    labels = _labels(courier[:LENGTH], code[:LENGTH])
    metrics.UNKNOWN_CODES.labels(*labels).inc()


def _labels(courier: str, code: str) -> tuple[str, str]:
    if courier not in _known and len(_known) >= COURIERS:
        return OTHER, OTHER
    codes = _known.setdefault(courier, set())
    if code not in codes:
        if len(codes) >= CODES:
            return courier, OTHER
        codes.add(code)
        _log.warning("unknown_code", courier=courier, code=code)
    return courier, code
