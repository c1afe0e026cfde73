"""The simulated deliveries are plausible: whatever the seed, the pipeline refuses none of their scans."""

from itertools import islice, pairwise
from random import Random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cli.couriers import Journey, Move, journey, traffic
from cli.reports import Reports
from streams.messages import check_order, check_update, order_of, update_of
from streams.order import TERMINAL, Duplicate, Late, Outcome, Position, Rejected, Row, current, fold, placed

START = 1_760_000_000_000
SEEDS = st.integers(0, 2**63)


def outcomes(one: Journey, pace_ms: int) -> tuple[list[Row], list[Outcome]]:
    """What the pipeline makes of a journey whose scans are reported so many milliseconds apart."""
    reports, rows, seen = Reports(), [], []
    moves = [Move(one, None), *(Move(one, step) for step in one.steps)]
    for n, move in enumerate(moves):
        now = START + n * pace_ms
        message = reports.item(move, now).message
        if move.step is None:
            rows = [placed(order_of(message, Position("orders", 0, n), now))]
        else:
            rows, outcome = fold(rows, update_of(message, Position("updates", 0, n), now))
            seen.append(outcome)
    return rows, seen


# Two scans that are appended in one millisecond: a clock ahead of the log is set back to it, and neither is late.
@given(SEEDS, st.sampled_from([1, 7, 60_000]))
def test_no_scan_is_refused_and_every_order_comes_to_an_end(seed: int, pace_ms: int) -> None:
    one = journey(Random(seed), 1, 50)
    rows, seen = outcomes(one, pace_ms)
    assert not [outcome for outcome in seen if isinstance(outcome, Rejected)]
    assert current(rows).status in TERMINAL | {"lost"}


@given(SEEDS)
@example(4100)  # late, and after it a scan that comes twice
def test_a_scan_that_comes_late_is_late_and_one_that_comes_twice_a_duplicate(seed: int) -> None:
    one = journey(Random(seed), 1, 50)
    _, seen = outcomes(one, 1000)
    told = [step.event_id for step in one.steps]
    for n, (step, outcome) in enumerate(zip(one.steps, seen, strict=True)):
        again = step.event_id in told[:n]
        assert isinstance(outcome, Duplicate) == again
        assert isinstance(outcome, Late) == (step.late and not again)


@given(SEEDS)
def test_the_messages_are_valid(seed: int) -> None:
    reports = Reports()
    for move in traffic(seed, 3, 50, 1000):
        item = reports.item(move, START)
        (check_order if item.is_order else check_update)(item.message)
        assert 1 <= move.journey.id_user <= 50


def test_the_same_seed_plans_the_same_deliveries() -> None:
    assert list(traffic(7, 20, 50, 1000)) == list(traffic(7, 20, 50, 1000))
    assert list(traffic(7, 20, 50, 1000)) != list(traffic(8, 20, 50, 1000))


def test_every_order_is_placed_first_and_told_to_its_end() -> None:
    moves = list(traffic(1, 50, 50, 1000))
    by_order: dict[int, list[Move]] = {}
    for move in moves:
        by_order.setdefault(move.journey.id_order, []).append(move)
    assert sorted(by_order) == list(range(1000, 1050))
    for of_one in by_order.values():
        assert [move.step for move in of_one] == [None, *of_one[0].journey.steps]
        assert [move.last for move in of_one] == [False] * (len(of_one) - 1) + [True]


def test_the_orders_are_interleaved() -> None:
    moves = list(traffic(1, 50, 50, 1000))
    changes = sum(one.journey is not other.journey for one, other in pairwise(moves))
    assert changes > len(moves) / 2


def test_for_ever_there_are_no_more_open_orders_than_asked_for() -> None:
    open_orders: set[int] = set()
    placed_orders = set()
    for move in islice(traffic(3, 10, 50, 1000, forever=True), 5000):
        placed_orders.add(move.journey.id_order)
        open_orders.add(move.journey.id_order)
        if move.last:
            open_orders.remove(move.journey.id_order)
        assert len(open_orders) <= 10
    assert len(placed_orders) > 100


@pytest.mark.parametrize("status", ["attempt_failed", "returned", "cancelled", "lost", "ready_for_pickup", "exception"])
def test_what_happens_to_parcels_happens_here(status: str) -> None:
    journeys = [journey(Random(seed), seed, 50) for seed in range(500)]
    assert any(step.status == status for one in journeys for step in one.steps)


def test_scans_go_missing_come_twice_and_come_late() -> None:
    journeys = [journey(Random(seed), seed, 50) for seed in range(300)]
    told = [[step.event_id for step in one.steps] for one in journeys]
    assert any(len(set(events)) < len(events) for events in told)
    assert any(step.late for one in journeys for step in one.steps)
    assert any("confirmed" not in " ".join(events) for events in told)
