"""What clients that read nothing cost the others: the same run with them and without, in pairs.

    python bench/push/stalled.py [--connections 9500] [--stalled 200] [--pairs 5]

All are sent 2,000 messages a second, one by one. Some besides get 60 a second each, which they read in one half of a
pair, and not in the other: there they are cut when they are too slow. What is told is how long the others' messages
take to their sockets. The server has one core, the clients (load.c) another.
"""

import argparse
import sys
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).parents[1]))

import lab
from contestants import build, lacak

from api.live.ceiling import raise_file_limit
from run import AT_ONCE, running

SECONDS = 10
MB = 2**20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("connections", 9500), ("stalled", 200), ("pairs", 5)):
        parser.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args()
    raise_file_limit()
    build()
    halves: tuple[list[dict[str, float]], list[dict[str, float]]] = ([], [])
    with (
        TemporaryDirectory(prefix="lacak-push-") as folder,
        running(lacak("websocket", "direct"), options.connections, Path(folder)) as (measured, load),
    ):
        load("connect", AT_ONCE)
        for _ in range(options.pairs):
            for stalls, half in enumerate(halves):
                before = measured.memory()
                figures = load("stall", SECONDS, options.stalled, stalls)
                half.append({**figures, "memory": measured.memory() - before})
    print(f"{options.connections} connections, {options.pairs} pairs, {options.stalled} of them stalled in one half\n")
    for part in ("p50", "p99", "p999"):
        reading, stalling = ([each[part] / 1000 for each in half] for half in halves)
        for name, half in (("all read", reading), ("some stalled", stalling)):
            lab.row(f"{part}, {name}", f"{median(half):.2f} ms", " ".join(f"{each:.2f}" for each in half))
        ratios = [b / a for a, b in zip(reading, stalling, strict=True)]
        lab.row("ratio of a pair", f"{median(ratios):.2f}", " ".join(f"{each:.2f}" for each in ratios))
    more = [(b["memory"] - a["memory"]) / MB for a, b in zip(*halves, strict=True)]
    lab.row("memory, of a pair", f"{median(more):+.1f} MB", " ".join(f"{each:+.1f}" for each in more))


if __name__ == "__main__":
    main()
