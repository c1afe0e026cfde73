"""The model for longer than `make test` has time: `python tests/model/run.py --schedules 100000 --seed 7`.

Random schedules of both workers from a seed on, then every schedule of the small logs. Prints what it did, and every
schedule that broke a promise; the exit code is 1 when there is one.
"""

import argparse
import logging
import sys
from collections.abc import Callable, Iterable
from itertools import islice
from pathlib import Path

import structlog

sys.path.insert(0, str(Path(__file__).parents[1]))

from exhaustive import LOGS, every
from notifying import notify_schedule
from protocol import schedule

SHOWN = 5


def tell(name: str, results: Iterable[list[str]]) -> int:
    """Prints how many there were and what they broke; gives the number of those that broke something."""
    done, failed = 0, 0
    for broken in results:
        done += 1
        if broken:
            failed += 1
            if failed <= SHOWN:
                print(f"  {name}: {broken}")
    print(f"{name}: {done} schedules, {failed} broke a promise", flush=True)
    return failed


def from_seed(run: Callable[[int], list[str]], first: int, schedules: int) -> Iterable[list[str]]:
    """What each random schedule broke, with the seed to run it again."""
    for seed in range(first, first + schedules):
        yield [f"{problem}: seed {seed}" for problem in run(seed)]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--schedules", type=int, default=50_000, help="random ones of each worker, and of each small log"
    )
    parser.add_argument("--seed", type=int, default=1_000_000, help="the first random one")
    parser.add_argument("--faults", type=int, default=2, help="of one schedule of the small logs")
    wanted = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    failed = tell("order tracking", from_seed(schedule, wanted.seed, wanted.schedules))
    failed += tell("notification", from_seed(notify_schedule, wanted.seed, wanted.schedules))
    for fill in LOGS:
        for batch in (1, 2):
            name = f"{fill.__name__}, {batch} a batch, up to {wanted.faults} faults, in order"
            failed += tell(name, islice(every(fill, wanted.faults, batch), wanted.schedules))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
