"""The headers of `courier-status-rejected`: what a rejected record gains, and how a replay takes it off again.

Names that begin with `lacak_` are ours. Key and value are never touched, so neither has a function here.
"""

from collections.abc import Iterable

from streams.messages import Headers
from streams.order import Reason

REASON = "lacak_reason"
DETAIL = "lacak_detail"
TOPIC = "lacak_topic"
PARTITION = "lacak_partition"
OFFSET = "lacak_offset"
REPLAYED = "lacak_replayed"  # topic:partition:offset@time of the rejected record that was sent again; one a replay

_GAINED = frozenset({REASON, DETAIL, TOPIC, PARTITION, OFFSET})
# A detail quotes what it was given; a header must not make the dead letter larger than its topic takes.
DETAIL_LENGTH = 1000


def rejected_headers(
    headers: Iterable[tuple[str, bytes]], reason: Reason, detail: str, topic: str, partition: int, offset: int
) -> Headers:
    """The headers a record has in `courier-status-rejected`: its own, and why and from where it was rejected.

    `topic` is the name as it is on this Kafka. `lacak_replayed` stays, so that one sees which dead letter came back.
    """
    return [
        *((name, value) for name, value in headers if name not in _GAINED),
        (REASON, reason.value.encode()),
        (DETAIL, detail[:DETAIL_LENGTH].encode("utf-8", "backslashreplace")),
        (TOPIC, topic.encode()),
        (PARTITION, str(partition).encode()),
        (OFFSET, str(offset).encode()),
    ]


def original_headers(headers: Iterable[tuple[str, bytes]]) -> Headers:
    """The headers the record had before it was rejected, and before it was replayed."""
    return [(name, value) for name, value in headers if name not in _GAINED and name != REPLAYED]


def replays(headers: Iterable[tuple[str, bytes | None]]) -> list[str]:
    """Which dead letters a record was, each sent again, the oldest first. Their number is how often it was replayed."""
    return [(value or b"").decode("utf-8", "replace") for name, value in headers if name == REPLAYED]
