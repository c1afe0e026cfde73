"""A world without Kafka and Cassandra in which the worker's own judging code runs into every fault.

Crashes at each step, zombies that go on after their partition moved, writes and sends that time out and are applied
all the same (at once, later, or not), commits that are lost. The log, the committed positions and the store are plain
objects; `agents.lane.Lane` and `tables.memory_orders.MemoryOrders` are the real ones. Checked against the pure fold.
"""

import asyncio
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from agents.lane import Effects, Lane
from agents.records import Kind, Rejection, parse
from logs import PARTITIONS, T0, Log, Worker
from streams.messages import status_changed
from streams.order import Applied, Late, Order, Rejected, Row, Update, fold, placed, same_order
from tables.memory_orders import MemoryOrders

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
    """One partition of the two inputs, its store, and what was published."""

    random: random.Random
    rules: Rules
    log: Log = field(default_factory=Log)
    committed: dict[Kind, int] = field(default_factory=lambda: dict.fromkeys(Kind, 0))
    events: list[dict[str, Any]] = field(default_factory=list)
    dead: set[tuple[Kind, int]] = field(default_factory=set)
    late: list[Callable[[], None]] = field(default_factory=list)
    zombies: list[Assignment] = field(default_factory=list)
    lanes: list[Lane] = field(default_factory=list)
    faults: bool = True

    def __post_init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.store = MemoryOrders(clock=lambda: self.log.clock)
        self.owner = self.assignment()

    def do(self, awaitable: Any) -> Any:
        return self.loop.run_until_complete(awaitable)

    def chance(self, share: float) -> bool:
        return self.faults and self.random.random() < share

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
        kind = self.random.choice([k for k in Kind if mine.lane.positions[k].offset < len(self.log.records[k])])
        start = mine.lane.positions[kind].offset
        records = self.log.records[kind][start : start + self.random.randint(1, 4)]
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
        self.random.shuffle(writes)
        for write in writes:
            yield from self.surely(write)

    def publish(self, effects: Effects) -> Step:
        sends = [lambda each=each: self.events.append(status_changed(each.order, each.row)) for each in effects.events]
        if not self.rules.confirmed_in_order and self.faults:
            self.random.shuffle(sends)
        for send in sends:
            yield from self.surely(send)
        for rejection in effects.rejections:
            where = rejection.record.kind, rejection.record.position.offset
            yield from self.surely(lambda where=where: self.dead.add(where))

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
        self.loop.close()


def traffic(world: World) -> list[Callable[[], Any]]:
    """What shops and couriers send: orders, perhaps twice or conflicting, and updates that may be early, late, doubled
    or illegal."""
    luck, log = world.random, world.log
    sent: list[list[Callable[[], Any]]] = []
    for id_order in luck.sample([7, 8, 9], luck.choice([1, 1, 2])):
        shop = [lambda i=id_order: log.order(id_order=i, placed_at=T0 + luck.randrange(4000))]
        if luck.random() < 0.3:
            shop.append(lambda i=id_order: log.order(id_order=i, harga=luck.choice([10_000, 1])))
        courier = [
            lambda i=id_order, n=number: log.update(
                luck.choice(STATUSES),
                id_order=i,
                event_id=luck.choice("abcdefg"),
                occurred_at=T0 + 1000 * n + luck.choice([0, 0, 900, -2500, 60_000]),
                eta=luck.choice([None, None, T0 + n]),
            )
            for number in range(luck.randrange(1, 7))
        ]
        sent += [shop if luck.random() < 0.95 else [], courier]
    merged = []
    while any(sent):
        merged.append(luck.choice([each for each in sent if each]).pop(0))
    return merged


def expected(log: Log) -> tuple[dict[int, tuple[Order, list[Row]]], set[tuple[Kind, int]]]:
    """Each order with its rows, and where the dead letters come from: the pure fold of the whole log."""
    orders: dict[int, tuple[Order, list[Row]]] = {}
    dead: set[tuple[Kind, int]] = set()
    for record in log.records[Kind.ORDERS]:
        order = parse(record, PARTITIONS)
        assert isinstance(order, Order)
        first = orders.setdefault(order.id_order, (order, [placed(order)]))[0]
        if not same_order(first, order):
            dead.add((Kind.ORDERS, record.position.offset))
    for record in log.records[Kind.UPDATES]:
        update = parse(record, PARTITIONS)
        assert isinstance(update, Update) and not isinstance(update, Rejection)
        if update.id_order in orders:
            order, rows = orders[update.id_order]
            rows, outcome = fold(rows, update)
            assert isinstance(outcome, Applied | Late | Rejected) or len(rows) == len(orders[update.id_order][1])
            orders[update.id_order] = order, rows
            if isinstance(outcome, Rejected):
                dead.add((Kind.UPDATES, record.position.offset))
    return orders, dead


def broken(world: World) -> list[str]:
    """Which promises do not hold."""
    loop = asyncio.new_event_loop()
    found: list[str] = []
    orders, dead = expected(world.log)
    for id_order, (order, rows) in orders.items():
        stored = loop.run_until_complete(world.store.load(id_order))
        if stored is None or list(stored.rows) != rows:
            found.append("rows")
        current = loop.run_until_complete(world.store.order(id_order))
        applied = [row for row in rows if row.applied]
        if current is None or (current.status, current.version) != (applied[-1].status, applied[-1].version):
            found.append("current status")
        listed = loop.run_until_complete(world.store.orders_of_user(order.id_user, 10)).items
        if id_order not in [each.order.id_order for each in listed]:
            found.append("list")
        want = {row.version: status_changed(order, row) for row in applied}
        mine = [event for event in world.events if event["id_order"] == id_order]
        first = list(dict.fromkeys(event["version"] for event in mine))
        if first != sorted(want):
            found.append("versions missing, too many, or first seen out of order")
        if any(event != want.get(event["version"]) for event in mine):
            found.append("an event says something else")
    if {event["id_order"] for event in world.events} - orders.keys():
        found.append("phantom")
    if world.dead != dead:
        found.append("dead letters")
    loop.close()
    return found


def schedule(seed: int, rules: Rules | None = None) -> list[str]:
    """Runs one schedule; what it broke."""
    world = World(random.Random(seed), rules or Rules())
    world.run(traffic(world))
    return broken(world)
