"""How much a gateway takes: each live connection is an open file, and what waits for slow ones is memory. Beyond either
nobody at all would be served, so new ones are told to try later before."""

import os
import resource
from contextlib import suppress
from pathlib import Path

from streams import log

SPARE_FILES = 256  # for Kafka's and Cassandra's connections, and for requests
SHARE = 0.9  # of a container's memory, beyond which the kernel ends the process
MB = 1024 * 1024
_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))  # cgroup 2 and 1

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


class Memory:
    """Whether the process has more than `max_mb`, or, where that is 0, than nine tenths of its container's bound."""

    def __init__(self, max_mb: int) -> None:
        self._most = max_mb * MB or container_bytes() * SHARE
        self.full = False

    def look(self) -> None:
        """Measures anew."""
        full = bool(self._most) and resident_bytes() > self._most
        if full and not self.full:
            _log.warning("memory_full", most_mb=round(self._most / MB))
        self.full = full


def resident_bytes() -> int:
    """What the process has in memory; 0 where the system does not tell."""
    with suppress(OSError):
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")
    return 0


def container_bytes() -> int:
    """The bound of this process's container; 0 where there is none."""
    for file in _LIMITS:
        with suppress(OSError, ValueError):  # "max"
            bound = int(file.read_text())
            return bound if bound < os.sysconf("SC_PAGESIZE") * os.sysconf("SC_PHYS_PAGES") else 0
    return 0
