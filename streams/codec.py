"""Avro in Confluent framing: 0x00, the schema's id in four bytes big-endian, the body.

fastavro does the hot path with the logical types taken off, so times are integers. The committed ids are in
`schemas/avro/ids.json`; every schema that was ever released lies in `schemas/avro/released/<id>-<name>.avsc`, so
records of an older one are still read.
"""

import json
import struct
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

from fastavro import parse_schema, schemaless_reader, schemaless_writer

from streams.messages import Message

MAGIC = 0
_HEADER = struct.Struct(">bI")
# What fastavro raises on bytes that are no such record (found by fuzzing, tests/unit/test_codec.py).
_BAD_BYTES = (EOFError, ValueError, IndexError, KeyError, TypeError, OverflowError, MemoryError, StopIteration)


class Undecodable(ValueError):
    """The bytes are not a record in Confluent framing."""


class UnknownSchema(ValueError):
    """The schema id is not one of this message type's."""


def schema_dir() -> Path:
    """Where the schemas are: inside the installed package, or at the repository's root."""
    packaged = Path(__file__).parent / "avro"
    return packaged if packaged.is_dir() else Path(__file__).parent.parent / "schemas" / "avro"


@cache
def schema_ids() -> dict[str, int]:
    """The current schema id of each message type."""
    ids: dict[str, int] = json.loads((schema_dir() / "ids.json").read_text())
    return ids


@cache
def schema_text(schema_id: int) -> tuple[str, str]:
    """(message type, schema as JSON text) of a released id; KeyError if there is none."""
    for path in (schema_dir() / "released").glob(f"{schema_id}-*.avsc"):
        return path.stem.partition("-")[2], path.read_text()
    raise KeyError(schema_id)


def released_ids() -> list[int]:
    """Every schema id that was ever released, ascending."""
    return sorted(int(path.name.partition("-")[0]) for path in (schema_dir() / "released").glob("*.avsc"))


def header(schema_id: int) -> bytes:
    """What a value of that schema begins with."""
    return _HEADER.pack(MAGIC, schema_id)


def _plain(schema: Any) -> Any:
    """The schema without logical types: the same bytes, and integers instead of datetimes."""
    if isinstance(schema, dict):
        return {key: _plain(value) for key, value in schema.items() if key != "logicalType"}
    return [_plain(item) for item in schema] if isinstance(schema, list) else schema


class Codec:
    """Encodes and decodes one message type."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._id = schema_ids()[name]
        self._header = header(self._id)
        self._schemas = {i: self._parsed(i) for i in released_ids() if schema_text(i)[0] == name}
        self._schema = self._schemas[self._id]

    @staticmethod
    def _parsed(schema_id: int) -> Any:
        return parse_schema(_plain(json.loads(schema_text(schema_id)[1])))

    def encode(self, message: Message) -> bytes:
        """The framed bytes. A field of a wrong type raises ValueError or TypeError: our bug, not a courier's."""
        out = BytesIO(self._header)
        out.seek(len(self._header))
        schemaless_writer(out, self._schema, message)
        return out.getvalue()

    def decode(self, value: bytes | None) -> Message:
        """The message; raises `Undecodable` (no value, bad bytes, trailing bytes) or `UnknownSchema`."""
        if value is None:
            raise Undecodable("no value")
        if len(value) < _HEADER.size or value[0] != MAGIC:
            raise Undecodable("not in Confluent framing")
        schema_id = _HEADER.unpack_from(value)[1]
        writer = self._schemas.get(schema_id)
        if writer is None:
            raise UnknownSchema(f"schema id {schema_id} is not a {self.name}")
        body = BytesIO(value)
        body.seek(_HEADER.size)
        try:
            message: Message = schemaless_reader(body, writer, self._schema if writer is not self._schema else None)
        except _BAD_BYTES as error:
            raise Undecodable(f"{type(error).__name__}: {error}") from error
        if body.tell() != len(value):
            raise Undecodable(f"{len(value) - body.tell()} bytes after the record")
        return message
