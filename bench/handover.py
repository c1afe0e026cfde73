"""How long a partition stands still when its worker ends, and when one joins: 3 workers, a steady flow of updates.

    python bench/handover.py [--rate 120] [--times 3]

One after the other: a worker is told to end (SIGTERM), started again, killed (SIGKILL), started again. What is told is
the longest time between two events of one partition of the updates, by Kafka's own clock, around each.
"""

import argparse
import time
from collections import defaultdict
from itertools import cycle
from pathlib import Path
from statistics import median
from threading import Event, Thread

import lab

import topics_reader
from faults.silence import longest_silence
from logs import order_message, update_message
from processes import Process, running
from streams.codec import Codec
from streams.settings import Settings
from streams.topics import partition_of

WORKERS = 3
SETTLED = 8.0
"""Seconds from one change of the group to the next: longer than a session."""
PAUSE = 2.0
"""Seconds before the next: each partition has an event of its own in them."""
ORDERS = 240
ORDER, UPDATE, CHANGED = Codec("OrderPlaced"), Codec("CourierStatusUpdate"), Codec("OrderStatusChanged")


def flow(settings: Settings, rate: float, stop: Event) -> None:
    """Each order moves in its turn, at the rate, until `stop`."""
    ids = cycle(range(1, ORDERS + 1))
    while not stop.is_set():
        now = now_ms()
        topics_reader.write(
            settings,
            "courier-status-updates",
            (
                (
                    str(i).encode(),
                    UPDATE.encode(update_message("in_transit", i, event_id=f"{i}-{now}", occurred_at=now)),
                )
                for i in (next(ids) for _ in range(max(1, round(rate / 20))))
            ),
        )
        stop.wait(0.05)


def silences(settings: Settings, spans: dict[str, list[tuple[int, int]]]) -> dict[str, list[float]]:
    """For each span, the longest time between two events of a partition, in seconds."""
    times: dict[int, list[int]] = defaultdict(list)
    for record in topics_reader.read(settings, "order-status-changed"):
        id_order = CHANGED.decode(record.value())["id_order"]
        times[partition_of(str(id_order).encode(), settings.partitions)].append(record.timestamp()[1])
    ordered = [sorted(each) for each in times.values()]
    return {
        name: [max(longest_silence(each, *span) for each in ordered) / 1000 for span in those]
        for name, those in spans.items()
    }


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def measure(settings: Settings, rate: float, times: int) -> dict[str, list[float]]:
    """Seconds of silence, by what was done to a worker."""
    orders = ((str(i).encode(), ORDER.encode(order_message(i))) for i in range(1, ORDERS + 1))
    topics_reader.write(settings, "orders", orders)
    workers = [
        Process("track", settings.model_copy(update={"data_dir": Path(settings.local_dir) / f"data-{n}"}), f"track-{n}")
        for n in range(1, WORKERS + 1)
    ]
    spans: dict[str, list[tuple[int, int]]] = defaultdict(list)
    stop = Event()
    load = Thread(target=flow, args=(settings, rate, stop))

    def span(name: str, began: int) -> None:
        time.sleep(SETTLED)
        spans[name].append((began, now_ms()))
        time.sleep(PAUSE)

    with running(*workers):
        load.start()
        time.sleep(2 * SETTLED)
        for worker, _ in zip(cycle(workers), range(times), strict=False):
            span("no change", now_ms())
            began = now_ms()
            worker.stop()
            span("a worker ends (SIGTERM)", began)
            began = now_ms()
            worker.start()
            span("a worker joins", began)
            began = now_ms()
            worker.kill9()
            time.sleep(SETTLED / 2)
            span("a worker is killed (SIGKILL)", began)
            worker.start()
            time.sleep(SETTLED)
        stop.set()
        load.join()
    return silences(settings, spans)


def main() -> None:
    """Prints the report."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rate", type=float, default=120, help="updates a second")
    options.add_argument("--times", type=int, default=3)
    asked = options.parse_args()
    print(f"{WORKERS} workers, 12 partitions, {asked.rate:.0f} updates/s: the longest silence of a partition\n")
    with lab.servers() as (own, folder):
        for name, found in measure(lab.fresh(own, folder), asked.rate, asked.times).items():
            lab.row(name, f"{median(found):.2f} s", "of " + ", ".join(f"{each:.2f}" for each in sorted(found)))


if __name__ == "__main__":
    main()
