"""The messages: what a valid one is, how it becomes the fold's types, and how it looks as JSON.

Messages are plain dicts in the shape of their Avro record, times as integer milliseconds. Bad content raises `Invalid`,
which names the reason and the field.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from streams.order import OPERATOR, PLACED_EVENT_ID, STATUSES, Order, Position, Reason, Row, Update

Message = dict[str, Any]
Headers = list[tuple[str, bytes]]

ID_MAX = 2**63 - 1
INT_MAX = 2**31 - 1
TIME_MIN = int(datetime(2000, 1, 1, tzinfo=UTC).timestamp() * 1000)
TIME_MAX = int(datetime(2039, 1, 1, tzinfo=UTC).timestamp() * 1000) - 1
EVENT_ID_LENGTH = 64
MAX_COURIERS = 20  # that an order may name
NOTE_LENGTH = 500
WORD_LENGTH = 200  # courier, substatus
NAME_LENGTH = 500  # produk_nama
OPERATOR_LENGTH = 64
CURRENCY = re.compile(r"[A-Z]{3}")

ID_FIELDS = frozenset({"id_order", "id_order_status_history"})
TIME_FIELDS = frozenset({"placed_at", "promised_at", "occurred_at", "recorded_at", "status_at", "eta", "created_at"})

ORDER_PLACED = "lacak.order.placed"
STATUS_UPDATE = "lacak.courier.status-update"
STATUS_CHANGED = "lacak.order.status-changed"
NOTIFICATION = "lacak.user.notification"

_KNOWN = frozenset(STATUSES)


class Invalid(ValueError):
    """A message that is rejected for what it is in itself."""

    def __init__(self, reason: Reason, field: str, detail: str) -> None:
        super().__init__(f"{field}: {detail}")
        self.reason, self.field, self.detail = reason, field, detail


class UnknownStatus(Invalid):
    """An update whose status is none of ours: a courier's own word, perhaps."""

    def __init__(self, courier: str, status: str) -> None:
        super().__init__(Reason.UNKNOWN_STATUS, "status", repr(status[:WORD_LENGTH]))
        self.courier, self.status = courier, status


def _within(message: Mapping[str, Any], field: str, low: int, high: int) -> None:
    value = message[field]
    if value is not None and not low <= value <= high:
        raise Invalid(Reason.INVALID_FIELD, field, f"{value} is not in {low}..{high}")


def _length(message: Mapping[str, Any], field: str, low: int, high: int) -> None:
    value = message[field]
    if value is not None and not low <= len(value) <= high:
        raise Invalid(Reason.INVALID_FIELD, field, f"{len(value)} characters, not {low}..{high}")


def check_order(message: Mapping[str, Any]) -> None:
    """Raises `Invalid` unless the OrderPlaced is within the ranges of DESIGN section 3."""
    _within(message, "id_order", 1, ID_MAX)
    for field in ("id_user", "id_produk", "harga"):
        _within(message, field, 0, INT_MAX)
    _within(message, "jumlah", 1, INT_MAX)
    _within(message, "total_harga", 0, ID_MAX)
    if not CURRENCY.fullmatch(message["currency"]):
        raise Invalid(Reason.INVALID_FIELD, "currency", "not an ISO 4217 code")
    _length(message, "produk_nama", 0, NAME_LENGTH)
    _within(message, "placed_at", TIME_MIN, TIME_MAX)
    _within(message, "promised_at", TIME_MIN, TIME_MAX)
    _couriers(message.get("couriers"))


def _couriers(couriers: Sequence[str] | None) -> None:
    if couriers is None:
        return
    if not 1 <= len(couriers) <= MAX_COURIERS:
        raise Invalid(Reason.INVALID_FIELD, "couriers", f"{len(couriers)}, not 1..{MAX_COURIERS}")
    if not all(1 <= len(courier) <= WORD_LENGTH for courier in couriers):
        raise Invalid(Reason.INVALID_FIELD, "couriers", f"a name has 1..{WORD_LENGTH} characters")


def check_update(message: Mapping[str, Any]) -> None:
    """Raises `Invalid` unless the CourierStatusUpdate is within the ranges of DESIGN section 3."""
    if message["status"] not in _KNOWN:
        raise UnknownStatus(message["courier"], message["status"])
    _length(message, "event_id", 1, EVENT_ID_LENGTH)
    if message["event_id"] == PLACED_EVENT_ID:
        raise Invalid(Reason.INVALID_FIELD, "event_id", f"{PLACED_EVENT_ID!r} is the order's own")
    _within(message, "id_order", 1, ID_MAX)
    _within(message, "occurred_at", TIME_MIN, TIME_MAX)
    _length(message, "courier", 1, WORD_LENGTH)
    _length(message, "substatus", 0, WORD_LENGTH)
    _length(message, "note", 0, NOTE_LENGTH)
    _within(message, "latitude", -90, 90)
    _within(message, "longitude", -180, 180)
    if (message["latitude"] is None) != (message["longitude"] is None):
        raise Invalid(Reason.INVALID_FIELD, "latitude", "latitude and longitude: both or none")
    _within(message, "eta", TIME_MIN, TIME_MAX)
    if message.get("corrects") is not None or message.get("operator") is not None:
        _correction(message)


def _correction(message: Mapping[str, Any]) -> None:
    if message.get("corrects") is None or message.get("operator") is None:
        raise Invalid(Reason.INVALID_FIELD, "corrects", "corrects and operator: both or none")
    _within(message, "corrects", 1, INT_MAX)
    _length(message, "operator", 1, OPERATOR_LENGTH)
    if message["courier"] != OPERATOR:
        raise Invalid(Reason.INVALID_FIELD, "courier", f"a correction's is {OPERATOR!r}")
    if not message["note"]:
        raise Invalid(Reason.INVALID_FIELD, "note", "a correction says why")


def order_of(message: Mapping[str, Any], position: Position, recorded_at: int) -> Order:
    """The order that an OrderPlaced at `position` places. A shop's clock may run ahead: placed_at is clamped."""
    check_order(message)
    placed_at, couriers = min(message["placed_at"], recorded_at), message.get("couriers")
    changed = {"placed_at": placed_at, "couriers": None if couriers is None else tuple(couriers)}
    return Order(**{**message, **changed}, position=position, recorded_at=recorded_at)


def update_of(message: Mapping[str, Any], position: Position, recorded_at: int) -> Update:
    """The update that a CourierStatusUpdate at `position` says."""
    check_update(message)
    return Update(**message, position=position, recorded_at=recorded_at)


def status_changed(order: Order, row: Row) -> Message:
    """The OrderStatusChanged of one applied row. The same row gives the same message."""
    return {
        "event_id": row.event_id,
        "id_order_status_history": row.id_order_status_history,
        "id_order": order.id_order,
        "id_user": order.id_user,
        "id_produk": order.id_produk,
        "produk_nama": order.produk_nama,
        "harga": order.harga,
        "jumlah": order.jumlah,
        "total_harga": order.total_harga,
        "currency": order.currency,
        "placed_at": order.placed_at,
        "status": row.status,
        "previous_status": row.previous_status,
        "version": row.version,
        "occurred_at": row.occurred_at,
        "recorded_at": row.recorded_at,
        "courier": row.courier,
        "substatus": row.substatus,
        "note": row.note,
        "latitude": row.latitude,
        "longitude": row.longitude,
        "eta": row.eta,
        "promised_at": order.promised_at,
        "corrects": row.corrects,
    }


def rfc3339(ms: int) -> str:
    """A time as JSON shows it: UTC, with milliseconds, `Z`."""
    return f"{_second(ms // 1000)}.{ms % 1000:03d}Z"


@lru_cache(maxsize=8192)  # most times are of the last minutes, and each is written more than once
def _second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def parse_time(text: str) -> int:
    """Milliseconds of an RFC 3339 time with any offset; ValueError without one."""
    value = datetime.fromisoformat(text)
    if value.tzinfo is None:
        raise ValueError("a time needs an offset, such as Z or +07:00")
    return round(value.timestamp() * 1000)


def as_json(message: Mapping[str, Any]) -> Message:
    """The JSON form of a message or a part of one: ids as strings (they may exceed 2^53), times as RFC 3339."""
    return {
        name: value
        if value is None
        else str(value)
        if name in ID_FIELDS
        else rfc3339(value)
        if name in TIME_FIELDS
        else value
        for name, value in message.items()
    }


def cloud_event(type_: str, id_: str, process: str, time_ms: int, traceparent: bytes | None) -> Headers:
    """Kafka headers of a produced record: CloudEvents 1.0 in Kafka binary mode, and the trace it belongs to."""
    headers = [
        ("ce_specversion", b"1.0"),
        ("ce_id", id_.encode()),
        ("ce_type", type_.encode()),
        ("ce_source", b"/lacak/" + process.encode()),
        ("ce_time", rfc3339(time_ms).encode()),
        ("content-type", b"application/avro"),
    ]
    if traceparent is not None:
        headers.append(("traceparent", traceparent))
    return headers


def header(headers: Iterable[tuple[str, bytes | None]], name: str) -> bytes | None:
    """The first header of that name."""
    return next((value for key, value in headers if key == name), None)
