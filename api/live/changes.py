"""From a raw record of `order-status-changed` to its frame: the same for all who watch, and made once.

Where it could be built, `_changes` makes the ordinary ones; the code here makes every one, and is what it is held to.
"""

import json
import sys
from collections.abc import Iterator
from typing import Any

from api.live import cursor
from api.live.frames import Change, change
from api.live.ring import Record
from streams import log
from streams.codec import Codec, Undecodable, header, schema_ids, schema_text
from streams.messages import ID_FIELDS, TIME_FIELDS
from streams.order import Position
from streams.topics import CHANGED

try:
    from api.live import _changes
except ImportError:  # there was no compiler
    _changes = None  # type: ignore[assignment]

_log = log.get(__name__)


class AnotherKey(ValueError):
    """The record is not under its user's key."""


class Changes:
    """Makes the frames of changes. `native`: by compiled code, where there is any."""

    def __init__(self, native: bool = True) -> None:
        assert CHANGED.message is not None
        self._codec = Codec(CHANGED.message)
        self._maker = maker(CHANGED.message) if native and _changes is not None else None
        if native and self._maker is None:
            _log.info("changes_not_compiled")

    def frame(self, record: Record, incarnation: str, partition: int, live: bool = True) -> Change:
        """The frame of a partition's record. `live`: it has just been read, not replayed, so its latency counts.

        Raises `Undecodable` or `UnknownSchema` for one that cannot be read, `AnotherKey` for one that is nobody's.
        """
        if self._maker is not None:
            made = self._maker.make(record.value, record.key, incarnation, partition, record.offset, live)
            if made is not None:
                id_order, token, recorded_at, websocket = made
                return Change(id_order, None, token, recorded_at, websocket)
        message = self._codec.decode(record.value)
        if str(message["id_user"]).encode() != record.key:
            raise AnotherKey(record.key)
        try:
            return change(cursor.encode(Position(incarnation, partition, record.offset)), message, live)
        except (OverflowError, OSError, ValueError) as error:
            raise Undecodable(f"a time that is none: {error}") from error


def maker(name: str) -> "_changes.Maker | None":
    """The compiled code for the current schema of that message; None where this machine's byte order is another."""
    if sys.byteorder != "little":
        return None
    schema_id = schema_ids()[name]
    schema = json.loads(schema_text(schema_id)[1])
    words = next(field["type"]["symbols"] for field in schema["fields"] if _is_enum(field["type"]))
    return _changes.Maker(header(schema_id), list(_fields(schema)), words)


def _fields(schema: Any) -> Iterator[tuple[str, int, int]]:
    """Name, kind and null's branch of each field."""
    enums = {field["type"]["name"] for field in schema["fields"] if _is_enum(field["type"])}
    for field in schema["fields"]:
        branches = field["type"] if isinstance(field["type"], list) else [field["type"]]
        [kind] = [_kind(field["name"], branch, enums) for branch in branches if branch != "null"]
        yield field["name"], kind, branches.index("null") if "null" in branches else -1


def _kind(name: str, type_: Any, enums: set[str]) -> int:
    if _is_enum(type_) or (isinstance(type_, str) and type_ in enums):
        return _changes.WORD
    plain = type_["type"] if isinstance(type_, dict) else type_
    if plain in ("int", "long"):
        return _changes.ID if name in ID_FIELDS else _changes.TIME if name in TIME_FIELDS else _changes.NUMBER
    return {"string": _changes.TEXT, "double": _changes.REAL}[plain]


def _is_enum(type_: Any) -> bool:
    return isinstance(type_, dict) and type_["type"] == "enum"
