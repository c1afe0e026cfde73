"""What one event costs each part of the system in CPU, bytes and memory: the figures of the capacity model.

    python bench/figures.py [--orders 1500] [--rate 350] [--flow 1200] [--rounds 3] [--record]

Simulated couriers post to the API at a steady rate, which tells its figures and Kafka's; then they write straight into
Kafka at a higher one, which tells the workers' and Cassandra's. Both workers and a gateway without clients run on. CPU
is that of each process, less what it uses when nothing comes. `--record` writes the medians into
capacity/measured.toml, from which `lacak capacity` reads them; the figures of bench/push/run.py are there too, and stay
as they are.
"""

import argparse
import datetime
import os
import platform
import sys
from collections.abc import Mapping
from itertools import count
from pathlib import Path
from statistics import median

import lab
from cost_disk import flush_tables, table_bytes
from cost_load import Plan, orders, plan
from cost_memory import bytes_per_cached_order
from cost_pipeline import Plans, one_round

import stack
from capacity.figures import FILE, Figure, read, write
from deploy.local.config import BOTH_COMPILERS


def measure(own: stack.Servers, folder: Path, asked: argparse.Namespace) -> list[dict[str, float]]:
    """The figures of each round."""
    found, kept = [], []
    for number in range(asked.rounds):
        settings = lab.fresh(own, folder, requests_per_system=0, requests_per_customer=0, data_dir=folder / f"{number}")
        plans = _plans(asked.orders, number)
        found.append(one_round(own, settings, plans, asked.rate, asked.flow))
        print(f"round {number + 1}: {found[-1]}", file=sys.stderr, flush=True)
        kept.append((settings, plans.all()))
    flush_tables(own)
    for figures, (settings, posts) in zip(found, kept, strict=True):
        figures |= _on_disk(table_bytes(own, settings), posts)
        figures["track_bytes_per_cached_order"] = bytes_per_cached_order()
    return found


def _plans(orders: int, number: int) -> Plans:
    seeds = count(6 * number)

    def one(orders: int) -> tuple[Plan, Plan]:
        return plan(orders // 3, next(seeds)), plan(orders, next(seeds))

    return Plans(one(orders), one(2 * orders), one(2 * orders))


def _on_disk(sizes: tuple[int, int], posts: Plan) -> dict[str, float]:
    history, others = sizes
    return {
        "cassandra_bytes_per_event": history / len(posts),
        "cassandra_bytes_per_order": others / len(orders(posts)),
    }


def machine() -> str:
    """This one, in words."""
    return f"{os.cpu_count()} shared virtual cores ({platform.machine()}), Python {platform.python_version()}"


def recorded(known: Mapping[str, Figure], found: Mapping[str, list[float]], command: str) -> dict[str, Figure]:
    """The figures of the file with those that the command found anew."""
    today = datetime.datetime.now(datetime.UTC).date()
    return {
        name: figure.measured(found[name], command, today, machine()) if name in found else figure
        for name, figure in known.items()
    }


def main() -> None:
    """Prints the report."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--orders", type=int, default=1500)
    options.add_argument("--rate", type=int, default=350, help="events a second, posted")
    options.add_argument("--flow", type=int, default=1200, help="events a second, straight to Kafka")
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--record", action="store_true", help="write the medians into capacity/measured.toml")
    asked = options.parse_args()
    with lab.servers(jit=BOTH_COMPILERS) as (own, folder):
        rounds = measure(own, folder, asked)
    found = {name: [figures[name] for figures in rounds] for name in rounds[0]}
    how = " ".join(f"--{name} {getattr(asked, name)}" for name in ("orders", "rate", "flow", "rounds"))
    command = f"python bench/figures.py {how}"
    print(f"{command}: median, and lowest to highest\n")
    for name, values in found.items():
        lab.row(name, f"{median(values):,.4g}", f"{min(values):,.4g} to {max(values):,.4g}")
    if asked.record:
        FILE.write_text(write(recorded(read(), found, command)))


if __name__ == "__main__":
    main()
