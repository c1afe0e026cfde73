"""What the batch consumer makes of the offsets that it is given: nothing is dropped unseen."""

import asyncio
import threading
import time
from types import SimpleNamespace
from typing import Any

import pytest
from faust.types import TP
from prometheus_client import REGISTRY

from agents import batches
from agents.batches import HOLE_TRIES, BatchConsumer, LogWentBack
from streams import metrics

HERE = TP("updates", 3)


class Quiet:
    def info(self, *_: Any) -> None:
        pass

    error = warning = dev = info


class Consumer(BatchConsumer):
    """The consumer's own judgement, without Faust around it."""

    topics = ("updates",)
    batch_records = 100
    log = Quiet()

    def __init__(self, due: int = 0, ends: list[int] | None = None, earliest: int = 0) -> None:
        self.on_init()
        self._next = {HERE: due}
        self.seeks: list[int] = []
        self.ends, self.earliest = ends or [], earliest
        self._read_offset: dict[TP, int | None] = {HERE: due}
        self._committed_offset: dict[TP, int | None] = {HERE: due}

    async def seek(self, partition: TP, offset: int) -> None:
        self.seeks.append(offset)

    async def earliest_offsets(self, *partitions: TP) -> dict[TP, int]:
        return {HERE: self.earliest}

    async def highwaters(self, *partitions: TP) -> dict[TP, int]:
        return {HERE: self.ends.pop(0) if len(self.ends) > 1 else self.ends[0]}


def records(*offsets: int) -> list[Any]:
    return [SimpleNamespace(offset=offset, value=b"") for offset in offsets]


def offsets(given: Any) -> list[int]:
    return [record.offset for record in given]


async def test_records_that_are_due_are_taken_and_those_before_left_out() -> None:
    consumer = Consumer(due=5)
    assert offsets(await consumer._due(HERE, records(3, 4, 5, 6))) == [5, 6]
    assert consumer._next[HERE] == 7 and not consumer.seeks


async def test_records_of_the_assignment_before_are_dropped_and_cost_no_seek() -> None:
    """What follows them is due; a seek would fetch it once more."""
    consumer = Consumer(due=5)
    assert offsets(await consumer._due(HERE, records(3, 4))) == []
    assert not consumer.seeks
    assert offsets(await consumer._due(HERE, records(5, 6))) == [5, 6]


async def test_a_seek_is_made_by_the_thread_that_fetches() -> None:
    """By another it takes away what aiokafka's fetcher is looking at, which crashes the worker."""
    consumer, seeks = Consumer(), []

    class Fetching:
        def seek(self, partition: TP, offset: int) -> None:
            seeks.append((threading.get_ident(), partition, offset))

        async def call_thread(self, fun: Any, *arguments: Any) -> None:
            await asyncio.to_thread(fun, *arguments)

    consumer._thread = Fetching()
    await BatchConsumer.seek(consumer, HERE, 7)
    [(thread, *what)] = seeks
    assert what == [HERE, 7]
    assert thread != threading.get_ident()


async def test_records_behind_a_hole_are_asked_for_again_until_the_hole_is_believed() -> None:
    consumer = Consumer(due=5)
    for _ in range(HOLE_TRIES):
        assert offsets(await consumer._due(HERE, records(9, 10))) == []
    assert consumer.seeks == [5] * HOLE_TRIES
    assert offsets(await consumer._due(HERE, records(9, 10))) == [9, 10]


async def test_a_log_that_went_back_crashes_the_worker_instead_of_being_dropped() -> None:
    consumer = Consumer(due=1000)
    for _ in range(HOLE_TRIES):
        assert offsets(await consumer._due(HERE, records(0, 1))) == []
    with pytest.raises(LogWentBack):
        await consumer._due(HERE, records(0, 1))


async def test_a_topic_made_anew_is_read_from_its_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "END_TRIES", 1)
    consumer = Consumer(due=1000, ends=[7], earliest=2)
    assert await consumer._positions([HERE]) == {HERE: 2}
    assert consumer._committed_offset[HERE] is None, "else nothing is committed before 1000 again"


async def test_a_leader_that_does_not_know_its_logs_end_yet_is_asked_again() -> None:
    assert await Consumer(due=1000, ends=[0, 1000])._positions([HERE]) == {HERE: 1000}


async def test_a_log_whose_start_is_gone_is_read_from_what_is_left() -> None:
    assert await Consumer(due=10, ends=[90], earliest=50)._positions([HERE]) == {HERE: 50}


@pytest.mark.parametrize("during", ["positions", "assigned", "seek"])
async def test_a_rebalance_that_overtakes_the_one_before_leaves_nothing_of_it(during: str) -> None:
    """While it waits for Kafka its partitions may go: their offsets are then those of another worker."""
    consumer: Any = Consumer(ends=[9, 9])
    here, there = TP("updates", 3), TP("updates", 4)
    consumer.assignment = lambda: {here, there}
    sought = []

    def revoke(at: str) -> None:
        if at == during:
            consumer._epoch += 1
            consumer._first.clear()
            consumer._next.clear()

    async def earliest_offsets(*partitions: TP) -> dict[TP, int]:
        revoke("positions")
        return dict.fromkeys(partitions, 0)

    async def highwaters(*partitions: TP) -> dict[TP, int]:
        return dict.fromkeys(partitions, 9)

    async def assigned(_: Any) -> None:
        revoke("assigned")

    async def seek_all(offsets: dict[TP, int]) -> None:
        sought.append(offsets)
        revoke("seek")

    consumer.earliest_offsets, consumer.highwaters = earliest_offsets, highwaters
    consumer._thread = SimpleNamespace(seek_all=seek_all)
    consumer.handler = SimpleNamespace(assigned=assigned)
    consumer._next = {}
    await consumer._begin(consumer._epoch)
    assert consumer._next == consumer._first == {}
    assert there not in consumer._read_offset
    assert len(sought) == (during == "seek")


async def test_a_batch_of_a_revoked_assignment_is_not_begun() -> None:
    consumer: Any = Consumer(due=5)
    consumer._get_active_partitions = lambda: {HERE}

    async def revoked(tp: TP, fetched: Any) -> Any:
        consumer._epoch += 1
        return fetched

    consumer._due = revoked
    await consumer._dispatch({HERE: records(5)})
    assert not consumer._busy


async def test_the_lag_is_told_while_nothing_gets_done() -> None:
    consumer: Any = Consumer()
    consumer._first = {HERE: 5}
    consumer.assignment = lambda: {HERE}
    consumer.highwater = lambda tp: 42
    consumer._gauge()
    assert metrics.LAG.labels(HERE.topic, HERE.partition)._value.get() == 37


def age() -> float | None:
    """That Prometheus would be told of this partition; None where it is told of none."""
    return REGISTRY.get_sample_value(
        "lacak_oldest_unacknowledged_seconds", {"topic": HERE.topic, "partition": str(HERE.partition)}
    )


async def test_the_age_of_what_is_not_acknowledged_grows_however_it_stands_still() -> None:
    """In a batch, before one, in Kafka still; also where nobody looks any more."""
    consumer: Any = Consumer()
    here = [SimpleNamespace(offset=n, value=b"", timestamp=(time.time() - 100 + n) * 1000) for n in range(3)]
    goes_on, ages = asyncio.Event(), []

    async def batch(tp: TP, records: Any) -> None:
        await goes_on.wait()

    def look() -> None:
        consumer._gauged = 0.0
        consumer._gauge()
        ages.append(age())

    metrics.UNACKNOWLEDGED.clear()
    consumer._first, consumer.assignment, consumer.highwater = {HERE: 0}, lambda: {HERE}, lambda tp: 3
    consumer.handler = SimpleNamespace(batch=batch)
    look()  # it is known to be behind, and not of what
    consumer._held.batch_records = 2
    consumer._hold(HERE, here)
    look()
    await asyncio.sleep(0)
    look()
    consumer._held.clear()
    goes_on.set()
    await consumer._busy[3]
    look()  # the third is still in Kafka
    consumer._mark[HERE] = 3
    look()
    assert ages[0] is None
    assert all(given is not None and 100 <= given < 160 for given in ages[1:4])
    assert ages[4] is not None and ages[4] < 60


async def test_what_comes_while_a_batch_runs_is_held_and_goes_as_one_batch_of_a_topic_in_order() -> None:
    consumer: Any = Consumer()
    other = TP("orders", 3)
    done: list[tuple[TP, list[int]]] = []
    running, goes_on = asyncio.Event(), asyncio.Event()

    async def batch(tp: TP, records: Any) -> None:
        done.append((tp, offsets(records)))
        running.set()
        await goes_on.wait()

    consumer.handler = SimpleNamespace(batch=batch)
    consumer._hold(HERE, records(0, 1))
    await running.wait()
    consumer._hold(HERE, records(2))
    consumer._hold(other, records(7))
    consumer._hold(HERE, records(3, 4))
    assert done == [(HERE, [0, 1])] and consumer._held.bytes[HERE] == 3 * 256
    goes_on.set()
    await consumer._busy[3]
    assert done[1:] == [(HERE, [2, 3, 4]), (other, [7])] and not consumer._busy
    assert consumer._mark == {HERE: 5, other: 8} and set(consumer._held.bytes.values()) == {0}


async def test_a_large_batch_is_acknowledged_in_parts_and_the_other_topic_has_its_turn() -> None:
    consumer: Any = Consumer()
    consumer._held.batch_records = 2
    other = TP("orders", 3)
    done: list[tuple[TP, list[int], int]] = []

    async def batch(tp: TP, records: Any) -> None:
        done.append((tp, offsets(records), consumer._mark.get(HERE, 0)))

    consumer.handler = SimpleNamespace(batch=batch)
    consumer._hold(HERE, records(0, 1, 2, 3, 4))
    consumer._hold(other, records(7))
    await consumer._busy[3]
    assert done == [(HERE, [0, 1], 0), (other, [7], 2), (HERE, [2, 3], 2), (HERE, [4], 4)]
    assert consumer._mark[HERE] == 5 and set(consumer._held.bytes.values()) == {0}
