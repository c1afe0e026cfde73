"""Errors as RFC 9457 problem+json: how every failure becomes one of the types in problem_types.py.

A problem's `type` is `urn:lacak:problem:<name>` and never changes; `errors[]` names each bad field.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import islice
from typing import Any

import orjson
from fastapi import FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.routing import Match

from api.problem_types import (
    ALL,
    BAD_REQUEST,
    INTERNAL,
    METHOD_NOT_ALLOWED,
    NOT_JSON,
    STORE_AWAY,
    TOO_MANY,
    UNAVAILABLE,
    VALIDATION,
    ProblemType,
)
from streams import log
from streams.messages import Invalid
from tables.orders import BadCursor, StoreUnavailable

MEDIA_TYPE = "application/problem+json"
RETRY_SECONDS = 2
RETRIED = (409, 429, 503)
METHODS = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")
# A body of 1 MiB may hold 100,000 unknown fields, or one with a name of that size: the answer is no echo of it.
MAX_ERRORS = 50
MAX_NAME = 200
MAX_DETAIL = 300

_log = log.get(__name__)


_BY_STATUS = {problem.status: problem for problem in reversed(ALL)} | {503: UNAVAILABLE}

FieldError = dict[str, str]


class Problem(HTTPException):
    """Raise it anywhere in a request; the caller gets it as problem+json. `members` are further members of it."""

    def __init__(
        self,
        type_: ProblemType,
        detail: str = "",
        *,
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
        **members: Any,
    ) -> None:
        super().__init__(type_.status, detail or type_.title, dict(headers or {}))
        self.type, self.errors, self.members = type_, errors, members

    def content(self) -> dict[str, Any]:
        """The problem as JSON's types."""
        content = {"type": self.type.uri, "title": self.type.title, "status": self.type.status, "detail": self.detail}
        return {**content, **({"errors": list(self.errors)} if self.errors else {}), **self.members}

    def response(self) -> Response:
        headers = {**(self.headers or {})}
        if self.type.status in RETRIED:
            headers.setdefault("Retry-After", str(RETRY_SECONDS))
        return Response(orjson.dumps(self.content()), self.type.status, headers, MEDIA_TYPE)


def invalid(errors: Iterable[Mapping[str, Any]], prefix: tuple[int | str, ...] = ()) -> Problem:
    """The problem of pydantic's errors, their fields named like `updates[3].latitude`; of the first MAX_ERRORS."""
    named = [
        {
            "field": field_name((*prefix, *error["loc"]))[:MAX_NAME],
            "detail": error["msg"].removeprefix("Value error, ")[:MAX_DETAIL],
        }
        for error in islice(errors, MAX_ERRORS)
    ]
    return Problem(VALIDATION, "; ".join(f"{e['field']}: {e['detail']}" for e in named[:3]), errors=named)


def invalid_message(error: Invalid, prefix: str = "") -> Problem:
    """The problem of a message that the worker would reject for what it is in itself."""
    named = {"field": prefix + error.field, "detail": error.detail}
    return Problem(VALIDATION, f"{named['field']}: {error.detail}", errors=[named])


def field_name(loc: Sequence[int | str]) -> str:
    """`("updates", 3, "latitude")` as `updates[3].latitude`; the whole body is `body`."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in loc)
    return text.removeprefix(".") or "body"


def _of_validation(error: RequestValidationError) -> Problem:
    errors = error.errors()
    for one in errors:
        if one["type"] == "json_invalid":
            return Problem(NOT_JSON, f"{one['ctx']['error']} at byte {one['loc'][-1]}")
    # The first part of a loc says where the field was: body, path, query.
    return invalid({**one, "loc": one["loc"][1:]} for one in errors)


def _of_http(error: StarletteHTTPException) -> Problem:
    if isinstance(error, Problem):
        return error
    type_ = _BY_STATUS.get(error.status_code, INTERNAL if error.status_code >= 500 else BAD_REQUEST)
    return Problem(type_, str(error.detail), headers=error.headers)


def install(app: FastAPI) -> None:
    """Makes every failure of the app a problem."""

    async def on_http(request: Request, error: Exception) -> Response:
        assert isinstance(error, StarletteHTTPException)
        if error.status_code == METHOD_NOT_ALLOWED.status:
            return Problem(METHOD_NOT_ALLOWED, headers={"Allow": ", ".join(_methods(request))}).response()
        return _of_http(error).response()

    async def on_validation(_: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        return _of_validation(error).response()

    async def on_store(_: Request, error: Exception) -> Response:
        _log.warning("store_away", error=str(error))
        return Problem(STORE_AWAY).response()

    async def on_cursor(_: Request, error: Exception) -> Response:
        named = {"field": "cursor", "detail": "not a cursor of this list"}
        return Problem(VALIDATION, "cursor: " + named["detail"], errors=[named]).response()

    async def on_bug(request: Request, error: Exception) -> Response:
        # Starlette raises it again after the answer, and uvicorn logs it with its traceback.
        return Problem(INTERNAL).response()

    app.add_exception_handler(StarletteHTTPException, on_http)
    app.add_exception_handler(RequestValidationError, on_validation)
    app.add_exception_handler(StoreUnavailable, on_store)
    app.add_exception_handler(BadCursor, on_cursor)
    app.add_exception_handler(Exception, on_bug)


def _methods(request: Request) -> list[str]:
    """All that the resource has: the router tells those of the first route of this path only."""
    asked = [({**request.scope, "method": method}, method) for method in METHODS]
    routes = request.app.routes
    return [method for scope, method in asked if any(route.matches(scope)[0] is Match.FULL for route in routes)]


_MODEL = {
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "detail"],
                "properties": {"field": {"type": "string"}, "detail": {"type": "string"}},
            },
        },
    },
}


def documented(*types: ProblemType) -> dict[int | str, dict[str, Any]]:
    """What a route's `responses` say about these problems."""
    by_status: dict[int | str, list[ProblemType]] = {}
    for type_ in types:
        by_status.setdefault(type_.status, []).append(type_)
    return {status: _documented(same) for status, same in by_status.items()}


def _documented(same: list[ProblemType]) -> dict[str, Any]:
    examples = {type_.name: {"value": Problem(type_).content()} for type_ in same}
    content = {"schema": {"$ref": "#/components/schemas/Problem"}, "examples": examples}
    description = "; or: ".join(type_.title for type_ in same)
    return {"description": description, "content": {MEDIA_TYPE: content}}


def describe(openapi: dict[str, Any], unlimited: Collection[str] = ()) -> None:
    """Makes an OpenAPI document say what errors look like here, where FastAPI supposes a form of its own; and that any
    route may answer 429, but the paths that are `unlimited`."""
    schemas = openapi.setdefault("components", {}).setdefault("schemas", {})
    schemas["Problem"] = _MODEL
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    for operation in (one for path in openapi["paths"].values() for one in path.values()):
        responses = operation["responses"]
        if "application/json" not in responses.get("422", {}).get("content", {}):
            continue
        if "registry" in operation["tags"]:  # it takes any text, and has a form of its own
            del responses["422"]
        else:
            responses["422"] = documented(VALIDATION)[422]
    for path, operations in openapi["paths"].items():
        for operation in operations.values() if path not in unlimited else ():
            operation["responses"].setdefault("429", documented(TOO_MANY)[429])
