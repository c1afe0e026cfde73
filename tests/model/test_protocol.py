"""The worker's protocol under thousands of schedules of faults; and each rule, taken out, is missed at once."""

from collections.abc import Callable
from typing import Any

import pytest

from agents import lane
from agents.lane import Lane
from protocol import Rules, schedule
from streams import order

SCHEDULES = 3000
ENOUGH = 2500  # schedules in which a rule's absence must show


def test_every_promise_holds_in_every_schedule() -> None:
    failed = {seed: found for seed in range(SCHEDULES) if (found := schedule(seed))}
    assert not failed, f"replay with schedule(seed): {dict(list(failed.items())[:5])}"


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
