"""The frames as JSON Schema, made from the types that they are made of. Members may be added: none are forbidden."""

import json
from typing import Any

from api.answers import OrderNow
from streams.codec import schema_ids, schema_text
from streams.messages import ID_FIELDS, TIME_FIELDS
from streams.topics import CHANGED

Schema = dict[str, Any]

ID: Schema = {"type": "string", "pattern": "^[0-9]{1,19}$", "description": "a string: it may exceed 2^53"}
TIME: Schema = {"type": "string", "format": "date-time", "pattern": r"T\d\d:\d\d:\d\d\.\d{3}Z$"}
CURSOR: Schema = {"type": "string", "description": "opaque: where to resume"}
TRACEPARENT: Schema = {
    "type": "string",
    "description": "of a change whose trace is recorded: W3C Trace Context, for the client's own spans",
}
_NULL: Schema = {"type": "null"}
_JSON_TYPES = {"string": "string", "int": "integer", "long": "integer", "double": "number"}


def schemas() -> dict[str, Schema]:
    """By the frames' types, in the order of `KINDS`."""
    return {
        "hello": _frame(
            "hello",
            "The first. With `resumed` false a snapshot follows; keep no cursor before it is there.",
            cursor=CURSOR,
            heartbeat_seconds={"type": "integer", "description": "nothing for twice as long: connect again"},
            resumed={"type": "boolean", "description": "the changes since the client's cursor follow, without a gap"},
        ),
        "snapshot": _frame(
            "snapshot",
            "The user's open orders, and those that ended in the last 24 hours: in place of all that was known.",
            cursor=CURSOR,
            orders={"type": "array", "items": _order_now()},
        ),
        "change": _frame(
            "change",
            "One status change. Drop it when its `version` is not above the one that is known of that order.",
            {"traceparent": TRACEPARENT},
            cursor=CURSOR,
            order=status_changed(),
        ),
        "heartbeat": _frame("heartbeat", "The connection lives, and has seen all up to here.", cursor=CURSOR),
        "drain": _frame(
            "drain",
            "This server is going: connect again after that time.",
            reconnect_after_ms={"type": "integer", "minimum": 0},
        ),
    }


def _frame(kind: str, description: str, optional: dict[str, Schema] | None = None, /, **members: Schema) -> Schema:
    frame = _object({"type": {"const": kind}, **members})
    return {"description": description, **frame, "properties": {**frame["properties"], **(optional or {})}}


def _object(members: dict[str, Schema]) -> Schema:
    return {"type": "object", "required": list(members), "properties": members}


def _order_now() -> Schema:
    schema = OrderNow.model_json_schema()
    del schema["additionalProperties"]
    return schema


def status_changed() -> Schema:
    """OrderStatusChanged as JSON: what `streams.messages.as_json` makes of its Avro record."""
    assert CHANGED.message is not None
    avro = json.loads(schema_text(schema_ids()[CHANGED.message])[1])
    enums = {field["type"]["name"]: _words(field["type"]) for field in avro["fields"] if _is_enum(field["type"])}
    return _object({field["name"]: _member(field["name"], field["type"], enums) for field in avro["fields"]})


def _is_enum(avro: Any) -> bool:
    return isinstance(avro, dict) and avro["type"] == "enum"


def _words(enum: Schema) -> Schema:
    """Without the default, which is for Avro's readers that are older than a word."""
    return {"type": "string", "enum": [symbol for symbol in enum["symbols"] if symbol != enum["default"]]}


def _member(name: str, avro: Any, enums: dict[str, Schema]) -> Schema:
    if isinstance(avro, list):
        [some] = [each for each in avro if each != "null"]
        return {"anyOf": [_member(name, some, enums), _NULL]}
    if name in ID_FIELDS:
        return ID
    if name in TIME_FIELDS:
        return TIME
    named = avro["name"] if isinstance(avro, dict) else avro
    return enums[named] if named in enums else {"type": _JSON_TYPES[named]}
