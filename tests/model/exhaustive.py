"""Every schedule of one fault of a small log, one after the other, with none left out.

A schedule is a path of choices: which topic is read next; at each step, whether the worker dies there, or becomes a
zombie, or its write or send times out and is applied all the same; and how many steps of the others later the zombie,
or the late write, comes to its end. `every` walks the tree of paths: it runs one, and takes the next one after it.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from agents.records import Kind
from logs import T0, Log, order_message, update_message
from promises import broken
from protocol import Rules, Step, World, trace

NOTHING, KILLED, ZOMBIE = range(3)
DONE, TWICE, LATE = range(3)


@dataclass
class Path:
    """Answers by the path that is given, and by the first choice where that has ended."""

    given: list[int] = field(default_factory=list)
    asked: list[tuple[int, int]] = field(default_factory=list)

    def pick(self, count: int) -> int:
        """The next choice out of so many."""
        if count == 1:
            return 0
        at = len(self.asked)
        choice = self.given[at] if at < len(self.given) else 0
        self.asked.append((choice, count))
        return choice

    def after(self) -> list[int] | None:
        """The path after this one; None when it was the last."""
        asked = list(self.asked)
        while asked and asked[-1][0] + 1 == asked[-1][1]:
            asked.pop()
        return [choice for choice, _ in asked[:-1]] + [asked[-1][0] + 1] if asked else None


class SmallWorld(World):
    """A world in which at most so many things go wrong, and a path says what and when."""

    def __init__(self, path: Path, left: int, batch: int, rules: Rules) -> None:
        self.path, self.left, self.size = path, left, batch
        super().__init__(random.Random(0), rules)

    def chance(self, share: float) -> bool:
        """A commit may be lost: this is what dying right before it comes to, which is tried at each step."""
        return False

    def pick(self, count: int) -> int:
        """What is left to choose: the topic (of two), and how many records a batch has."""
        return self.path.pick(2) if count == 2 else self.size - 1 if count == 4 else 0

    def surely(self, action: Callable[[], Any]) -> Step:
        yield
        what = self.path.pick(3) if self.left else DONE
        if what != DONE:
            self.left -= 1
            if what == TWICE:
                action()
            else:
                self.late.append(action)
            yield
        action()

    def strike(self) -> None:
        """What may happen to the owner between two steps."""
        if not self.left or self.owner.batch is None:
            return
        what = self.path.pick(3)
        if what != NOTHING:
            self.left -= 1
            if what == ZOMBIE:
                self.zombies.append(self.owner)
            self.owner = self.assignment()

    def wake(self) -> None:
        """A zombie goes on to the end of its batch, a late write arrives: now, or after more steps."""
        if self.zombies and self.path.pick(2):
            zombie = self.zombies.pop()
            while zombie.batch is not None:
                self.step(zombie)
        if self.late and self.path.pick(2):
            self.late.pop()()

    def play(self) -> None:
        """From the first record to the last, and then what is still under way."""
        while self.step(self.owner):
            self.strike()
            self.wake()
        self.settle([])


def every(
    fill: Callable[[Log], None], faults: int = 1, batch: int = 2, rules: Rules | None = None
) -> Iterator[list[str]]:
    """What each schedule of the log broke."""
    given: list[int] | None = []
    while given is not None:
        path = Path(given)
        world = SmallWorld(path, faults, batch, rules or Rules())
        fill(world.log)
        world.play()
        yield [f"{problem}: {given}" for problem in broken(world)]
        given = path.after()


def update(log: Log, status: str, event_id: str, second: int) -> None:
    """An update of order 7, with a trace of its own."""
    message = update_message(status, event_id=event_id, occurred_at=T0 + second * 1000)
    log.append(Kind.UPDATES, message, headers=trace(second))


def a_life(log: Log) -> None:
    """An order that goes its way."""
    log.append(Kind.ORDERS, order_message(), headers=trace(99))
    update(log, "picked_up", "a", 2)
    update(log, "delivered", "b", 3)


def trouble(log: Log) -> None:
    """An update that is rejected where it stands, and would be applied if it were judged by what comes after it."""
    log.append(Kind.ORDERS, order_message())
    update(log, "attempt_failed", "a", 2)
    update(log, "picked_up", "b", 3)
    update(log, "picked_up", "b", 3)


def two_orders(log: Log) -> None:
    """An id with two orders, the second of other content, and an update."""
    log.append(Kind.ORDERS, order_message())
    log.append(Kind.ORDERS, order_message(harga=1))
    update(log, "cancelled", "a", 2)


LOGS = (a_life, trouble, two_orders)
