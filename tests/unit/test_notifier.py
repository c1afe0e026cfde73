"""The order of the notification worker's effects: announced, then remembered, then acknowledged (DESIGN 6, rule 8)."""

from collections.abc import Iterable, Mapping
from types import SimpleNamespace
from typing import Any, cast

import pytest
from faust.types import TP

from agents.notify import Notifier
from agents.publisher import Outgoing, Publisher
from changes import change, record
from streams.messages import Message
from streams.settings import Settings
from tables.users import OpenOrder, UsersTable, decode

CHANGED = TP("order-status-changed", 3)


class Away(Exception):
    """The worker dies here."""


class World:
    """Stands for Kafka and RocksDB, and may end at any effect."""

    changelog = "changelog"

    def __init__(self, ends_at: int | None = None) -> None:
        self.effects: list[str] = []
        self.sent: list[Outgoing] = []
        self.disk: dict[bytes, bytes | None] = {}
        self.ends_at = ends_at

    def _effect(self, name: str) -> None:
        if len(self.effects) == self.ends_at:
            raise Away
        self.effects.append(name)

    async def publish(self, records: Iterable[Outgoing]) -> None:
        for each in records:
            self._effect(each.topic)
            self.sent.append(each)

    def load(self, partition: int, key: bytes) -> dict[int, OpenOrder]:
        assert partition == CHANGED.partition
        return decode(self.disk.get(key))

    def save(self, partition: int, values: Mapping[bytes, bytes | None]) -> None:
        assert partition == CHANGED.partition
        self._effect("disk")
        self.disk.update(values)


def notifier(world: World) -> Notifier:
    made = Notifier(Settings(_env_file=None), cast(Publisher, world))  # type: ignore[call-arg]
    made.table = cast(UsersTable, world)
    return made


def consumed(*changes: Message) -> list[Any]:
    return [
        SimpleNamespace(topic=CHANGED.topic, partition=3, offset=n, key=key, value=value, headers=())
        for n, (key, value) in enumerate(map(record, changes))
    ]


CHANGES = consumed(change("picked_up", 2), change("out_for_delivery", 3), change("placed", 1, id_order=8, id_user=43))
WHOLE = ["user-notifications", "user-notifications", "changelog", "changelog", "disk"]


async def test_announced_then_remembered_then_acknowledged() -> None:
    world = World()
    await notifier(world).batch(CHANGED, CHANGES)
    assert world.effects == WHOLE


@pytest.mark.parametrize("ends_at", range(len(WHOLE)))
async def test_died_at_any_effect_the_batch_is_not_acknowledged_and_says_the_same_when_read_again(ends_at: int) -> None:
    world = World(ends_at)
    with pytest.raises(Away):
        await notifier(world).batch(CHANGED, CHANGES)
    world.ends_at = None
    await notifier(world).batch(CHANGED, CHANGES)
    said = {each.value for each in world.sent if each.topic == "user-notifications"}
    untroubled = World()
    await notifier(untroubled).batch(CHANGED, CHANGES)
    assert said == {each.value for each in untroubled.sent if each.topic == "user-notifications"}
    assert world.disk == untroubled.disk


async def test_what_was_seen_has_no_effect() -> None:
    world = World()
    await notifier(world).batch(CHANGED, CHANGES)
    await notifier(world).batch(CHANGED, CHANGES)
    assert world.effects == WHOLE
