"""What became of each record is told by its spans, once, with the batch's times."""

from typing import Any

import pytest

from agents.records import Kind, Record
from agents.traces import Times, tracked
from logs import PARTITIONS, T0, Log, Worker, order_message, update_message
from streams.settings import Settings
from streams.spans import Spans
from streams.topics import partition_of
from tables.memory_orders import MemoryOrders

SENDER = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
TIMES = Times(10, 20, 30, 40)
PROCESSED = "process courier-status-updates"
STRAY = next(n for n in range(8, 99) if partition_of(b"%d" % n, PARTITIONS) != partition_of(b"7", PARTITIONS))


class Noted(Spans):
    """Spans that a test looks at."""

    def __init__(self) -> None:
        super().__init__(Settings(_env_file=None), "test")  # type: ignore[call-arg]
        self.told: list[tuple[Any, ...]] = []

    def record(
        self, name: str, kind: Any, span: bytes, parent: Any, times: Any, about: Any, failed: bool = False
    ) -> None:
        self.told.append((name, span, parent, times, about.get("lacak.outcome")))


def update(log: Log, status: str, sender: bytes = SENDER, **changes: Any) -> Record:
    return log.append(Kind.UPDATES, update_message(status, **changes), headers=[("traceparent", sender)])


async def spans_of(worker: Worker, kind: Kind) -> list[tuple[Any, ...]]:
    """Those of the next batch."""
    noted, start = Noted(), worker.lane.positions[kind].offset
    effects = await worker.read(kind)
    tracked(noted, worker.log.records[kind][start:], effects, TIMES)
    return noted.told


async def test_each_outcome_has_the_record_s_span_and_what_it_led_to() -> None:
    log = Log()
    log.order()
    update(log, "picked_up")
    update(log, "picked_up", event_id="picked_up")
    update(log, "confirmed", event_id="late", occurred_at=T0 + 1)
    update(log, "returned")
    update(log, "in_transit", SENDER[:-1] + b"0")
    worker = Worker(log, MemoryOrders(clock=lambda: log.clock))
    assert await spans_of(worker, Kind.ORDERS) == [], "no trace is recorded"
    told = await spans_of(worker, Kind.UPDATES)
    applied, duplicate, late, rejected = (each for each in told if each[0] == PROCESSED)
    assert [each[4] for each in (applied, duplicate, late, rejected)] == ["applied", "duplicate", "late", "rejected"]
    for (_, span, parent, times, _), record in zip(
        (applied, duplicate, late, rejected), log.records[Kind.UPDATES], strict=False
    ):
        assert (span, parent, times) == (record.processed, SENDER, (10, 40))
    below = [(name, parent, times) for name, _, parent, times, outcome in told if outcome is None]
    assert below == [
        ("BATCH orders", applied[1], (20, 30)),
        ("send order-status-changed", applied[1], (30, 40)),
        ("BATCH orders", late[1], (20, 30)),
        ("send courier-status-rejected", rejected[1], (30, 40)),
    ]


@pytest.mark.parametrize(("status", "outcome"), [("picked_up", "applied"), ("returned", "rejected")])
async def test_an_update_that_waited_is_told_twice_and_the_second_span_is_the_one_that_its_event_names(
    status: str, outcome: str
) -> None:
    log = Log()
    early = update(log, status)
    log.append(Kind.ORDERS, order_message(), headers=[("traceparent", SENDER)])
    worker = Worker(log, MemoryOrders(clock=lambda: log.clock))
    waited, written = await spans_of(worker, Kind.UPDATES)
    assert (waited[4], written[0], written[2]) == ("waiting", "INSERT waiting_updates", waited[1])
    assert waited[1] != early.processed
    [judged] = [each for each in await spans_of(worker, Kind.ORDERS) if each[0] == PROCESSED]
    assert (judged[1], judged[2], judged[4]) == (early.processed, SENDER, outcome)


async def test_a_record_that_lies_in_another_partition_is_forwarded_and_processed_there() -> None:
    log = Log()
    stray = log.append(Kind.UPDATES, update_message("picked_up", STRAY), headers=[("traceparent", SENDER)])
    worker = Worker(log, MemoryOrders(clock=lambda: log.clock))
    processed, sent = await spans_of(worker, Kind.UPDATES)
    assert (processed[1], processed[4]) == (stray.processed, "forwarded")
    assert sent[:3] == ("send courier-status-updates", sent[1], processed[1])
