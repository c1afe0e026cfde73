"""A dead letter as it lies in `courier-status-rejected`, and which of them a replay sends again. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from agents.records import MAX_CONTENT, Kind, Record, content_size
from streams import topics
from streams.codec import Codec, Undecodable, UnknownSchema
from streams.dead_letters import DETAIL, OFFSET, PARTITION, REASON, REPLAYED, TOPIC, original_headers, replays
from streams.messages import Headers, Message, as_json, header, rfc3339
from streams.order import Position, Reason
from streams.settings import Settings

SHOWN_BYTES = 200


class Place(NamedTuple):
    """A partition and an offset of `courier-status-rejected`."""

    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.partition}:{self.offset}"


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One rejected record."""

    topic: str  # courier-status-rejected, as it is called on this Kafka
    place: Place
    rejected_at: int
    key: bytes | None
    value: bytes | None
    headers: Headers
    too_large: bool = False  # with its marks, for a record of the topic it came from

    @classmethod
    def of(cls, record: Any) -> "DeadLetter":
        """From aiokafka's ConsumerRecord."""
        place = Place(record.partition, record.offset)
        letter = cls(record.topic, place, record.timestamp, record.key, record.value, list(record.headers))
        return replace(letter, too_large=letter._size() > MAX_CONTENT)

    def without_value(self) -> "DeadLetter":
        """All about it but its bytes, which may be large: whether there were any can still be seen."""
        return replace(self, value=self.value and b"")

    @property
    def reason(self) -> str:
        return self.text(REASON)

    @property
    def detail(self) -> str:
        return self.text(DETAIL)

    @property
    def source(self) -> str:
        """Where it was rejected: topic:partition:offset."""
        return f"{self.text(TOPIC)}:{self.text(PARTITION)}:{self.text(OFFSET)}"

    @property
    def mark(self) -> str:
        """What `lacak_replayed` says of its replay. With the time, since a topic made anew has the same offsets."""
        return f"{self.topic}:{self.place}@{rfc3339(self.rejected_at)}"

    @property
    def replays(self) -> list[str]:
        """The marks of the dead letters it was before, each replayed and rejected again, the oldest first."""
        return replays(self.headers)

    @property
    def is_whole(self) -> bool:
        """Whether it has the bytes that were rejected: those above 2 MiB are not kept."""
        return self.value is not None or self.reason == Reason.UNDECODABLE

    def text(self, name: str) -> str:
        """A header as text; empty when there is none."""
        return (header(self.headers, name) or b"").decode("utf-8", "replace")

    def message(self, settings: Settings) -> Message | None:
        """What it says, as JSON; None where the bytes say nothing."""
        named = {settings.topic(topic.name): topic for topic in (topics.ORDERS, topics.UPDATES)}
        topic = named.get(self.text(TOPIC))
        if topic is None or topic.message is None:
            return None
        try:
            return as_json(Codec(topic.message).decode(self.value))
        except (Undecodable, UnknownSchema):
            return None
        except (ValueError, OverflowError, OSError):  # a time that no calendar has
            return Codec(topic.message).decode(self.value)

    def resent(self) -> Headers:
        """The headers of its replay: the original ones in their order, then a mark for each time it was sent again."""
        marks = [*self.replays, self.mark]
        return [*original_headers(self.headers), *((REPLAYED, mark.encode()) for mark in marks)]

    def _size(self) -> int:
        record = Record(Kind.UPDATES, Position("", *self.place), 0, self.key, self.value, self.resent())
        return content_size(record)


def glance(value: bytes | None) -> str:
    """Bytes for a person to look at."""
    if value is None:
        return "no value"
    shown = repr(value[:SHOWN_BYTES])[2:-1]
    return shown + (f" … ({len(value)} bytes)" if len(value) > SHOWN_BYTES else "")


@dataclass
class Plan:
    """Which dead letters a replay sends, and why not the others."""

    todo: set[Place] = field(default_factory=set)
    done: int = 0  # replayed before
    again: int = 0  # rejected again after a replay, and left alone unless asked for
    nowhere: int = 0  # see `can_be_sent`


def can_be_sent(letter: DeadLetter, targets: set[str]) -> bool:
    """Whether its original can be a record of its topic again.

    Not of a topic that is not ours, and not without key and value: Kafka's clients send no such record. Not above
    1 MiB: it came in compressed, and order tracking takes none. Not without the value it had.
    """
    return (
        letter.text(TOPIC) in targets
        and (letter.key is not None or letter.value is not None)
        and letter.is_whole
        and not letter.too_large
    )


def plan(letters: Iterable[DeadLetter], already: set[str], targets: set[str], again: bool) -> Plan:
    """What to send, given the marks of those that were replayed already and the topics that may be sent to."""
    made = Plan()
    for letter in letters:
        if letter.mark in already:
            made.done += 1
        elif letter.replays and not again:
            made.again += 1
        elif not can_be_sent(letter, targets):
            made.nowhere += 1
        else:
            made.todo.add(letter.place)
    return made
