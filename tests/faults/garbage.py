"""Bad input of every kind that there is a reason for: bytes for the Kafka door, bodies for the REST door."""

import struct
from random import Random
from typing import Any, NamedTuple

from streams.codec import Codec, schema_ids
from streams.messages import TIME_MIN, Message

Bytes = bytes | None
_codecs = {"orders": Codec("OrderPlaced"), "courier-status-updates": Codec("CourierStatusUpdate")}
_OTHERS = {"orders": "courier-status-updates", "courier-status-updates": "orders"}


class Bad(NamedTuple):
    """A record that must be rejected."""

    key: Bytes
    value: Bytes


def encode(topic: str, message: Message) -> bytes:
    """A message as the topic's value; what is out of a range is encoded too."""
    return _codecs[topic].encode(message)


def bad_record(random: Random, topic: str, good: Message, other_topics: Message) -> Bad:
    """A record about the order of `good` (a valid message of the topic) that is bad in one way. `other_topics` is a
    valid message of the other topic."""
    key, value = str(good["id_order"]).encode(), encode(topic, good)
    kind = random.choice(("bytes", "bytes", "schema", "field", "field", "key"))
    if kind == "bytes":
        return Bad(key, _bad_bytes(random, value))
    if kind == "schema":
        return Bad(key, _bad_schema(random, topic, value, other_topics))
    if kind == "key":
        return Bad(random.choice((None, b"", b"0" + key, b"+" + key, key + b"1", key + b" ", b"kopi")), value)
    return Bad(key, encode(topic, good | random.choice(BAD_FIELDS[topic])))


def _bad_bytes(random: Random, value: bytes) -> Bytes:
    """No value, one cut short, one that goes on, one that never was Avro."""
    return random.choice(
        (None, b"", value[:5], value[:-1], value + b"\x00", value + b"tail", random.randbytes(40), b'{"status":"lost"}')
    )


def _bad_schema(random: Random, topic: str, value: bytes, other_topics: Message) -> bytes:
    """An id that nobody has, or another message's, with its bytes or with ours."""
    other = encode(_OTHERS[topic], other_topics)
    changed = schema_ids()["OrderStatusChanged"]
    return random.choice(
        (
            struct.pack(">bI", 0, 999) + value[5:],
            other,
            other[:5] + value[5:],
            struct.pack(">bI", 0, changed) + value[5:],
        )
    )


BAD_FIELDS: dict[str, tuple[dict[str, Any], ...]] = {
    "orders": (
        {"jumlah": 0},
        {"harga": -1},
        {"total_harga": -5},
        {"currency": "rp"},
        {"placed_at": TIME_MIN - 1},
        {"id_user": -42},
        {"produk_nama": "k" * 501},
    ),
    "courier-status-updates": (
        {"status": "teleported"},
        {"status": ""},
        {"event_id": ""},
        {"event_id": "placed"},
        {"event_id": "e" * 65},
        {"occurred_at": 0},
        {"courier": ""},
        {"note": "n" * 501},
        {"latitude": 91.0, "longitude": 0.0},
        {"latitude": 1.0, "longitude": None},
        {"eta": TIME_MIN - 1},
    ),
}

BAD_BODIES: dict[str, tuple[dict[str, Any], ...]] = {
    "orders": ({"jumlah": 0}, {"harga": "mahal"}, {"currency": "rp"}, {"placed_at": "kemarin"}, {"warna": "merah"}),
    "courier-status-updates": (
        {"status": "teleported"},
        {"event_id": "placed"},
        {"occurred_at": "2026-05-01T09:00:00"},
        {"latitude": 91, "longitude": 0},
        {"latitude": 1, "longitude": None},
        {"note": "n" * 501},
        {"warna": "merah"},
    ),
}
"""What a good body is changed by so that REST answers 422."""
