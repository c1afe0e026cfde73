"""The workers' protocols under thousands of schedules of faults; and each rule, taken out, is missed at once."""

from collections.abc import Callable, Sequence
from itertools import count
from typing import Any

import pytest

from agents import lane, notify, track
from agents.lane import Lane
from exhaustive import LOGS, every
from notifying import NotifyWorld, Worker, notify_schedule
from protocol import Rules, schedule
from streams import order

SCHEDULES = 1500  # many more: tests/model/run.py
ENOUGH = 2500  # schedules in which a rule's absence must show


def test_every_promise_holds_in_every_schedule() -> None:
    failed = {seed: found for seed in range(SCHEDULES) if (found := schedule(seed))}
    assert not failed, f"replay with schedule(seed): {dict(list(failed.items())[:5])}"


def test_every_promise_to_the_customer_holds_in_every_schedule() -> None:
    failed = {seed: found for seed in range(SCHEDULES) if (found := notify_schedule(seed))}
    assert not failed, f"replay with notify_schedule(seed): {dict(list(failed.items())[:5])}"


@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("fill", LOGS)
def test_every_promise_holds_wherever_one_fault_strikes_a_small_log(fill: Callable[..., None], batch: int) -> None:
    results = list(every(fill, faults=1, batch=batch))
    assert len(results) > 200
    assert not [found for found in results if found]


def misses(rules: Rules | None = None) -> bool:
    """Whether some schedule breaks."""
    return any(schedule(seed, rules) for seed in range(ENOUGH))


def test_rule_1_judge_by_the_rows_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(order, "before", lambda rows, position: list(rows))
    assert misses()


def test_rule_2_an_order_is_there_when_it_was_acknowledged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Lane, "_is_for", lambda self, entry, update: entry is not None)
    assert misses()


def test_rule_3_the_next_event_only_after_the_one_before() -> None:
    assert misses(Rules(confirmed_in_order=False))


def test_rule_4_a_cache_belongs_to_one_assignment() -> None:
    assert misses(Rules(one_assignment=False))


def test_rule_5_a_replay_does_everything_again(monkeypatch: pytest.MonkeyPatch) -> None:
    place: Callable[..., Any] = lane._Batch.place
    monkeypatch.setattr(lane._Batch, "place", lambda self, entry, record: entry.rows or place(self, entry, record))
    assert misses()


def test_rule_6_waiting_rows_before_the_own_position_only(monkeypatch: pytest.MonkeyPatch) -> None:
    judge = Lane._order

    def early(self: Lane, *arguments: Any) -> None:
        kept = self.positions[lane.Kind.UPDATES]
        self.positions[lane.Kind.UPDATES] = kept._replace(offset=2**60)
        judge(self, *arguments)
        self.positions[lane.Kind.UPDATES] = kept

    monkeypatch.setattr(Lane, "_order", early)
    assert misses()


def test_rule_7_headers_come_from_the_judged_record(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a library would make them: the time of sending, a new trace where there is none."""
    now, made = count(1_760_000_000_000), track.cloud_event
    monkeypatch.setattr(track, "cloud_event", lambda type_, id_, by, _, trace: made(type_, id_, by, next(now), trace))
    assert misses()


def test_rule_7_a_waiting_update_keeps_its_headers(monkeypatch: pytest.MonkeyPatch) -> None:
    record = lane.Record
    monkeypatch.setattr(lane, "Record", lambda *fields: record(*fields)._replace(headers=[]))
    assert misses()


def test_rule_8_announced_before_the_table_is_updated(monkeypatch: pytest.MonkeyPatch) -> None:
    async def remembered_first(self: notify.Notifier, partition: int, records: Sequence[Any]) -> None:
        part = notify._Batch()
        for each in records:
            change = notify._change(each)
            assert change is not None
            self._judge(part, partition, each, change)
        await self._remember(part, partition)
        await self._publisher.publish(part.announced)

    monkeypatch.setattr(notify.Notifier, "_do", remembered_first)
    assert any(map(notify_schedule, range(ENOUGH)))


def test_rule_8_confirmed_before_the_table_is_updated(monkeypatch: pytest.MonkeyPatch) -> None:
    async def sent_once(self: NotifyWorld, record: Any) -> None:
        """A send that nobody waits for: it may fail, and nobody hears of it."""
        if not (self.faults and self.luck.random() < 0.12):
            self.arrive(record)

    monkeypatch.setattr(NotifyWorld, "surely", sent_once)
    assert any(map(notify_schedule, range(ENOUGH)))


def test_rule_8_acknowledged_last(monkeypatch: pytest.MonkeyPatch) -> None:
    async def acknowledged_first(self: Worker, size: int) -> None:
        records = self.world.log[self.position : self.position + size]
        self.position += len(records)
        self.world.acknowledge(self)
        await self.notifier.batch(notify.TP("order-status-changed", 3), records)

    monkeypatch.setattr(Worker, "work", acknowledged_first)
    assert any(map(notify_schedule, range(ENOUGH)))
