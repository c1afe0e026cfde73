"""Token buckets: how much a name has, and what is said about it."""

from hypothesis import given
from hypothesis import strategies as st

from api.buckets import Buckets, Quota

PER_SECOND, AT_ONCE = 4.0, 10.0
ALL = 40


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_it_says_what_is_left_and_when_there_is_more() -> None:
    clock = Clock()
    buckets = Buckets(PER_SECOND, AT_ONCE, clock)
    assert buckets.take("a") == Quota(ALL, ALL - 1, 1, 0)
    for left in range(ALL - 2, -1, -1):
        assert buckets.take("a")[1::2] == (left, 0)
    assert buckets.take("a") == Quota(ALL, 0, 10, 1)
    assert buckets.take("b").left == ALL - 1, "another name pays nothing for it"
    clock.now += 1
    assert [buckets.take("a").wait for _ in range(6)] == [0, 0, 0, 0, 1, 1]
    clock.now += 60
    assert buckets.take("a") == Quota(ALL, ALL - 1, 1, 0)


@given(st.lists(st.tuples(st.floats(0, 3), st.integers(0, 20)), max_size=40))
def test_over_any_time_no_name_has_more_than_its_rate_and_one_burst(steps: list[tuple[float, int]]) -> None:
    clock = Clock()
    buckets, began, taken = Buckets(PER_SECOND, AT_ONCE, clock), clock.now, 0
    for seconds, tries in steps:
        clock.now += seconds
        quotas = [buckets.take("a") for _ in range(tries)]
        taken += sum(not quota.wait for quota in quotas)
        assert taken <= ALL + (clock.now - began) * PER_SECOND + 1e-6
        for quota in quotas:
            assert (quota.wait > 0) <= (quota.left == 0)


@given(st.floats(0.1, 100), st.integers(1, 50))
def test_after_the_wait_it_said_one_more_is_allowed(rate: float, tries: int) -> None:
    clock = Clock()
    buckets = Buckets(rate, AT_ONCE, clock)
    buckets.charge("a", rate * AT_ONCE + tries)
    wait = buckets.take("a").wait
    assert wait > 0
    clock.now += wait
    assert not buckets.take("a").wait


def test_names_that_are_quiet_are_forgotten() -> None:
    clock = Clock()
    buckets = Buckets(PER_SECOND, AT_ONCE, clock)
    for n in range(500):
        buckets.take(str(n))
    clock.now += 2 * AT_ONCE
    buckets.take("a")
    assert len(buckets) == 1
