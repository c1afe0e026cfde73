"""What a consumed record is: an order, an update, a stranger to its partition, or something to reject.

The checks here need nothing but the record itself. Judging an update by its order's history is agents/lane.py's.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

from streams import topics, trace, unknown_codes
from streams.codec import Codec, Undecodable, UnknownSchema
from streams.messages import Headers, Invalid, UnknownStatus, order_of, update_of
from streams.order import Order, Position, Reason, Update
from streams.topics import partition_of, plain_decimal


class Kind(StrEnum):
    """Which of the two co-partitioned inputs a record is of; the value is the topic's name."""

    ORDERS = topics.ORDERS.name
    UPDATES = topics.UPDATES.name


class Record(NamedTuple):
    """One record as it was read, or as it waited in Cassandra."""

    kind: Kind
    position: Position
    recorded_at: int  # log-append time, ms
    key: bytes | None
    value: bytes | None
    headers: Headers

    @classmethod
    def of(cls, kind: Kind, incarnation: str, consumed: Any) -> "Record":
        """From aiokafka's ConsumerRecord."""
        position = Position(incarnation, consumed.partition, consumed.offset)
        return cls(kind, position, consumed.timestamp, consumed.key, consumed.value, list(consumed.headers))

    @property
    def traceparent(self) -> bytes | None:
        """What its sender did, in its trace."""
        return trace.of_headers(self.headers)

    @property
    def processed(self) -> bytes | None:
        """The span by which it is processed, wherever and how often that is: what follows from it comes from there."""
        return trace.derived(self.traceparent, self.kind, self.position.partition, self.position.offset)


@dataclass(frozen=True, slots=True)
class Rejection:
    """A record that goes to `courier-status-rejected` as it came. `update`: what it says, where it is a valid one."""

    record: Record
    reason: Reason
    detail: str
    update: Update | None = None


class Misrouted(NamedTuple):
    """A record in a partition that murmur2 of its key would not give."""

    record: Record
    partition: int


# What we can produce again, forwarded or waiting, in a batch of the topics' largest size.
MAX_CONTENT = topics.MAX_RECORD - 1024

_CODECS = {Kind.ORDERS: Codec("OrderPlaced"), Kind.UPDATES: Codec("CourierStatusUpdate")}


def parse(record: Record, partitions: int) -> Order | Update | Misrouted | Rejection:
    """What the record is, by itself, in a topic of so many partitions."""
    size = content_size(record)
    if size > MAX_CONTENT:
        return Rejection(record, Reason.INVALID_FIELD, f"record: {size} bytes, more than {MAX_CONTENT}")
    if record.key is not None and plain_decimal(record.key) is not None:
        partition = partition_of(record.key, partitions)
        if partition != record.position.partition:
            return Misrouted(record, partition)
    return understand(record)


def content_size(record: Record) -> int:
    """About the bytes that the record takes uncompressed: a broker bounds what is compressed only."""
    fields = len(record.key or b"") + len(record.value or b"")
    return fields + sum(4 * len(name) + len(value or b"") + 10 for name, value in record.headers)


def understand(record: Record) -> Order | Update | Rejection:
    """The message that a record of the right partition holds, or why it is none."""
    try:
        return _message(record)
    except Undecodable as error:
        return Rejection(record, Reason.UNDECODABLE, str(error))
    except UnknownSchema as error:
        return Rejection(record, Reason.UNKNOWN_SCHEMA, str(error))
    except Invalid as error:
        if isinstance(error, UnknownStatus):
            unknown_codes.count(error.courier, error.status)
        return Rejection(record, error.reason, str(error))


def _message(record: Record) -> Order | Update:
    message = _CODECS[record.kind].decode(record.value)
    make = order_of if record.kind is Kind.ORDERS else update_of
    parsed = make(message, record.position, record.recorded_at)
    if plain_decimal(record.key) != parsed.id_order:
        raise Invalid(Reason.INVALID_FIELD, "key", "absent, or not the value's id_order in plain decimal")
    return parsed
