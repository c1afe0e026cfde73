"""The lifecycle: one pure fold, the same whatever is repeated, interleaved, split, or read first."""

from dataclasses import replace
from functools import partial
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams import order as life
from streams.order import OPERATOR, Applied, Duplicate, Late, Order, Position, Reason, Rejected, Row, Update

T0 = 1_700_000_000_000
ORDER = Order(7, 42, 5, 10_000, 2, 20_000, "IDR", T0, None, None, Position("o", 0, 0), T0)


def update(offset: int, status: str, at: int = 0, **changes: object) -> Update:
    """An update at T0 + `at` seconds, recorded a day later unless said otherwise."""
    basis = Update(
        event_id=f"e{offset}",
        id_order=7,
        status=status,
        occurred_at=T0 + at * 1000,
        courier="jne",
        substatus=None,
        note=None,
        latitude=None,
        longitude=None,
        eta=None,
        position=Position("u", 0, offset),
        recorded_at=T0 + 86_400_000,
    )
    return replace(basis, **changes)  # type: ignore[arg-type]


def correction(offset: int, status: str, corrects: int, at: int = 0, **changes: object) -> Update:
    """What an operator sends."""
    return update(offset, status, at, corrects=corrects, operator="ani", courier=OPERATOR, note="keliru", **changes)


def fold(*updates: Update) -> tuple[list[Row], list[life.Outcome]]:
    rows, outcomes = [life.placed(ORDER)], []
    for each in updates:
        rows, outcome = life.fold(rows, each)
        outcomes.append(outcome)
    return rows, outcomes


def test_a_whole_life_counts_versions_from_one_without_a_gap() -> None:
    way = ["confirmed", "picked_up", "in_transit", "in_transit", "out_for_delivery", "attempt_failed", "delivered"]
    rows, _ = fold(*(update(i, status, i) for i, status in enumerate(way, 1)))
    assert [row.version for row in rows] == list(range(1, 9))
    assert [row.status for row in rows] == ["placed", *way]
    assert [row.previous_status for row in rows] == [None, "placed", *way[:-1]]


@pytest.mark.parametrize("status", life.STATUSES)
def test_the_table_names_only_statuses_and_nothing_leads_back_to_placed(status: str) -> None:
    assert life.TRANSITIONS[status] <= set(life.STATUSES) - {"placed"}


def test_terminal_statuses_are_the_three() -> None:
    assert {"delivered", "returned", "cancelled"} == life.TERMINAL


@pytest.mark.parametrize("end", sorted(life.TERMINAL))
@pytest.mark.parametrize("then", life.STATUSES)
def test_a_terminal_status_stays(end: str, then: str) -> None:
    rows, (*_, outcome) = fold(update(1, "exception", 1), update(2, end, 2), update(3, then, 3))
    assert outcome == Rejected(Reason.ILLEGAL_TRANSITION, f"{end} -> {then}")
    assert life.current(rows).status == end


def test_the_same_event_id_is_a_duplicate_whatever_else_it_says() -> None:
    rows, (_, second) = fold(update(1, "picked_up", 1), update(2, "delivered", 9, event_id="e1"))
    assert second == Duplicate() and len(rows) == 2


def test_an_update_of_the_past_is_late_and_changes_nothing_else() -> None:
    rows, (_, second) = fold(update(1, "in_transit", 10), update(2, "in_transit", 5))
    assert isinstance(second, Late)
    assert (rows[2].version, rows[2].previous_status, rows[2].applied) == (None, None, False)
    assert life.current(rows) == rows[1]


def test_late_is_tried_before_illegal() -> None:
    _, (_, second) = fold(update(1, "delivered", 10), update(2, "confirmed", 5))
    assert isinstance(second, Late)


def test_a_slow_clock_does_not_hold_up_progress_nor_turn_time_back() -> None:
    rows, (_, second) = fold(update(1, "picked_up", 10), update(2, "out_for_delivery", 3))
    assert isinstance(second, Applied) and second.row.occurred_at == T0 + 3000
    assert life.status_at(rows) == T0 + 10_000


def test_a_slow_clock_does_not_undo_a_failed_attempt() -> None:
    _, (*_, second) = fold(update(1, "picked_up", 1), update(2, "attempt_failed", 10), update(3, "out_for_delivery", 3))
    assert isinstance(second, Late), "attempt_failed is not on the way"


def test_a_clock_that_runs_ahead_is_taken_as_the_append_time() -> None:
    rows, _ = fold(update(1, "picked_up", 999_999, recorded_at=T0 + 500))
    assert rows[1].occurred_at == T0 + 500


def test_but_never_as_before_the_current_status() -> None:
    rows, (_, second) = fold(update(1, "picked_up", 10), update(2, "in_transit", 999_999, recorded_at=T0 + 500))
    assert isinstance(second, Applied) and rows[2].occurred_at == T0 + 10_000


def test_eta_is_the_latest_known() -> None:
    rows, _ = fold(update(1, "picked_up", 1, eta=T0 + 5), update(2, "in_transit", 2), update(3, "delivered", 3, eta=T0))
    assert [row.eta for row in rows] == [None, T0 + 5, T0 + 5, T0]


def test_a_history_holds_a_thousand_rows_late_ones_too() -> None:
    full = [update(i, "in_transit", i) for i in range(1, life.MAX_ROWS)]
    rows, outcomes = fold(*full, update(5000, "in_transit", 5000), update(5001, "in_transit", 1))
    assert len(rows) == life.MAX_ROWS
    assert [o.reason for o in outcomes[-2:] if isinstance(o, Rejected)] == [Reason.TOO_MANY_UPDATES] * 2


def test_history_ids_are_unique_and_sort_by_time_then_log() -> None:
    rows, _ = fold(*(update(i, "in_transit", 5) for i in range(1, 50)))
    ids = [row.id_order_status_history for row in rows]
    assert ids == sorted(set(ids)) and max(ids) < 2**63
    assert ids[3] >> 22 == rows[3].occurred_at and ids[3] & (2**22 - 1) == 4


def test_a_position_of_another_incarnation_or_partition_counts_as_earlier() -> None:
    here = Position("b", 3, 5)
    assert (
        Position("a", 3, 900).before(here) and Position("b", 2, 900).before(here) and Position("b", 3, 4).before(here)
    )
    assert not Position("b", 3, 5).before(here) and not Position("b", 3, 6).before(here)


@pytest.mark.parametrize("end", sorted(life.TERMINAL))
@pytest.mark.parametrize("then", life.STATUSES)
def test_an_operator_corrects_a_terminal_status_to_any_other(end: str, then: str) -> None:
    rows, (*_, outcome) = fold(update(1, "exception", 1), update(2, end, 2), correction(3, then, 3, 3))
    if then == end:
        assert outcome == Rejected(Reason.ILLEGAL_TRANSITION, f"the order is {end} already")
        return
    assert outcome == Applied(rows[3]) and life.current(rows) == rows[3]
    assert (rows[3].version, rows[3].status, rows[3].previous_status) == (4, then, end)
    assert (rows[3].corrects, rows[3].operator, rows[3].courier, rows[3].note) == (3, "ani", OPERATOR, "keliru")


@pytest.mark.parametrize(
    ("status", "corrects", "why"),
    [
        ("delivered", 3, "corrects version 3, and the order is at 2"),
        ("delivered", 1, "corrects version 1, and the order is at 2"),
        *((status, 2, f"{status} is not terminal") for status in ("confirmed", "in_transit", "exception", "lost")),
    ],
)
def test_a_correction_names_the_current_version_and_that_is_terminal(status: str, corrects: int, why: str) -> None:
    rows, (*_, outcome) = fold(update(1, status, 1), correction(2, "placed", corrects, 2))
    assert outcome == Rejected(Reason.ILLEGAL_TRANSITION, why) and len(rows) == 2


def test_of_two_corrections_of_one_version_the_second_is_refused() -> None:
    done = update(1, "delivered", 1)
    _, (*_, second) = fold(done, correction(2, "in_transit", 2, 5), correction(3, "exception", 2, 6))
    assert second == Rejected(Reason.ILLEGAL_TRANSITION, "corrects version 2, and the order is at 3")
    _, (*_, repeated) = fold(done, correction(2, "in_transit", 2, 5), correction(3, "exception", 2, 6, event_id="e2"))
    assert repeated == Duplicate()


def test_a_mistaken_correction_is_corrected_by_its_own_version() -> None:
    way = [update(1, "delivered", 1), correction(2, "cancelled", 2, 2), correction(3, "delivered", 3, 3)]
    rows, _ = fold(*way)
    assert [row.status for row in rows] == ["placed", "delivered", "cancelled", "delivered"]


@pytest.mark.parametrize(("at", "recorded", "taken"), [(5, 99, 10), (15, 99, 15), (500, 99, 99), (500, 5, 10)])
def test_a_correction_is_never_late_nor_turns_time_back_nor_is_of_the_future(
    at: int, recorded: int, taken: int
) -> None:
    mended = correction(2, "in_transit", 2, at, recorded_at=T0 + recorded * 1000)
    rows, (_, outcome) = fold(update(1, "delivered", 10), mended)
    assert isinstance(outcome, Applied) and outcome.row.occurred_at == T0 + taken * 1000
    assert life.status_at(rows) == T0 + taken * 1000


def test_after_a_correction_the_couriers_go_on_from_there() -> None:
    rows, outcomes = fold(
        update(1, "delivered", 1),
        update(2, "out_for_delivery", 20),
        correction(3, "in_transit", 2, 10),
        update(4, "out_for_delivery", 20),
        update(5, "delivered", 30),
    )
    assert isinstance(outcomes[1], Rejected)
    assert [row.status for row in rows] == ["placed", "delivered", "in_transit", "out_for_delivery", "delivered"]


def test_what_was_scanned_before_the_correction_counts_where_it_is_progress_and_is_else_of_the_past() -> None:
    before = [update(1, "delivered", 1), correction(2, "in_transit", 2, 100)]
    _, (*_, attempt, further) = fold(*before, update(3, "exception", 50), update(4, "out_for_delivery", 60))
    assert isinstance(attempt, Late) and isinstance(further, Applied)


def test_an_operator_is_heard_where_an_order_names_its_couriers_and_a_full_history_takes_no_correction() -> None:
    rows, _ = fold(update(1, "delivered", 1))
    assert isinstance(life.judge(rows, correction(2, "lost", 2, 2), ("jne",)), Applied)
    stranger = update(2, "lost", 2, courier=OPERATOR)
    assert life.judge(rows, stranger, ("jne",))[0] == Reason.WRONG_COURIER, "the name alone is none"
    late = [update(n, "in_transit", -n) for n in range(2, life.MAX_ROWS)]
    full, (*_, outcome) = fold(update(1, "delivered", 1), *late, correction(5000, "lost", 2, 2))
    assert len(full) == life.MAX_ROWS
    assert isinstance(outcome, Rejected) and outcome.reason == Reason.TOO_MANY_UPDATES


def test_a_correction_keeps_the_latest_known_eta() -> None:
    rows, _ = fold(update(1, "delivered", 1, eta=T0), correction(2, "in_transit", 2, 2))
    assert rows[2].eta == T0


logs = st.lists(
    st.tuples(
        st.sampled_from(life.STATUSES),
        st.integers(-50, 50),
        st.integers(0, 8),
        st.one_of(st.none(), st.integers(1, 9)),
        st.one_of(st.none(), st.integers(1, 6)),
    ),
    max_size=25,
).map(
    lambda items: [
        (update if corrects is None else partial(correction, corrects=corrects))(
            i, status, at=at, event_id=f"e{event}", eta=eta, recorded_at=T0 + 20_000
        )
        for i, (status, at, event, eta, corrects) in enumerate(items)
    ]
)


@given(logs)
def test_versions_have_no_gap_and_every_step_is_an_edge(log: list[Update]) -> None:
    rows, _ = fold(*log)
    applied = [row for row in rows if row.applied]
    assert [row.version for row in applied] == list(range(1, len(applied) + 1))
    for a, b in pairwise(applied):
        led = life.TRANSITIONS if b.corrects is None else life.CORRECTIONS
        assert b.status in led[a.status] and b.corrects in (None, a.version)
    assert [row.number for row in rows] == list(range(1, len(rows) + 1))
    assert len({row.event_id for row in rows}) == len(rows)


@given(logs)
def test_only_a_correction_leaves_a_terminal_status(log: list[Update]) -> None:
    rows, _ = fold(*log)
    after_end = [b for a, b in pairwise(row for row in rows if row.applied) if a.status in life.TERMINAL]
    assert all(row.operator == "ani" for row in after_end)
    by_couriers = [each for each in log if each.corrects is None]
    applied = [row for row in fold(*by_couriers)[0] if row.applied]
    assert not any(row.status in life.TERMINAL for row in applied[:-1])


@given(logs, st.data())
def test_any_repetition_gives_the_same_rows_and_the_same_outcomes(log: list[Update], data: st.DataObject) -> None:
    """A log read again from any point, any number of times, as a worker does after a crash."""
    want, outcomes = fold(*log)
    rows = want
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(log)))
        for index in range(start, data.draw(st.integers(start, len(log)))):
            rows, outcome = life.fold(rows, log[index])
            assert outcome == outcomes[index]
    assert rows == want


@given(logs, st.lists(st.booleans(), min_size=25, max_size=25))
def test_interleaving_with_other_orders_changes_nothing(log: list[Update], mine: list[bool]) -> None:
    """Two orders in one partition: each folds as if it were alone, whatever lies between."""
    picked = [u for u, m in zip(log, mine, strict=False) if m]
    others = [u for u, m in zip(log, mine, strict=False) if not m]
    state = {True: [life.placed(ORDER)], False: [life.placed(replace(ORDER, id_order=8))]}
    for each, is_mine in zip(log, mine, strict=False):
        state[is_mine], _ = life.fold(state[is_mine], each)
    assert state[True] == fold(*picked)[0]
    assert [r.status for r in state[False]] == [r.status for r in fold(*others)[0]]


@pytest.mark.parametrize(
    ("courier", "heard"),
    [("jne", True), ("tiki", True), (life.SHOP, True), ("JNE", False), ("jn", False), ("pos", False)],
)
def test_an_order_that_names_its_couriers_hears_them_and_the_shop_only(courier: str, heard: bool) -> None:
    rows = [life.placed(ORDER)]
    outcome = life.judge(rows, update(1, "picked_up", 1, courier=courier), ("jne", "tiki"))
    assert isinstance(outcome, Applied) if heard else outcome[0] == Reason.WRONG_COURIER
    assert isinstance(life.judge(rows, update(1, "picked_up", 1, courier=courier)), Applied)


def test_a_stranger_to_an_order_leaves_no_late_row_and_its_repeated_event_is_a_duplicate() -> None:
    rows = [life.placed(ORDER)]
    assert isinstance(life.judge(rows, update(1, "exception", -1, courier="pos"), ("jne",)), Rejected)
    rows, _ = life.fold(rows, update(1, "picked_up", 1), ("jne",))
    assert isinstance(life.judge(rows, update(2, "picked_up", 1, event_id="e1", courier="pos"), ("jne",)), Duplicate)
