"""How many records may wait for Kafka, while it keeps up and while it does not."""

from contextlib import ExitStack

import pytest

from api.backlog import BEHIND_SECONDS, PROBES, Backlog, NoRoom


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_as_many_as_the_setting_says() -> None:
    backlog = Backlog(10, Clock())
    with backlog.waiting(9):
        backlog.check()
        with backlog.waiting(500), pytest.raises(NoRoom):  # a batch is not cut in two
            backlog.check()
        backlog.check()
    assert backlog.records == 0


def test_fewer_when_one_has_waited_long_until_it_is_confirmed() -> None:
    clock = Clock()
    backlog = Backlog(10 * PROBES, clock)
    with ExitStack() as late:
        with backlog.waiting(1):
            clock.now += BEHIND_SECONDS + 0.1
            late.enter_context(backlog.waiting(PROBES - 2))
            backlog.check()
            late.enter_context(backlog.waiting(1))
            with pytest.raises(NoRoom):
                backlog.check()
        backlog.check()


def test_what_failed_waits_no_more() -> None:
    backlog = Backlog(1, Clock())
    with pytest.raises(ZeroDivisionError), backlog.waiting(1):
        raise ZeroDivisionError
    backlog.check()
