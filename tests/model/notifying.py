"""The notification worker in a world of faults, without Kafka and RocksDB.

`agents.notify.Notifier` is the real one, with its order of announce, remember, acknowledge, and with
`agents.notices.decide` in it. Around it the same as in protocol.py: workers that die at every step and leave their disk
behind, or not; zombies; sends that time out and are applied all the same; commits that are lost. The table is what it
is with Faust: each worker's disk with the changelog's offset that it knows, brought up to date from the changelog at
each assignment.
"""

import random
from collections.abc import Coroutine, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

from faust.types import TP

from agents.notify import Notifier
from agents.publisher import Outgoing, Publisher
from changes import lives, news, record
from streams.codec import Codec
from streams.messages import Message
from streams.settings import Settings
from tables.users import OpenOrder, UsersTable, decode

CHANGED = TP("order-status-changed", 3)
CHANGELOG, NOTIFICATIONS = "changelog", "user-notifications"
SETTINGS = Settings(_env_file=None)  # type: ignore[call-arg]
_NOTIFICATION = Codec("UserNotification")


class Pause:
    """Where something else may happen."""

    def __await__(self) -> Iterator[None]:
        yield


@dataclass
class Disk:
    """One worker's RocksDB of the partition."""

    values: dict[bytes, bytes | None] = field(default_factory=dict)
    known: int = -1  # the changelog's offset up to which it has all

    def recover(self, changelog: Sequence[Outgoing]) -> None:
        """As Faust does, before the partition's records are read."""
        for each in changelog[self.known + 1 :]:
            self.values[each.key or b""] = each.value
        self.known = len(changelog) - 1


class Worker:
    """One assignment: the worker's disk, and the batch that it works on. It is the Notifier's publisher and table."""

    changelog = CHANGELOG

    def __init__(self, world: "NotifyWorld", disk: Disk) -> None:
        self.world, self.disk, self.position = world, disk, world.committed
        disk.recover(world.topics[CHANGELOG])
        self.notifier = Notifier(SETTINGS, cast(Publisher, self))
        self.notifier.table = cast(UsersTable, self)
        self.batch: Coroutine[Any, Any, None] | None = None

    async def publish(self, records: Iterable[Outgoing]) -> None:
        for each in records:
            await self.world.surely(each)

    def load(self, partition: int, key: bytes) -> dict[int, OpenOrder]:
        return decode(self.disk.values.get(key))

    def save(self, partition: int, values: Mapping[bytes, bytes | None]) -> None:
        self.disk.values.update(values)
        self.disk.known += len(values)

    async def work(self, count: int) -> None:
        """A batch, and its acknowledgement."""
        records = self.world.log[self.position : self.position + count]
        await self.notifier.batch(CHANGED, records)
        await Pause()
        self.position += len(records)
        self.world.acknowledge(self)


class NotifyWorld:
    """One partition of `order-status-changed`, with repeated changes in it, and two workers for it."""

    def __init__(self, luck: random.Random) -> None:
        self.luck, self.faults = luck, True
        self.changes = repeated(lives(orders=luck.randint(1, 4), users=2, seed=luck.randrange(2**32)), luck)
        self.log = [consumed(offset, each) for offset, each in enumerate(self.changes)]
        self.committed = 0
        self.topics: dict[str, list[Outgoing]] = {CHANGELOG: [], NOTIFICATIONS: []}
        self.late: list[Outgoing] = []
        self.disks = [Disk(), Disk()]
        self.owner, self.zombies = Worker(self, self.disks[0]), list[Worker]()

    async def surely(self, record: Outgoing) -> None:
        """Sent until it is confirmed; a try that timed out was applied, is applied later, or is not."""
        topic = self.topics[CHANGELOG if record.topic == CHANGELOG else NOTIFICATIONS]
        await Pause()
        while self.faults and self.luck.random() < 0.12:
            what = self.luck.randrange(3)
            if what == 0:
                topic.append(record)
            elif what == 1:
                self.late.append(record)
            await Pause()
        topic.append(record)

    def acknowledge(self, worker: Worker) -> None:
        if worker is self.owner and not (self.faults and self.luck.random() < 0.2):  # else the commit is lost
            self.committed = worker.position

    def step(self, worker: Worker) -> bool:
        """One step of a worker; False when it has nothing to do."""
        if worker.batch is None:
            if worker is not self.owner or worker.position >= len(self.log):
                return False
            worker.batch = worker.work(self.luck.randint(1, 6))
        try:
            worker.batch.send(None)
        except StopIteration:
            worker.batch = None
        return True

    def move(self) -> None:
        """The partition goes to a worker: the old one died, with or without its disk, or goes on as a zombie."""
        old, what = self.owner, self.luck.randrange(3)
        if old.batch is not None:
            if what == 0:
                self.zombies.append(old)
            else:
                old.batch.close()
        index = self.disks.index(old.disk)
        if what == 1:
            self.disks[index] = Disk()
        other = self.luck.choice([index, 1 - index] if what else [1 - index])  # a zombie's disk is locked
        if any(each.disk is self.disks[other] for each in self.zombies):
            self.disks[other] = Disk()
        self.owner = Worker(self, self.disks[other])

    def run(self, steps: int = 100) -> None:
        for _ in range(steps):
            if self.luck.random() < 0.08:
                self.move()
            elif self.late and self.luck.random() < 0.1:
                self.arrive(self.late.pop())
            else:
                self.step(self.luck.choice([self.owner, *self.zombies]))
        self.faults = False
        for each in self.zombies:
            while self.step(each):
                continue
        self.owner = Worker(self, self.owner.disk) if self.owner.batch is None else self.owner
        while self.step(self.owner):
            continue
        for late in self.late:
            self.arrive(late)

    def arrive(self, record: Outgoing) -> None:
        """A send that had timed out is in the topic after all."""
        self.topics[CHANGELOG if record.topic == CHANGELOG else NOTIFICATIONS].append(record)


def repeated(changes: list[Message], luck: random.Random) -> list[Message]:
    """The changes as the order-tracking worker may publish them: some batches twice."""
    for _ in range(luck.randrange(3)):
        start = luck.randrange(len(changes))
        stop = min(len(changes), start + luck.randint(1, 4))
        changes = changes[:stop] + changes[start:]
    return changes


def consumed(offset: int, change: Message) -> Any:
    """A change as aiokafka gives it."""
    key, value = record(change)
    return SimpleNamespace(
        topic=CHANGED.topic, partition=CHANGED.partition, offset=offset, key=key, value=value, headers=()
    )


def broken(world: NotifyWorld) -> list[str]:
    """Which promises to the customer do not hold."""
    said: dict[str, list[Outgoing]] = {}
    orders: dict[int, list[int]] = {}
    for each in world.topics[NOTIFICATIONS]:
        message = _NOTIFICATION.decode(each.value)
        if message["notification_id"] not in said:
            orders.setdefault(message["id_order"], []).append(message["version"])
        said.setdefault(message["notification_id"], []).append(each)
    wanted = news(world.changes).keys()
    found = ["a notification is missing"] if wanted - said.keys() else []
    found += ["a phantom"] if said.keys() - wanted else []
    found += (
        ["said differently the second time"] if any(e != those[0] for those in said.values() for e in those) else []
    )
    found += ["first said out of order"] if any(each != sorted(each) for each in orders.values()) else []
    return found


def notify_schedule(seed: int) -> list[str]:
    """Runs one schedule; what it broke."""
    world = NotifyWorld(random.Random(seed))
    world.run()
    return broken(world)
