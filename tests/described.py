"""The frames as docs/asyncapi.json promises them to those who write clients."""

import json
from pathlib import Path
from typing import Any

from jsonschema import Draft7Validator

DOCUMENT = json.loads((Path(__file__).parents[1] / "docs/asyncapi.json").read_text())


def strict(schema: Any) -> Any:
    """The schema without leave to have members that it does not name: clients allow them, we send none."""
    if isinstance(schema, list):
        return [strict(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {"additionalProperties": False} if schema.get("type") == "object" else {}
    return {name: strict(each) for name, each in schema.items()} | closed


_VALIDATORS = {
    kind: Draft7Validator(strict(DOCUMENT["components"]["messages"][kind]["payload"]))
    for kind in ("hello", "snapshot", "change", "heartbeat", "drain")
}


def check_frame(frame: dict[str, Any]) -> None:
    """Raises `jsonschema.ValidationError` of a frame that is not as described."""
    _VALIDATORS[frame["type"]].validate(frame)
