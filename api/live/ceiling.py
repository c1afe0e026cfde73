"""How many live connections a process takes: each is an open file, and without one nobody at all is accepted."""

import resource

from streams import log

SPARE_FILES = 256  # for Kafka's and Cassandra's connections, and for requests

_log = log.get(__name__)


def raise_file_limit() -> None:
    """To what the system allows: its default for a process, often 1,024, is of another time."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def ceiling(wanted: int) -> int:
    """So many as are wanted, or as there are files for; never none."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = wanted if files == resource.RLIM_INFINITY else min(wanted, max(1, files - SPARE_FILES))
    if allowed < wanted:
        _log.warning("fewer_connections", wanted=wanted, allowed=allowed, files=files)
    return allowed
