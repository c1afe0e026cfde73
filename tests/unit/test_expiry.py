"""When a waiting update may be given up: never while its order can still reach the worker in time."""

from cli.expiry import CLOCK_SKEW_MS, Verdict, deadline, verdict
from streams.order import Position
from tables.orders import WAITS_MS, Waiting

RECORDED = 1_760_000_000_000
WAITING = Waiting(7, Position("updates", 0, 3), RECORDED, b"", [])
DEADLINE = RECORDED + WAITS_MS
LONG_AFTER = DEADLINE + 86_400_000


def test_it_waits_for_seven_days() -> None:
    assert deadline(WAITING) == DEADLINE
    assert verdict(WAITING, None, LONG_AFTER, DEADLINE + CLOCK_SKEW_MS) is Verdict.WAITS
    assert verdict(WAITING, None, LONG_AFTER, DEADLINE + CLOCK_SKEW_MS + 1) is Verdict.EXPIRED


def test_an_order_that_came_by_the_deadline_judged_it_however_late_one_looks() -> None:
    assert verdict(WAITING, DEADLINE, LONG_AFTER, LONG_AFTER) is Verdict.JUDGED


def test_an_order_that_came_after_the_deadline_did_not_judge_it() -> None:
    assert verdict(WAITING, DEADLINE + 1, LONG_AFTER, LONG_AFTER) is Verdict.EXPIRED


def test_while_the_worker_has_not_read_beyond_the_deadline_the_update_stays() -> None:
    assert verdict(WAITING, None, DEADLINE, LONG_AFTER) is Verdict.LAGS
    assert verdict(WAITING, None, DEADLINE + CLOCK_SKEW_MS, LONG_AFTER) is Verdict.LAGS
