"""A change's frame by compiled code is, to the byte, the one that Python makes; what is odd is left to Python."""

import os
from typing import Any

import orjson
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from api.live import _changes, cursor
from api.live.changes import AnotherKey, Changes, maker
from api.live.frames import Change
from api.live.ring import Record
from changes import CHANGED, T0, change, record
from streams.codec import Undecodable, UnknownSchema
from streams.messages import ID_MAX, INT_MAX, TIME_MAX, TIME_MIN, Message, as_json
from streams.order import STATUSES, Position

INPUTS = int(os.environ.get("FUZZ_INPUTS", "300"))
HERE = Position("Xk3d0gq7QPeE0pZ1pVnJ6w", 7, 123_456)
PYTHON = Changes(native=False)
COMPILED = maker("OrderStatusChanged")

texts = st.text(max_size=60) | st.text(st.sampled_from('"\\/\b\f\n\r\t\0\x1f\x7f é 🚚'), max_size=20)
times = st.integers(TIME_MIN, TIME_MAX)
ids, ints = st.integers(0, ID_MAX), st.integers(0, INT_MAX)
degrees = st.none() | st.floats(-180, 180) | st.decimals(-180, 180, places=6).map(float)
statuses = st.sampled_from(sorted(STATUSES))
messages = st.builds(
    change,
    statuses,
    ints,
    ids,
    ints,
    event_id=texts,
    id_order_status_history=ids,
    id_produk=ints,
    produk_nama=st.none() | texts,
    harga=ints,
    jumlah=ints,
    total_harga=ids,
    currency=texts,
    placed_at=times,
    previous_status=st.none() | statuses,
    occurred_at=times,
    recorded_at=times,
    courier=st.none() | texts,
    substatus=st.none() | texts,
    note=st.none() | texts,
    latitude=degrees,
    longitude=degrees,
    eta=st.none() | times,
    promised_at=st.none() | times,
    corrects=st.none() | ints,
)
positions = st.builds(Position, st.text(max_size=30), st.integers(0, 10**6), st.integers(-1, 2**62))
thoroughly = settings(deadline=None, max_examples=INPUTS)


def compiled(key: bytes, value: bytes, at: Position = HERE) -> Change | None:
    """The frame of the compiled code alone."""
    assert COMPILED is not None
    made = COMPILED.make(value, key, *at, True)
    if made is None:
        return None
    id_order, token, recorded_at, websocket = made
    return Change(id_order, None, token, recorded_at, websocket)


def by_python(key: bytes, value: bytes, at: Position = HERE) -> Change:
    return PYTHON.frame(Record(at.offset, 0, key, value), at.incarnation, at.partition)


def same(one: Change, other: Change) -> bool:
    names = ("id_order", "recorded_at", "id", "kind", "size", "body", "text", "websocket", "sse")
    return all(getattr(one, name) == getattr(other, name) for name in names)


def spelt_twice(message: Message) -> bool:
    """Whether it has a number that JSON writes with an exponent."""
    return any("e" in repr(message[name]) for name in ("latitude", "longitude"))


@thoroughly
@given(messages, positions)
def test_any_change_has_the_same_frame(message: Message, at: Position) -> None:
    key, value = record(message)
    made = compiled(key, value, at)
    if made is None:
        assert spelt_twice(message), "it is not left to Python without a reason"
    else:
        assert same(made, by_python(key, value, at))
        assert orjson.loads(made.body) == {"type": "change", "cursor": cursor.encode(at), "order": as_json(message)}


@thoroughly
@given(messages, st.data())
def test_damaged_bytes_have_the_same_frame_or_are_left_to_python(message: Message, data: st.DataObject) -> None:
    key, value = record(message)
    at = data.draw(st.integers(0, len(value)))
    damaged = value[:at] + data.draw(st.binary(max_size=12)) + value[at + data.draw(st.integers(0, 12)) :]
    made = compiled(key, damaged)
    if made is not None:
        assert same(made, by_python(key, damaged))


@thoroughly
@given(st.binary(max_size=300))
@example(b"")
def test_any_bytes_after_the_header_do_no_harm(body: bytes) -> None:
    value = CHANGED.encode(change("placed"))[:5] + body
    made = compiled(b"42", value)
    if made is not None:
        assert same(made, by_python(b"42", value))


@pytest.mark.parametrize("ms", [0, 951_782_400_000, 4_107_542_399_999, 253_402_300_799_999, TIME_MIN, TIME_MAX])
def test_times_to_the_end_of_the_calendar(ms: int) -> None:
    key, value = record(change("placed", placed_at=ms))
    made = compiled(key, value)
    assert made is not None and same(made, by_python(key, value))


@pytest.mark.parametrize("number", [0.1, -6.2, 106.0, 1e-4, -0.0, 5e-324, 1e22, float("nan"), float("-inf")])
def test_doubles(number: float) -> None:
    key, value = record(change("placed", latitude=number, longitude=number))
    made = compiled(key, value)
    assert made is None or same(made, by_python(key, value))
    assert (made is None) == ("e" in repr(number))


@pytest.mark.parametrize(
    "fields",
    [{"placed_at": -1}, {"placed_at": 253_402_300_800_000}, {"note": "x" * 20_000}, {"latitude": 1e-7}],
)
def test_what_is_left_to_python(fields: dict[str, Any]) -> None:
    assert compiled(*record(change("placed", **fields))) is None


@pytest.mark.parametrize("changes", [Changes(), PYTHON])
def test_both_say_what_is_wrong(changes: Changes) -> None:
    def wrong(value: bytes, key: bytes = b"42") -> type[Exception]:
        with pytest.raises(ValueError) as raised:
            changes.frame(Record(1, 0, key, value), *HERE[:2])
        return raised.type

    _, value = record(change("placed"))
    assert wrong(value, b"43") is AnotherKey
    assert wrong(value, b"042") is AnotherKey
    assert wrong(value + b"\0") is wrong(value[:-1]) is wrong(b"") is Undecodable
    assert wrong(b"\0\x7f\xff\xff\xff" + value[5:]) is UnknownSchema
    assert wrong(record(change("placed", placed_at=2**62))[1]) is Undecodable


@pytest.mark.parametrize("changes", [Changes(), PYTHON])
def test_a_change_that_is_replayed_has_no_latency(changes: Changes) -> None:
    key, value = record(change("placed", recorded_at=T0))
    assert changes.frame(Record(1, 0, key, value), *HERE[:2]).recorded_at == T0
    assert changes.frame(Record(1, 0, key, value), *HERE[:2], live=False).recorded_at is None


def test_it_is_compiled_here() -> None:
    """Or none of the above has looked at it."""
    assert _changes.__file__ is not None and not _changes.__file__.endswith(".py")
