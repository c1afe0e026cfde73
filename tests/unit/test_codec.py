"""Bytes: Confluent framing, bad bytes as values, and schemas that never break a reader."""

import io
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import avro.io
import avro.schema
import fastavro
import pytest
from avro.compatibility import ReaderWriterCompatibilityChecker, SchemaCompatibilityType
from hypothesis import given, settings
from hypothesis import strategies as st

from streams import codec
from streams.codec import Codec, Undecodable, UnknownSchema
from streams.messages import Message

NAMES = sorted(codec.schema_ids())
UPDATE: Message = {
    "event_id": "e1",
    "id_order": 7,
    "status": "in_transit",
    "occurred_at": 1_700_000_000_123,
    "courier": "jne",
    "substatus": None,
    "note": "di gudang",
    "latitude": -6.2,
    "longitude": 106.8,
    "eta": None,
    "corrects": None,
    "operator": None,
}


def test_framing_is_confluents() -> None:
    value = Codec("CourierStatusUpdate").encode(UPDATE)
    assert value[:5] == b"\0" + codec.schema_ids()["CourierStatusUpdate"].to_bytes(4, "big")


def test_the_official_avro_package_reads_what_we_write() -> None:
    schema = avro.schema.parse(codec.schema_text(codec.schema_ids()["CourierStatusUpdate"])[1])
    body = io.BytesIO(Codec("CourierStatusUpdate").encode(UPDATE)[5:])
    read = avro.io.DatumReader(schema).read(avro.io.BinaryDecoder(body))
    assert read["note"] == "di gudang" and int(read["occurred_at"].timestamp() * 1000) == UPDATE["occurred_at"]


def test_a_message_comes_back_as_it_was() -> None:
    one = Codec("CourierStatusUpdate")
    assert one.decode(one.encode(UPDATE)) == UPDATE


def test_an_update_of_a_writer_that_knows_no_corrections_is_read_as_none() -> None:
    _, before = codec.schema_text(2)
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(json.loads(before)), {**UPDATE, "corrects": 3})
    assert Codec("CourierStatusUpdate").decode(codec.header(2) + out.getvalue()) == UPDATE


def test_bytes_after_the_record_are_refused() -> None:
    one = Codec("CourierStatusUpdate")
    with pytest.raises(Undecodable, match="1 bytes after"):
        one.decode(one.encode(UPDATE) + b"\0")


@pytest.mark.parametrize("value", [None, b"", b"\0\0\0\0", b'{"id_order": 7}', b"\1\0\0\0\2rest"])
def test_what_is_not_framed_is_undecodable(value: bytes | None) -> None:
    with pytest.raises(Undecodable):
        Codec("CourierStatusUpdate").decode(value)


@pytest.mark.parametrize("schema_id", [0, 99, 1])
def test_an_unknown_id_or_another_message_type_is_an_unknown_schema(schema_id: int) -> None:
    value = Codec("CourierStatusUpdate").encode(UPDATE)
    with pytest.raises(UnknownSchema):
        Codec("CourierStatusUpdate").decode(b"\0" + schema_id.to_bytes(4, "big") + value[5:])


def test_invalid_utf8_is_undecodable() -> None:
    value = Codec("CourierStatusUpdate").encode(UPDATE).replace(b"di gudang", b"\xff\xfe gudang")
    with pytest.raises(Undecodable):
        Codec("CourierStatusUpdate").decode(value)


@settings(max_examples=2000, deadline=None)
@given(st.sampled_from(NAMES), st.binary(max_size=80))
def test_any_bytes_are_a_message_or_undecodable(name: str, body: bytes) -> None:
    one = Codec(name)
    try:
        one.decode(b"\0" + codec.schema_ids()[name].to_bytes(4, "big") + body)
    except Undecodable:
        return


@settings(max_examples=1000, deadline=None)
@given(st.integers(0, 60), st.binary(min_size=1, max_size=12))
def test_damaged_bytes_are_a_message_or_undecodable(at: int, noise: bytes) -> None:
    one = Codec("CourierStatusUpdate")
    value = bytearray(one.encode(UPDATE))
    value[5 + at : 5 + at + len(noise)] = noise
    try:
        one.decode(bytes(value))
    except Undecodable:
        return


def _compatible(reader: str, writer: str) -> bool:
    result = ReaderWriterCompatibilityChecker().get_compatibility(avro.schema.parse(reader), avro.schema.parse(writer))
    return result.compatibility is SchemaCompatibilityType.compatible


@pytest.mark.parametrize("name", NAMES)
def test_a_schema_is_compatible_both_ways_with_every_released_one(name: str) -> None:
    now = (codec.schema_dir() / f"{name}.avsc").read_text()
    released = [text for one, text in map(codec.schema_text, codec.released_ids()) if one == name]
    assert released
    for old in released:
        assert _compatible(now, old), "new readers do not read old records"
        assert _compatible(old, now), "old readers do not read new records"


@pytest.mark.parametrize("name", NAMES)
def test_a_changed_schema_has_an_id_of_its_own(name: str) -> None:
    """A schema that differs from the released one of its id needs a new id and a file in released/."""
    assert codec.schema_text(codec.schema_ids()[name]) == (name, (codec.schema_dir() / f"{name}.avsc").read_text())


@pytest.fixture
def one_ahead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """The schemas with one more in released/, that nobody writes yet: a CourierStatusUpdate of id 99."""
    shutil.copytree(codec.schema_dir(), tmp_path / "avro")
    schema: dict[str, Any] = json.loads((tmp_path / "avro" / "CourierStatusUpdate.avsc").read_text())
    schema["fields"].append({"name": "weight", "type": ["null", "int"], "default": None})
    (tmp_path / "avro" / "released" / "99-CourierStatusUpdate.avsc").write_text(json.dumps(schema))
    monkeypatch.setattr(codec, "schema_dir", lambda: tmp_path / "avro")
    codec.schema_text.cache_clear()
    yield schema
    codec.schema_text.cache_clear()


def test_a_schema_that_is_released_is_read_before_anybody_writes_it(one_ahead: dict[str, Any]) -> None:
    out, one = io.BytesIO(), Codec("CourierStatusUpdate")
    fastavro.schemaless_writer(out, fastavro.parse_schema(one_ahead), {**UPDATE, "weight": 700})
    assert one.decode(codec.header(99) + out.getvalue()) == UPDATE
    assert one.encode(UPDATE)[:5] == codec.header(codec.schema_ids()["CourierStatusUpdate"])


def test_the_compatibility_test_can_fail() -> None:
    text = (codec.schema_dir() / "OrderPlaced.avsc").read_text()
    schema = json.loads(text)
    schema["fields"].append({"name": "added", "type": "string"})
    assert not _compatible(json.dumps(schema), text)


def test_statuses_of_the_schema_are_those_of_the_lifecycle() -> None:
    from streams.order import STATUSES

    schema = json.loads((codec.schema_dir() / "OrderStatusChanged.avsc").read_text())
    enum = next(field["type"] for field in schema["fields"] if field["name"] == "status")
    assert enum["symbols"] == ["unknown", *STATUSES] and enum["default"] == "unknown"
