"""How a test damages the evidence of a run: one thing at a time, found by what it says."""

from collections.abc import Callable
from typing import Any

import wire
from evidence import CHANGED, NOTIFICATIONS, UPDATES, Evidence, Record, pack_headers
from findings import Kind

NAMES = {CHANGED: "OrderStatusChanged", NOTIFICATIONS: "UserNotification", UPDATES: "CourierStatusUpdate"}
Damage = Callable[[Evidence], None]
Case = tuple[str, Damage, set[Kind]]  # what is done, and the kinds of findings that it must make


def records(evidence: Evidence, topic: str, id_order: int, version: int) -> list[int]:
    """Where a version's records are in a topic."""
    found = []
    for index, record in enumerate(evidence.topics[topic]):
        message = wire.decode(NAMES[topic], record.value)
        if (message["id_order"], message["version"]) == (id_order, version):
            found.append(index)
    return found


def said(evidence: Evidence, topic: str, which: int, its_version: int, **changes: Any) -> None:
    """Makes the last record of a version say something else."""
    index = records(evidence, topic, which, its_version)[-1]
    record = evidence.topics[topic][index]
    message = {**wire.decode(NAMES[topic], record.value), **changes}
    evidence.topics[topic][index] = record._replace(value=wire.encode(NAMES[topic], message))


def without(evidence: Evidence, topic: str, id_order: int, version: int) -> None:
    for index in reversed(records(evidence, topic, id_order, version)):
        del evidence.topics[topic][index]


def added(evidence: Evidence, topic: str, record: Record) -> None:
    """One more record at the end of its partition."""
    end = max((each.offset for each in evidence.topics[topic] if each.partition == record.partition), default=-1) + 1
    evidence.topics[topic] = sorted([*evidence.topics[topic], record._replace(offset=end)])


def again(evidence: Evidence, topic: str, id_order: int, version: int) -> Record:
    return evidence.topics[topic][records(evidence, topic, id_order, version)[0]]


def input_at(evidence: Evidence, id_: str) -> tuple[str, int]:
    """The topic and the index of an acknowledged input of the Kafka door."""
    sent = next(line for line in evidence.history if line["kind"] == "sent" and line["id"] == id_)
    acked = next(line for line in evidence.history if line["kind"] == "acked" and line["id"] == id_)
    place = acked["partition"], acked["offset"]
    return sent["topic"], [each[:2] for each in evidence.topics[sent["topic"]]].index(place)


def without_input(id_: str) -> Damage:
    def damage(evidence: Evidence) -> None:
        topic, index = input_at(evidence, id_)
        del evidence.topics[topic][index]

    return damage


def with_header(name: str, value: bytes | None) -> Callable[[Record], bytes]:
    """A header with another value, or without it."""

    def change(record: Record) -> bytes:
        kept = [(n, v if n != name else value) for n, v in record.headers if n != name or value is not None]
        assert tuple(kept) != record.headers
        return pack_headers(kept)

    return change


def history(evidence: Evidence) -> list[Any]:
    assert isinstance(evidence.history, list)
    return evidence.history
