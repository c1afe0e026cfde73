"""The couriers' side of the history: what was sent, what was acknowledged or refused, and when there were faults."""

import json
from base64 import b64decode
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, NamedTuple

from evidence import Line, Record, pack_headers
from wire import Message

Digest = bytes
_FLOATS = ("latitude", "longitude")


class Sent(NamedTuple):
    """One input as a client sent it. `digest`: of its bytes (Kafka) or of its message (REST)."""

    topic: str
    digest: Digest
    rest: bool


class Acked(NamedTuple):
    """An acknowledgement. Without a partition and an offset where the door does not tell them."""

    at: int
    partition: int | None
    offset: int | None


@dataclass(slots=True)
class Claims:
    """What the clients know. `by_digest`: the ids of what was sent alike."""

    sent: dict[str, Sent] = field(default_factory=dict)
    by_digest: dict[Digest, list[str]] = field(default_factory=dict)
    acked: dict[str, Acked] = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)
    gave_up: set[str] = field(default_factory=set)
    faults: list[Mapping[str, Any]] = field(default_factory=list)
    starts: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    """By process, when it was started."""

    def only_refused(self, digest: Digest) -> bool:
        """Whether all that was sent like this was refused."""
        return all(each in self.refused for each in self.by_digest[digest])


def read_claims(history: Iterable[Line]) -> Claims:
    """Reads the lines of clients and of the nemesis."""
    found = Claims()
    for line in history:
        kind = line["kind"]
        if kind == "sent":
            sent = _sent(line)
            found.sent[line["id"]] = sent
            found.by_digest.setdefault(sent.digest, []).append(line["id"])
        elif kind == "acked":
            found.acked[line["id"]] = Acked(line["at"], line.get("partition"), line.get("offset"))
        elif kind == "refused":
            found.refused.add(line["id"])
        elif kind == "gave_up":
            found.gave_up.add(line["id"])
        elif kind == "fault":
            found.faults.append(line)
        elif kind == "process" and line["event"] == "started":
            found.starts[line["name"]].append(line["at"])
    found.faults.sort(key=lambda fault: fault["at"])
    return found


def _sent(line: Line) -> Sent:
    topic = line["topic"]
    if line["door"] == "rest":
        return Sent(topic, message_digest(topic, line["message"]), True)
    headers = pack_headers((name, _bytes(value)) for name, value in line["headers"])
    return Sent(topic, _digest(topic, _bytes(line["key"]), _bytes(line["value"]), headers), False)


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else b64decode(text)


def record_digest(topic: str, record: Record) -> Digest:
    """Of a record's key, value and headers."""
    return _digest(topic, record.key, record.value, record.packed)


def message_digest(topic: str, message: Message) -> Digest:
    """Of what a message says; a field that is null says nothing."""
    says = {
        name: float(value) if name in _FLOATS and isinstance(value, int) else value
        for name, value in message.items()
        if value is not None
    }
    return blake2b(f"{topic} {json.dumps(says, sort_keys=True, default=str)}".encode(), digest_size=16).digest()


def _digest(topic: str, key: bytes | None, value: bytes | None, packed: bytes) -> Digest:
    whole = blake2b(topic.encode(), digest_size=16)
    for part in (key, value, packed):
        whole.update(b"-" if part is None else len(part).to_bytes(4, "big") + part)
    return whole.digest()
