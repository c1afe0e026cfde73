"""What OpenAPI says of updates as CloudEvents, which FastAPI cannot know."""

from typing import Any

from api.cloud_events import ATTRIBUTES, BATCH_TYPE, HEADER, STRUCTURED_TYPE, Event
from api.requests import JSON
from api.update_models import BATCH_MAX
from streams.messages import STATUS_UPDATE

ONE = "/v1/orders/{id_order}/status"
MANY = "/v1/status-updates"

_EXAMPLE = {
    "specversion": "1.0",
    "id": "jne-8841-3",
    "source": "/jne/hub/jakarta",
    "type": STATUS_UPDATE,
    "time": "2026-11-24T09:30:00+07:00",
    "datacontenttype": JSON,
}
_MEANS = {
    "id": "the event_id, where the update has none",
    "time": "its occurred_at, where it has none",
    "source": "taken, and not kept: who sends is told by the token",
    "type": f"always {STATUS_UPDATE}",
    "specversion": "1.0",
}


def describe(openapi: dict[str, Any]) -> None:
    """Adds the forms of CloudEvents to the routes of a document that take updates, where it has them."""
    if MANY not in openapi["paths"]:
        return
    one, many = openapi["paths"][ONE]["post"], openapi["paths"][MANY]["post"]
    update, batched = {"status": "picked_up"}, {"id_order": "183926749237248001", "status": "picked_up"}
    for operation, model, data in ((one, "NewStatus", update), (many, "BatchedStatus", batched)):
        operation.setdefault("parameters", []).extend(map(_header, ATTRIBUTES))
        event, example = _event(model), {**_EXAMPLE, "data": data}
        operation["requestBody"]["content"][STRUCTURED_TYPE] = {"schema": event, "example": example}
    content = many["requestBody"]["content"]
    content[BATCH_TYPE] = {
        "schema": {"type": "array", "items": _event("BatchedStatus"), "minItems": 1, "maxItems": BATCH_MAX},
        "example": [{**_EXAMPLE, "data": batched}],
    }
    _also(content[JSON], "BatchedStatus", "one update, in the binary mode of CloudEvents")
    _also(many["responses"]["202"]["content"][JSON], "StatusTaken", "of one event")


def _event(model: str) -> dict[str, Any]:
    schema = Event.model_json_schema()
    schema["properties"]["data"] = _ref(model)
    return schema


def _header(name: str) -> dict[str, Any]:
    description = f"In the binary mode of CloudEvents: {_MEANS[name]}"
    return {"name": HEADER + name, "in": "header", "schema": {"type": "string"}, "description": description}


def _also(content: dict[str, Any], model: str, when: str) -> None:
    content["schema"] = {"anyOf": [content["schema"], {**_ref(model), "description": when}]}


def _ref(model: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{model}"}
