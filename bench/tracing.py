"""What traces cost the order-tracking worker: CPU an event without a collector, and with one, of 1 in 100 and of all.

    python bench/tracing.py [--orders 1500]

Each time the same backlog, every record of which has a `traceparent`, is drained by a worker of its own, on new topics
and tables; twice each, there and back, in one run. The collector is this process.
"""

import argparse
from statistics import median

import lab
from worker import EVENTS, ORDER, drained, messages

import topics_reader
from agents.records import Kind
from logs import order_message
from otlp import Collector, collector
from processes import Process, until
from streams.settings import Settings

TRACE = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-"
CASES = {"off": None, "on, none of the records": 0, "on, 1 in 100": 100, "on, all of them": 1}
"""How many orders there are for each one that is recorded; None: no collector."""

Backlog = dict[Kind, list[tuple[bytes, bytes]]]


def write(settings: Settings, backlog: Backlog, one_in: int | None) -> None:
    """The backlog, of which one order in so many is recorded, with all of its updates."""
    for topic, pairs in backlog.items():
        recorded = [pair for pair in pairs if one_in and int(pair[0]) % one_in == 0]
        rest = [pair for pair in pairs if not one_in or int(pair[0]) % one_in]
        for flags, those in ((b"01", recorded), (b"00", rest)):
            topics_reader.write(settings, topic, those, [("traceparent", TRACE + flags)])


def cost(settings: Settings, backlog: Backlog, one_in: int | None) -> float:
    """µs CPU an event, the worker's start not counted."""
    events = sum(map(len, backlog.values()))
    with Process("track", settings) as process:
        assert process.child is not None
        topics_reader.write(settings, "orders", [(b"9999999", ORDER.encode(order_message(9_999_999)))])
        until(lambda: drained(settings, 1), what="the first event")
        before = lab.cpu_seconds(process.child.pid)
        write(settings, backlog, one_in)
        until(lambda: drained(settings, events + 1), 300)
        used = lab.cpu_seconds(process.child.pid) - before
        process.stop()
    return used / events * 1e6


def main() -> None:
    """Prints the report."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--orders", type=int, default=1500)
    backlog = messages(options.parse_args().orders)
    print(f"traces in the order-tracking worker, {len(backlog[Kind.ORDERS]) * EVENTS} events a run\n")
    found: dict[str, list[float]] = {case: [] for case in CASES}
    spans = dict.fromkeys(CASES, 0)
    with lab.servers() as (own, folder), collector() as heard:
        for case in (*CASES, *reversed(CASES)):
            url = "" if CASES[case] is None else heard.url
            settings = lab.fresh(own, folder, traces_url=url, traces_per_second=1_000_000)
            found[case].append(cost(settings, backlog, CASES[case]))
            spans[case] = _taken(heard)
    off = median(found["off"])
    for case, figures in found.items():
        lab.row(
            case, f"{median(figures):.1f} µs", f"CPU an event, ratio {median(figures) / off:.2f}, {spans[case]} spans"
        )


def _taken(heard: Collector) -> int:
    count = len(heard.spans)
    heard.spans.clear()
    return count


if __name__ == "__main__":
    main()
