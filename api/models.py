"""What clients send: JSON bodies, strictly typed, and the Avro messages that become of them.

A range stands in streams/messages.py and is only quoted here for OpenAPI: the message itself is checked by the same
functions that the worker uses, so that REST never takes what the worker rejects for what it is in itself.
"""

import re
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from streams.messages import (
    CURRENCY,
    ID_MAX,
    INT_MAX,
    MAX_COURIERS,
    NAME_LENGTH,
    TIME_MAX,
    TIME_MIN,
    WORD_LENGTH,
    Message,
    check_order,
    parse_time,
)
from streams.topics import plain_decimal

EXACT_FLOAT = 2**53  # a JSON number written as a float is the number meant only up to here
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
    return whole(value)


def whole(value: object) -> object:
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


def decimal_pattern(low: int, high: int) -> str:
    """A regular expression for the plain decimals from `low`, 0 or 1, to `high`, of two digits or more."""
    digits = str(high)
    shorter = f"[1-9][0-9]{{0,{len(digits) - 2}}}"
    smaller = [
        f"{digits[:at]}[{1 if at == 0 else 0}-{int(digit) - 1}]" + (f"[0-9]{{{left}}}" if left else "")
        for at, digit in enumerate(digits)
        if int(digit) > (1 if at == 0 else 0) and (left := len(digits) - at - 1) >= 0
    ]
    return f"^({'|'.join([*(['0'] if low == 0 else []), shorter, *smaller, digits])})$"


def _string_or_number(low: int, high: int, example: str) -> WithJsonSchema:
    text = {"type": "string", "pattern": decimal_pattern(low, high)}
    number = {"type": "integer", "minimum": low, "maximum": high}
    return WithJsonSchema({"anyOf": [text, number], "examples": [example]})


IdOrder = Annotated[
    int, BeforeValidator(_id), Field(ge=1, le=ID_MAX), _string_or_number(1, ID_MAX, "183926749237248001")
]
IdUser = Annotated[int, BeforeValidator(_id), Field(ge=0, le=INT_MAX), _string_or_number(0, INT_MAX, "42")]
IdProduk = Annotated[int, BeforeValidator(_id), Field(ge=0, le=INT_MAX), _string_or_number(0, INT_MAX, "7")]
Money = Annotated[int, Field(ge=0, le=INT_MAX), BeforeValidator(whole)]
Time = Annotated[
    int,
    BeforeValidator(_time),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2026-11-24T09:30:00.000+07:00"]}),
]
Word = Annotated[str, Field(min_length=1, max_length=WORD_LENGTH)]


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
    jumlah: Annotated[int, Field(ge=1, le=INT_MAX), BeforeValidator(whole)]
    total_harga: Annotated[int, Field(ge=0, le=ID_MAX), BeforeValidator(whole)] | None = Field(
        None, description="harga × jumlah when absent"
    )
    currency: str = Field("IDR", pattern=f"^{CURRENCY.pattern}$", description="ISO 4217")
    placed_at: Time | None = Field(None, description="now when absent")
    produk_nama: Annotated[str, Field(max_length=NAME_LENGTH)] | None = None
    promised_at: Time | None = None
    couriers: Annotated[list[Word], Field(min_length=1, max_length=MAX_COURIERS)] | None = Field(
        None, description="who may report on it; any courier when absent"
    )

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
            "couriers": self.couriers,
        }
        check_order(message)
        return message
