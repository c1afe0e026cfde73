"""What the two workers did with the records whose traces are recorded, as spans.

A batch is written and published as one, so each of its records has the batch's times, and says how many shared them.
All of it is told when the batch is done: a batch that is not has none, and its replay has the same spans.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from agents.lane import Effects
from agents.records import Record
from streams import topics, trace
from streams.order import Position
from streams.spans import Attributes, Kind, Spans, messaging
from streams.topics import plain_decimal

# What a record's outcome makes of it besides the record's own span: the statement and its table, the topic.
WRITTEN = {
    "applied": ("BATCH", "orders"),
    "late": ("BATCH", "orders"),
    "waiting": ("INSERT", "waiting_updates"),
}
PUBLISHED = {"applied": topics.CHANGED.name, "rejected": topics.REJECTED.name}


class Times(NamedTuple):
    """Of one batch, in ns since 1970."""

    began: int
    judged: int
    written: int
    published: int


def tracked(spans: Spans, records: Sequence[Record], effects: Effects, times: Times) -> None:
    """The spans of a batch of the order-tracking worker."""
    judged = (*(each.record for each in effects.events), *(each.record for each in effects.rejections))
    waited = (each for each in judged if each.kind is not records[0].kind)
    recorded = [each for each in (*records, *waited) if trace.sampled(each.headers)]
    if recorded:
        outcomes = dict(_outcomes(effects))
        for record in recorded:
            _tracked(spans, record, outcomes.get(record.position, "duplicate"), len(records), times)


def _outcomes(effects: Effects) -> Iterator[tuple[Position, str]]:
    yield from ((row.position, "late") for write in effects.writes for row in write.rows if not row.applied)
    yield from ((each.record.position, "applied") for each in effects.events)
    yield from ((each.record.position, "rejected") for each in effects.rejections)
    yield from ((each.record.position, "forwarded") for each in effects.forwards)
    yield from ((each.position, "waiting") for each in effects.waiting)


def _tracked(spans: Spans, record: Record, outcome: str, count: int, times: Times) -> None:
    parent, span = record.traceparent, record.processed
    assert parent is not None and span is not None, "it is recorded"
    if outcome == "waiting":  # it is judged later: that span is the one that its event names
        span = trace.child(parent)
    at = record.position
    attributes = _processed(record.kind, topics.TRACK_GROUP, at.partition, at.offset, count, outcome)
    if record.key is not None and plain_decimal(record.key) is not None:
        attributes["messaging.kafka.message.key"] = record.key.decode()  # the id_order
    spans.record(f"process {record.kind}", Kind.CONSUMER, span, parent, (times.began, times.published), attributes)
    if outcome in WRITTEN:
        statement, table = WRITTEN[outcome]
        about: Attributes = {"db.system.name": "cassandra", "db.operation.name": statement, "db.collection.name": table}
        between = times.judged, times.written
        spans.record(f"{statement} {table}", Kind.CLIENT, trace.child(span), span, between, about)
    topic = record.kind if outcome == "forwarded" else PUBLISHED.get(outcome)
    if topic is not None:
        _sent(spans, topic, span, (times.written, times.published))


def notified(spans: Spans, judged: Iterable[tuple[Any, str]], count: int, times: Times) -> None:
    """The spans of a batch of the notification worker: its records, and what became of each."""
    for record, outcome in judged:
        parent = trace.sampled(record.headers)
        if parent is None:
            continue
        told = outcome == "told"
        span = onward(parent) if told else trace.child(parent)
        assert span is not None, "it is recorded"
        topic = topics.CHANGED.name
        attributes = _processed(topic, topics.NOTIFY_GROUP, record.partition, record.offset, count, outcome)
        spans.record(f"process {topic}", Kind.CONSUMER, span, parent, (times.began, times.published), attributes)
        if told:
            _sent(spans, topics.NOTIFICATIONS.name, span, (times.judged, times.written))


def onward(traceparent: bytes | None) -> bytes | None:
    """What a notification carries: the same for all records of one change."""
    return trace.derived(traceparent, topics.NOTIFICATIONS.name)


def _sent(spans: Spans, topic: str, parent: bytes, times: tuple[int, int]) -> None:
    attributes = messaging("send", topic)
    spans.record(f"send {topic}", Kind.PRODUCER, trace.child(parent), parent, times, attributes)


def _processed(topic: str, group: str, partition: int, offset: int, count: int, outcome: str) -> Attributes:
    return messaging("process", topic) | {
        "messaging.consumer.group.name": group,
        "messaging.destination.partition.id": str(partition),
        "messaging.kafka.offset": offset,
        "messaging.batch.message_count": count,
        "lacak.outcome": outcome,
    }
