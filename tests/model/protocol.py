"""A world without Kafka and Cassandra in which the worker's own judging code runs into every fault.

Crashes at each step, zombies that go on after their partition moved, writes and sends that time out and are applied
all the same (at once, later, or not), commits that are lost. The log, the committed positions and the store are plain
objects; `agents.lane.Lane`, `tables.memory_orders.MemoryOrders` and the records that `agents.track.Tracker` makes are
the real ones. Checked against the pure fold (promises.py).
"""

import asyncio
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any, cast

from agents.lane import Effects, Event, Lane
from agents.patience import PatientOrders
from agents.publisher import Publisher
from agents.records import Kind
from agents.track import Tracker
from logs import T0, Log, Worker, correction_message, order_message, update_message
from promises import Published, broken
from streams.dead_letters import rejected_headers
from streams.messages import Headers
from streams.settings import Settings
from tables.memory_orders import MemoryOrders

LOOP = asyncio.new_event_loop()  # one for all worlds: nothing outlives the call that it runs
TRACKER = Tracker(Settings(_env_file=None), cast(PatientOrders, None), cast(Publisher, None))  # type: ignore[call-arg]
STATUSES = ("confirmed", "picked_up", "in_transit", "attempt_failed", "delivered", "cancelled", "exception")
Step = Iterator[None]


@dataclass
class Rules:
    """The rules of DESIGN section 6 that are the world's to keep; the lane keeps the others itself."""

    confirmed_in_order: bool = True  # 3
    one_assignment: bool = True  # 4


@dataclass
class Assignment:
    """A worker that has the partition, or thinks so."""

    lane: Lane
    batch: Step | None = None


@dataclass
class World:
    """One partition of the two inputs, its store, and what was published. What happens next is drawn by lot."""

    random: random.Random
    rules: Rules
    log: Log = field(default_factory=Log)
    committed: dict[Kind, int] = field(default_factory=lambda: dict.fromkeys(Kind, 0))
    events: list[Published] = field(default_factory=list)
    dead: dict[tuple[Kind, int], list[Headers]] = field(default_factory=dict)
    late: list[Callable[[], None]] = field(default_factory=list)
    zombies: list[Assignment] = field(default_factory=list)
    lanes: list[Lane] = field(default_factory=list)
    faults: bool = True

    def __post_init__(self) -> None:
        self.store = MemoryOrders(clock=lambda: self.log.clock)
        self.owner = self.assignment()

    def do(self, awaitable: Any) -> Any:
        return LOOP.run_until_complete(awaitable)

    def chance(self, share: float) -> bool:
        """Whether a fault happens."""
        return self.faults and self.random.random() < share

    def pick(self, count: int) -> int:
        """One of so many ways that are no faults."""
        return self.random.randrange(count)

    def assignment(self) -> Assignment:
        orders, updates = self.committed[Kind.ORDERS], self.committed[Kind.UPDATES]
        lane = Worker(self.log, self.store, orders, updates, cached=3).lane
        if self.lanes and not self.rules.one_assignment and self.random.random() < 0.5:  # it had the partition before
            positions, lane = lane.positions, self.random.choice(self.lanes)
            lane.positions = positions
        self.lanes.append(lane)
        return Assignment(lane)

    # -- one batch, a step at a time

    def batch(self, mine: Assignment) -> Step:
        kinds = [k for k in Kind if mine.lane.positions[k].offset < len(self.log.records[k])]
        kind = kinds[self.pick(len(kinds))]
        start = mine.lane.positions[kind].offset
        records = self.log.records[kind][start : start + 1 + self.pick(4)]
        effects = self.do(mine.lane.judge(records))
        yield
        yield from self.write(effects)
        yield from self.publish(effects)
        if self.owner is mine:
            if not self.chance(0.2):  # else the commit is lost
                self.committed[kind] = start + len(records)
            mine.lane.advance(kind, start + len(records))
        else:
            mine.batch = None

    def write(self, effects: Effects) -> Step:
        writes = [lambda each=each: self.do(self.store.write(each, self.log.clock)) for each in effects.writes]
        writes += [lambda each=each: self.do(self.store.add_waiting(each, self.log.clock)) for each in effects.waiting]
        while writes:
            yield from self.surely(writes.pop(self.pick(len(writes))))

    def publish(self, effects: Effects) -> Step:
        """The tracker's own records, made anew whenever they are sent: a replay's must be the same."""
        sends = [lambda each=each: self.events.append(published(each)) for each in effects.events]
        if not self.rules.confirmed_in_order and self.faults:
            self.random.shuffle(sends)
        for send in sends:
            yield from self.surely(send)
        for each in effects.rejections:
            where = each.record.kind, each.record.position.offset
            headers = rejected_headers(each.record.headers, each.reason, each.detail, where[0], 0, where[1])
            yield from self.surely(lambda where=where, said=headers: self.dead.setdefault(where, []).append(said))

    def surely(self, action: Callable[[], Any]) -> Step:
        """Tried until it is confirmed; a try that timed out was applied, is applied later, or is not."""
        yield
        while self.chance(0.12):
            what = self.random.randrange(3)
            if what == 0:
                action()
            elif what == 1:
                self.late.append(action)
            yield
        action()

    # -- what happens

    def step(self, mine: Assignment) -> bool:
        if mine.batch is None:
            if all(mine.lane.positions[k].offset >= len(self.log.records[k]) for k in Kind):
                return False
            mine.batch = self.batch(mine)
        try:
            next(mine.batch)
        except StopIteration:
            mine.batch = None
        return True

    def move(self) -> None:
        """The partition goes to another worker: the old one is dead, or is a zombie that finishes what it began."""
        old = self.owner
        if old.batch is not None and self.random.random() < 0.6:
            self.zombies.append(old)
        self.owner = self.assignment()

    def run(self, source: list[Callable[[], Any]], steps: int = 120) -> None:
        for _ in range(steps):
            luck = self.random.random()
            if source and luck < 0.25:
                source.pop(0)()
            elif self.chance(0.08):
                self.move()
            elif self.late and luck > 0.92:
                self.late.pop(self.random.randrange(len(self.late)))()
            else:
                self.step(self.random.choice([self.owner, *self.zombies]))
                self.zombies = [each for each in self.zombies if each.batch is not None]
        self.settle(source)

    def settle(self, source: list[Callable[[], Any]]) -> None:
        """No more faults: everything that is under way comes to its end."""
        for append in source:
            append()
        self.faults = False
        for each in self.zombies:
            while each.batch is not None:
                self.step(each)
        while self.step(self.owner):
            continue
        for action in self.late:
            action()


def published(event: Event) -> Published:
    """The record that announces a change."""
    return Published(event.order.id_order, event.row.version or 0, TRACKER._change(event))


def trace(number: int) -> Headers:
    """A sender's own trace."""
    return [("traceparent", b"00-4bf92f3577b34da6a3ce929d0e0e4736-%016x-01" % number)]


def traffic(world: World) -> list[Callable[[], Any]]:
    """What shops, couriers and operators send: orders, perhaps twice or conflicting, updates that may be early, late,
    doubled or illegal, and corrections of what may be at another version."""
    luck, log = world.random, world.log
    sent: list[list[Callable[[], Any]]] = []
    for id_order in luck.sample([7, 8, 9], luck.choice([1, 1, 2])):
        shop = [
            lambda i=id_order: log.append(
                Kind.ORDERS,
                order_message(i, placed_at=T0 + luck.randrange(4000)),
                headers=luck.choice([None, trace(99)]),
            )
        ]
        if luck.random() < 0.3:
            shop.append(lambda i=id_order: log.order(id_order=i, harga=luck.choice([10_000, 1])))
        courier = [
            lambda i=id_order, n=number: log.append(
                Kind.UPDATES,
                luck.choice([update_message, update_message, partial(correction_message, corrects=luck.randint(2, 4))])(
                    luck.choice(STATUSES),
                    id_order=i,
                    event_id=luck.choice("abcdefg"),
                    occurred_at=T0 + 1000 * n + luck.choice([0, 0, 900, -2500, 60_000]),
                    eta=luck.choice([None, None, T0 + n]),
                ),
                headers=luck.choice([None, trace(n + 1)]),
            )
            for number in range(luck.randrange(1, 7))
        ]
        sent += [shop if luck.random() < 0.95 else [], courier]
    merged = []
    while any(sent):
        merged.append(luck.choice([each for each in sent if each]).pop(0))
    return merged


def schedule(seed: int, rules: Rules | None = None) -> list[str]:
    """Runs one schedule; what it broke."""
    world = World(random.Random(seed), rules or Rules())
    world.run(traffic(world))
    return broken(world)
