"""What the benchmarks share: servers of their own, settings on them, processes' CPU, and how figures are printed."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

ROOT = Path(__file__).parents[1]
MADE = ROOT / ".lacak" / "bench"
"""Where what is compiled for the benchmarks lies."""
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import stack  # noqa: E402
from fresh import fresh_settings  # noqa: E402
from streams.settings import Settings  # noqa: E402

TICK = os.sysconf("SC_CLK_TCK")
SECRET = "a secret of the benchmarks, 32 bytes or more"


@contextmanager
def servers(**changes: Any) -> Iterator[tuple[stack.Servers, Path]]:
    """Kafka and Cassandra of the benchmark's own, and a folder. `changes`: of `stack.private_config`'s."""
    with TemporaryDirectory(prefix="lacak-bench-") as folder:
        own = stack.start_servers(Path(folder) / "servers", **changes)
        try:
            yield own, Path(folder)
        finally:
            own.stop()


def fresh(own: stack.Servers, folder: Path, **changes: object) -> Settings:
    """Settings with topics and tables of their own."""
    return fresh_settings(own, folder, partitions=12, **changes)


def cpu_seconds(pid: int) -> float:
    """CPU that a process has used so far, user and system, all its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def percentile(values: list[float], share: float) -> float:
    """The value that `share` of the values do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def row(name: str, figure: str, note: str = "") -> None:
    """One line of a report."""
    print(f"{name:<44}{figure:>14}  {note}", flush=True)
