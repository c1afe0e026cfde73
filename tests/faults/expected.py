"""What must be, worked out from the two input topics alone: the orders' lives, the dead letters, what still waits.

Early updates are folded in log order behind their order, so the outcome does not depend on which topic was read first.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from evidence import ORDERS, UPDATES, Record
from life import APPLIED, DUPLICATE, LATE, Life
from validity import said, too_large
from wire import Bad, Message, number_of, partition_of

Place = tuple[str, int, int]  # topic, partition, offset
MOST_WAITING = 1000
LONGEST_WAIT_MS = 7 * 24 * 60 * 60 * 1000
UNKNOWN_ORDER = "unknown_order"


class Rejected(NamedTuple):
    """A record that must lie in courier-status-rejected."""

    record: Record
    reason: str


@dataclass(slots=True)
class Expected:
    """What the pipeline must have made of its inputs. `waiting`: valid updates of orders never placed."""

    orders: dict[int, Life] = field(default_factory=dict)
    rejected: dict[Place, Rejected] = field(default_factory=dict)
    waiting: dict[int, list[Record]] = field(default_factory=dict)
    may_wait: dict[tuple[int, int], int] = field(default_factory=dict)  # (partition, offset) of valid updates: id_order
    misrouted: list[tuple[str, Record]] = field(default_factory=list)
    applied: dict[Place, tuple[int, int]] = field(default_factory=dict)  # input: (id_order, version)
    early: set[Place] = field(default_factory=set)  # came before their order, by the log-append times
    counts: Counter[str] = field(default_factory=Counter)

    def count(self, verdict: str) -> None:
        self.counts[verdict] += 1


def expect(orders: list[Record], updates: list[Record], partitions: int) -> Expected:
    """Folds both topics, given by partition and offset."""
    expected = Expected()
    for record, message in _judged(expected, ORDERS, orders, partitions):
        _place(expected, message, record)
    for record, message in _judged(expected, UPDATES, updates, partitions):
        expected.may_wait[record.partition, record.offset] = message["id_order"]
        _update(expected, message, record)
    return expected


def _judged(expected: Expected, topic: str, records: list[Record], partitions: int) -> Iterator[tuple[Record, Message]]:
    """The valid records in their right partition; the others are noted."""
    for record in records:
        if is_misrouted(record, partitions):
            expected.misrouted.append((topic, record))
            expected.count("misrouted")
            continue
        try:
            if too_large(record):
                raise Bad("invalid_field", "larger than can be produced again")
            message = said(topic, record)
        except Bad as bad:
            _reject(expected, topic, record, bad.reason)
        else:
            yield record, message


def is_misrouted(record: Record, partitions: int) -> bool:
    """Whether it lies where murmur2 of its plain decimal key would not put it: then a copy of it counts."""
    if record.key is None or number_of(record.key) is None or too_large(record):
        return False
    return partition_of(record.key, partitions) != record.partition


def _reject(expected: Expected, topic: str, record: Record, reason: str) -> None:
    expected.rejected[topic, record.partition, record.offset] = Rejected(record, reason)
    expected.count("rejected")


def _place(expected: Expected, message: Message, record: Record) -> None:
    there = expected.orders.get(message["id_order"])
    if there is None:
        life = expected.orders[message["id_order"]] = Life.begin(message, record)
        expected.applied[ORDERS, record.partition, record.offset] = life.said["id_order"], 1
        expected.count(APPLIED)
    elif all(there.said[name] == value for name, value in message.items() if name != "placed_at"):
        expected.count(DUPLICATE)
    else:
        _reject(expected, ORDERS, record, "conflicting_order")


def _update(expected: Expected, message: Message, record: Record) -> None:
    life = expected.orders.get(message["id_order"])
    if life is None or record.timestamp + LONGEST_WAIT_MS < life.record.timestamp:
        _wait(expected, message["id_order"], record)
        return
    place = (UPDATES, record.partition, record.offset)
    if record.timestamp < life.record.timestamp:
        expected.early.add(place)
    verdict = life.judge(message, record)
    if verdict == APPLIED:
        expected.applied[place] = message["id_order"], len(life.changes)
        if message["corrects"] is not None:
            expected.count("corrections")
    if verdict in (APPLIED, LATE, DUPLICATE):
        expected.count(verdict)
    else:
        _reject(expected, UPDATES, record, verdict)


def _wait(expected: Expected, id_order: int, record: Record) -> None:
    waiting = expected.waiting.setdefault(id_order, [])
    if len(waiting) >= MOST_WAITING:
        _reject(expected, UPDATES, record, UNKNOWN_ORDER)
        return
    waiting.append(record)
    expected.count("waiting")
