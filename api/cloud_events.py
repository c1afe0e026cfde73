"""Updates as CloudEvents 1.0 over HTTP, in JSON: structured, binary and batched. `data` is the update as it is sent by
itself; the event's `id` is its `event_id`, and `time` its `occurred_at`, where it has none of its own.

https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md
"""

from enum import Enum
from typing import Annotated, Any, Literal
from urllib.parse import unquote

import pydantic
from fastapi import Request
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo, WithJsonSchema, field_validator

from api.intake_route import IntakeRoute
from api.models import Time
from api.problems import invalid
from api.requests import JSON, JsonRequest, media_type_of, not_json
from streams.messages import EVENT_ID_LENGTH, STATUS_UPDATE
from streams.order import PLACED_EVENT_ID

STRUCTURED_TYPE = "application/cloudevents+json"
BATCH_TYPE = "application/cloudevents-batch+json"
HEADER = "ce-"
REQUIRED = ("specversion", "id", "source", "type")
ATTRIBUTES = (*REQUIRED, "time")

_ID_ORDER = "id_order"  # of a path: the route takes one update, and nothing of others


class Form(Enum):
    """How a request brings its updates."""

    NATIVE = "native"
    STRUCTURED = "structured"
    BINARY = "binary"
    BATCH = "batch"

    @classmethod
    def of(cls, request: Request) -> "Form":
        """By the content type; binary mode by a header that every event has."""
        found = _BY_TYPE.get(media_type_of(request))
        if found is not None:
            return found
        return cls.BINARY if any(HEADER + name in request.headers for name in REQUIRED) else cls.NATIVE

    @property
    def is_one(self) -> bool:
        """Whether it is one event. It is answered by itself: its sender knows no answers but taken and not taken."""
        return self in (Form.STRUCTURED, Form.BINARY)

    def prefix(self, index: int) -> tuple[int | str, ...]:
        """Where update number `index` is in the body."""
        return () if self.is_one else (index,) if self is Form.BATCH else ("updates", index)

    def update(self, raw: Any, index: int) -> Any:
        """Update number `index` as it is sent by itself. Raises a Problem of an event that brings none."""
        return raw if self is Form.NATIVE else _update(raw, self.prefix(index), HEADER if self is Form.BINARY else "")


_BY_TYPE = {STRUCTURED_TYPE: Form.STRUCTURED, BATCH_TYPE: Form.BATCH}


def _an_update(value: str) -> str:
    if value != STATUS_UPDATE:
        raise ValueError(f"not {STATUS_UPDATE}")
    return value


class Event(BaseModel):
    """A CloudEvent that brings an update. Other attributes are allowed, as CloudEvents wants it, and ignored."""

    model_config = ConfigDict(strict=True)

    specversion: Literal["1.0"]
    type: Annotated[str, AfterValidator(_an_update), WithJsonSchema({"const": STATUS_UPDATE})]
    source: Annotated[str, Field(min_length=1)]
    time: Time | None = None
    datacontenttype: Annotated[str, Field(pattern=r"^application/json *(;.*)?$")] | None = None
    data: dict[str, Any]
    id: Annotated[str, Field(min_length=1)]

    @field_validator("id")
    @classmethod
    def _event_id(cls, value: str, info: ValidationInfo) -> str:
        own = info.data.get("data", {}).get("event_id")
        if own is None and (len(value) > EVENT_ID_LENGTH or value == PLACED_EVENT_ID):
            raise ValueError(f"as an event_id: up to {EVENT_ID_LENGTH} characters, and not {PLACED_EVENT_ID!r}")
        return value


def _update(event: Any, prefix: tuple[int | str, ...], header: str) -> dict[str, Any]:
    try:
        known = Event.model_validate(event)
    except pydantic.ValidationError as error:
        raise invalid(_named(error, header), prefix) from error
    update = dict(known.data)
    if update.get("event_id") is None:
        update["event_id"] = known.id
    if update.get("occurred_at") is None and known.time is not None:
        update["occurred_at"] = event["time"]
    return update


def _named(error: pydantic.ValidationError, header: str) -> list[dict[str, Any]]:
    """The errors, their attributes by the headers that they came in; data is the body then."""
    errors: list[dict[str, Any]] = [dict(one) for one in error.errors(include_url=False, include_input=False)]
    for one in errors if header else ():
        one["loc"] = () if one["loc"][0] == "data" else (f"{header}{one['loc'][0]}",)
    return errors


class EventRequest(JsonRequest):
    """A request whose `json()` is as a native one's; of many updates each is an event still, for it is judged alone."""

    async def json(self) -> Any:
        content, form = await super().json(), Form.of(self)
        if form is Form.NATIVE:
            return content
        if form is Form.BINARY:
            content = {**self._attributes(), "data": content}
        if _ID_ORDER in self.path_params:
            return form.update(content, 0)
        return {"updates": content if form is Form.BATCH else [content]}

    def _attributes(self) -> dict[str, str]:
        found = {name: self.headers.get(HEADER + name) for name in ATTRIBUTES}
        return {name: unquote(value) for name, value in found.items() if value is not None}


class EventRoute(IntakeRoute):
    """A route that takes updates as JSON, and as CloudEvents."""

    def opened(self, request: Request) -> JsonRequest:
        taken = {JSON, STRUCTURED_TYPE} if _ID_ORDER in request.path_params else {JSON, *_BY_TYPE}
        if media_type_of(request) not in taken:
            raise not_json(request)
        return EventRequest(request.scope, request.receive)
