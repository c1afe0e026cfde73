"""What clients send: JSON bodies, strictly typed, and the Avro messages that become of them.

A range stands in streams/messages.py and is only quoted here for OpenAPI: the message itself is checked by the same
functions that the worker uses, so that REST never takes what the worker rejects for what it is in itself.
"""

import re
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SkipValidation, WithJsonSchema

from streams.messages import (
    CURRENCY,
    EVENT_ID_LENGTH,
    ID_MAX,
    INT_MAX,
    NAME_LENGTH,
    NOTE_LENGTH,
    TIME_MAX,
    TIME_MIN,
    WORD_LENGTH,
    Message,
    check_order,
    check_update,
    parse_time,
)
from streams.order import PLACED_EVENT_ID, STATUSES
from streams.topics import plain_decimal

EXACT_FLOAT = 2**53  # a JSON number written as a float is the number meant only up to here
BATCH_MAX = 500
_RFC_3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)


def _id(value: object) -> object:
    """A number, or its plain decimal as a string (RFC 8259 readers may round numbers over 2^53)."""
    if isinstance(value, str):
        number = plain_decimal(value.encode())
        if number is None:
            raise ValueError("not a number in plain decimal")
        return number
    return _whole(value)


def _whole(value: object) -> object:
    """42.0 is 42; what has a fraction, or is too large to be exact, stays what it is and is refused as such."""
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) <= EXACT_FLOAT else value


def _time(value: object) -> int:
    if not isinstance(value, str):
        raise ValueError("not a string with an RFC 3339 time")
    ms = parse_time(value.upper())
    if not _RFC_3339.fullmatch(value):  # Python's parser takes the whole of ISO 8601, weeks and all
        raise ValueError("not an RFC 3339 time, such as 2026-11-24T09:30:00+07:00")
    if not TIME_MIN <= ms <= TIME_MAX:
        raise ValueError("not in the years 2000 to 2038")
    return ms


def _known_status(value: str) -> str:
    if value not in STATUSES:
        raise ValueError("not a status; GET /v1/lifecycle lists them")
    return value


def _own_event_id(value: str) -> str:
    if value == PLACED_EVENT_ID:
        raise ValueError(f"{PLACED_EVENT_ID!r} is the order's own")
    return value


def _string_or_number(low: int, high: int, example: str) -> WithJsonSchema:
    text = {"type": "string", "pattern": "^(0|[1-9][0-9]{0,18})$"}
    number = {"type": "integer", "minimum": low, "maximum": high}
    return WithJsonSchema({"anyOf": [text, number], "examples": [example]})


IdOrder = Annotated[
    int, BeforeValidator(_id), Field(ge=1, le=ID_MAX), _string_or_number(1, ID_MAX, "183926749237248001")
]
IdUser = Annotated[int, BeforeValidator(_id), Field(ge=0, le=INT_MAX), _string_or_number(0, INT_MAX, "42")]
IdProduk = Annotated[int, BeforeValidator(_id), Field(ge=0, le=INT_MAX), _string_or_number(0, INT_MAX, "7")]
Money = Annotated[int, BeforeValidator(_whole), Field(ge=0, le=INT_MAX)]
Time = Annotated[
    int,
    BeforeValidator(_time),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2026-11-24T09:30:00.000+07:00"]}),
]
Status = Annotated[str, AfterValidator(_known_status), WithJsonSchema({"type": "string", "enum": list(STATUSES)})]
Word = Annotated[str, Field(min_length=1, max_length=WORD_LENGTH)]
EventId = Annotated[str, Field(min_length=1, max_length=EVENT_ID_LENGTH), AfterValidator(_own_event_id)]


class Strict(BaseModel):
    """No conversion between types, and no unknown fields."""

    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)


class NewOrder(Strict):
    """An order that a shop places."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"id_user": 42, "id_produk": 7, "harga": 125000, "jumlah": 2}]}
    )

    id_order: IdOrder | None = Field(None, description="assigned when absent")
    id_user: IdUser
    id_produk: IdProduk
    harga: Money = Field(description="unit price, in the currency's smallest unit in use: rupiah for IDR")
    jumlah: Annotated[int, BeforeValidator(_whole)] = Field(ge=1, le=INT_MAX)
    total_harga: Annotated[int, BeforeValidator(_whole)] | None = Field(
        None, ge=0, le=ID_MAX, description="harga × jumlah when absent"
    )
    currency: str = Field("IDR", pattern=f"^{CURRENCY.pattern}$", description="ISO 4217")
    placed_at: Time | None = Field(None, description="now when absent")
    produk_nama: Annotated[str, Field(max_length=NAME_LENGTH)] | None = None
    promised_at: Time | None = None

    def message(self, id_order: int, now: int) -> Message:
        """The OrderPlaced; raises `Invalid`. `now` in milliseconds."""
        message = {
            "id_order": id_order,
            "id_user": self.id_user,
            "id_produk": self.id_produk,
            "harga": self.harga,
            "jumlah": self.jumlah,
            "total_harga": self.harga * self.jumlah if self.total_harga is None else self.total_harga,
            "currency": self.currency,
            "placed_at": now if self.placed_at is None else self.placed_at,
            "produk_nama": self.produk_nama,
            "promised_at": self.promised_at,
        }
        check_order(message)
        return message


class NewStatus(Strict):
    """A courier's update of one order. latitude and longitude: both or none."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"status": "picked_up", "courier": "jne", "event_id": "jne-8841-3"}]}
    )

    status: Status
    event_id: EventId | None = Field(None, description="unique per order, the de-duplication key; assigned when absent")
    occurred_at: Time | None = Field(None, description="the courier's clock; now when absent")
    courier: Word | None = Field(None, description="the token's `courier` when absent")
    substatus: Annotated[str, Field(max_length=WORD_LENGTH)] | None = None
    note: Annotated[str, Field(max_length=NOTE_LENGTH)] | None = None
    latitude: Annotated[float, Field(ge=-90, le=90)] | None = None
    longitude: Annotated[float, Field(ge=-180, le=180)] | None = None
    eta: Time | None = None

    def message(self, id_order: int, event_id: str, courier: str, now: int) -> Message:
        """The CourierStatusUpdate; raises `Invalid`. `now` in milliseconds."""
        message = {
            "event_id": event_id,
            "id_order": id_order,
            "status": self.status,
            "occurred_at": now if self.occurred_at is None else self.occurred_at,
            "courier": courier,
            "substatus": self.substatus,
            "note": self.note,
            "latitude": self.latitude,
            "longitude": self.longitude,
            "eta": self.eta,
        }
        check_update(message)
        return message


class BatchedStatus(NewStatus):
    """A courier's update in a batch: it names its order."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"id_order": "183926749237248001", "status": "delivered", "courier": "jne"}]}
    )

    id_order: IdOrder


class StatusBatch(Strict):
    """1 to 500 updates. Each is judged by itself; one order's are sent in the order they have here."""

    # Validated one by one, so that a bad one does not refuse the good ones beside it.
    updates: list[SkipValidation[BatchedStatus]] = Field(min_length=1, max_length=BATCH_MAX)

    def items(self) -> list[Any]:
        """The updates as they came, not validated."""
        return list(self.updates)
