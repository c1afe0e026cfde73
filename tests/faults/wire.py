"""Bytes of Kafka records, read anew: Avro in Confluent framing, murmur2, plain decimal keys, CloudEvents headers.

The pipeline has all of this too. It is written once more because a checker that shares a mistake finds none.
"""

import hashlib
import io
import json
import re
import struct
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

import fastavro

Message = dict[str, Any]
Headers = tuple[tuple[str, bytes | None], ...]

AVRO = Path(__file__).parents[2] / "schemas" / "avro"
IDS: dict[str, int] = json.loads((AVRO / "ids.json").read_text())
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# What fastavro raises on bytes that are no such record.
_BAD = (EOFError, ValueError, IndexError, KeyError, TypeError, OverflowError, MemoryError, StopIteration)
_TRACE = re.compile(rb"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")
_DECIMAL = re.compile(rb"0|[1-9][0-9]{0,18}")


class Bad(ValueError):
    """A record that says nothing valid; `reason` is the word that its dead letter must carry."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason


def without_logical_types(schema: Any) -> Any:
    """The schema by which times are read as integers."""
    if isinstance(schema, list):
        return list(map(without_logical_types, schema))
    if not isinstance(schema, dict):
        return schema
    return {name: without_logical_types(part) for name, part in schema.items() if name != "logicalType"}


def _schemas(name: str) -> dict[int, Any]:
    """Every released schema of one message type by its id, times as integers."""
    files = (AVRO / "released").glob(f"*-{name}.avsc")
    return {
        int(file.name.partition("-")[0]): fastavro.parse_schema(without_logical_types(json.loads(file.read_text())))
        for file in files
    }


_BY_NAME = {name: _schemas(name) for name in IDS}


def decode(name: str, value: bytes | None) -> Message:
    """The message in these bytes, in the shape of the newest schema; raises Bad: undecodable or unknown_schema."""
    if value is None or len(value) < 5 or value[0] != 0:
        raise Bad("undecodable", "not in Confluent framing")
    schema_id = int.from_bytes(value[1:5], "big")
    written = _BY_NAME[name].get(schema_id)
    if written is None:
        raise Bad("unknown_schema", str(schema_id))
    newest = _BY_NAME[name][IDS[name]]
    body = io.BytesIO(value[5:])
    try:
        message: Message = fastavro.schemaless_reader(body, written, None if written is newest else newest)
    except _BAD as error:
        raise Bad("undecodable", repr(error)) from error
    if body.read(1):
        raise Bad("undecodable", "bytes after the record")
    return message


def encode(name: str, message: Message) -> bytes:
    """The message in Confluent framing, under the newest schema."""
    out = io.BytesIO()
    fastavro.schemaless_writer(out, _BY_NAME[name][IDS[name]], message)
    return b"\0" + IDS[name].to_bytes(4, "big") + out.getvalue()


def murmur2(data: bytes) -> int:
    """Kafka's 32-bit murmur2 (org.apache.kafka.common.utils.Utils.murmur2)."""
    m, mask = 0x5BD1E995, 0xFFFFFFFF
    h = (0x9747B28C ^ len(data)) & mask
    whole = len(data) & ~3
    for (k,) in struct.iter_unpack("<I", data[:whole]):
        k = k * m & mask
        k = (k ^ k >> 24) * m & mask
        h = h * m & mask ^ k
    if rest := data[whole:]:
        h = (h ^ int.from_bytes(rest, "little")) * m & mask
    h = (h ^ h >> 13) * m & mask
    return h ^ h >> 15


@lru_cache(maxsize=200_000)
def partition_of(key: bytes, partitions: int) -> int:
    """Where Kafka's default partitioner puts this key."""
    return (murmur2(key) & 0x7FFFFFFF) % partitions


def number_of(key: bytes | None) -> int | None:
    """The number that a key says in plain decimal, or None."""
    return int(key) if key is not None and _DECIMAL.fullmatch(key) else None


def rfc3339(ms: int) -> str:
    """A time as JSON and CloudEvents show it: UTC, milliseconds, Z."""
    return (EPOCH + timedelta(milliseconds=ms)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def trace_of(headers: Headers) -> bytes | None:
    """The first `traceparent`, if it is one of W3C's form."""
    for name, value in headers:
        if name == "traceparent":
            found = _TRACE.fullmatch(value) if value is not None else None
            return value if found and found[1] != b"ff" and int(found[2], 16) and int(found[3], 16) else None
    return None


def trace_after(trace: bytes | None, what: str) -> bytes | None:
    """What a record carries that follows from doing `what` to the one that carried `trace`: where the trace is recorded
    (its flags' lowest bit), the span has an id that the two give."""
    if trace is None or not int(trace[-2:], 16) & 1:
        return trace
    span = hashlib.blake2b(trace + b" " + what.encode(), digest_size=8).hexdigest().encode()
    return b"-".join([*trace.split(b"-")[:2], span, trace[-2:]])


def cloud_event(kind: str, event_id: str, process: str, at: int, trace: bytes | None) -> Headers:
    """The headers that a record of ours must have (DESIGN section 2)."""
    return (
        ("ce_specversion", b"1.0"),
        ("ce_id", event_id.encode()),
        ("ce_type", kind.encode()),
        ("ce_source", f"/lacak/{process}".encode()),
        ("ce_time", rfc3339(at).encode()),
        ("content-type", b"application/avro"),
        *((("traceparent", trace),) if trace is not None else ()),
    )
