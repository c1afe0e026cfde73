"""What a record of an input topic says by itself, or why it is rejected for what it is (DESIGN sections 3 and 4)."""

import re
from datetime import UTC, datetime

from evidence import ORDERS, Record
from streams.order import TRANSITIONS
from wire import Bad, Message, decode, number_of

_NAMES = {ORDERS: "OrderPlaced"}
_INT = (0, 2**31 - 1)
_LONG = (0, 2**63 - 1)
_YEARS = tuple(int(datetime(year, 1, 1, tzinfo=UTC).timestamp() * 1000) for year in (2000, 2039))
_TIME = (_YEARS[0], _YEARS[1] - 1)
_LARGEST = 1024 * 1024 - 1024  # bytes: what could not be produced again is not taken

_ORDER_RANGES = {
    "id_order": (1, _LONG[1]),
    "id_user": _INT,
    "id_produk": _INT,
    "harga": _INT,
    "jumlah": (1, _INT[1]),
    "total_harga": _LONG,
    "placed_at": _TIME,
    "promised_at": _TIME,
}
_UPDATE_RANGES = {
    "id_order": (1, _LONG[1]),
    "occurred_at": _TIME,
    "eta": _TIME,
    "latitude": (-90, 90),
    "longitude": (-180, 180),
    "corrects": (1, _INT[1]),
}
_ORDER_LENGTHS = {"produk_nama": (0, 500)}
_UPDATE_LENGTHS = {
    "event_id": (1, 64),
    "courier": (1, 200),
    "substatus": (0, 200),
    "note": (0, 500),
    "operator": (1, 64),
}


def too_large(record: Record) -> bool:
    """Whether a record is larger than what can be produced again; it is rejected where it lies."""
    size = len(record.key or b"") + len(record.value or b"")
    if size + 5 * len(record.packed) < _LARGEST:  # the usual case, without unpacking
        return False
    return size + sum(4 * len(name) + len(value or b"") + 10 for name, value in record.headers) > _LARGEST


def said(topic: str, record: Record) -> Message:
    """The valid message of a record in its right partition; raises Bad with the reason."""
    message = decode(_NAMES.get(topic, "CourierStatusUpdate"), record.value)
    if topic == ORDERS:
        _ranges(message, _ORDER_RANGES, _ORDER_LENGTHS)
        if not re.fullmatch("[A-Z]{3}", message["currency"]):
            raise Bad("invalid_field", "currency")
    else:
        _update(message)
    if number_of(record.key) != message["id_order"]:
        raise Bad("invalid_field", "key")
    return message


def _update(message: Message) -> None:
    if message["status"] not in TRANSITIONS:
        raise Bad("unknown_status", message["status"])
    _ranges(message, _UPDATE_RANGES, _UPDATE_LENGTHS)
    if message["event_id"] == "placed":
        raise Bad("invalid_field", "event_id")
    if (message["latitude"] is None) is not (message["longitude"] is None):
        raise Bad("invalid_field", "latitude without longitude, or the other way round")
    if (message["corrects"] is None) is not (message["operator"] is None):
        raise Bad("invalid_field", "corrects without operator, or the other way round")
    if message["operator"] is not None and (message["courier"] != "operator" or not message["note"]):
        raise Bad("invalid_field", "a correction in a courier's name, or without a reason")


def _ranges(message: Message, ranges: dict[str, tuple[int, int]], lengths: dict[str, tuple[int, int]]) -> None:
    for name, (low, high) in ranges.items():
        if message[name] is not None and not low <= message[name] <= high:
            raise Bad("invalid_field", name)
    for name, (low, high) in lengths.items():
        if message[name] is not None and not low <= len(message[name]) <= high:
            raise Bad("invalid_field", name)
