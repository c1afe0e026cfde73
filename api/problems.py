"""Errors as RFC 9457 problem+json: the types there are, once, and how every failure becomes one of them.

A problem's `type` is `urn:lacak:problem:<name>` and never changes; `errors[]` names each bad field.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from fastapi import FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException as StarletteHTTPException

from streams import log
from streams.messages import Invalid
from tables.orders import BadCursor, StoreUnavailable

MEDIA_TYPE = "application/problem+json"
URN = "urn:lacak:problem:"
RETRY_SECONDS = 2

_log = log.get(__name__)


@dataclass(frozen=True, slots=True)
class ProblemType:
    """One kind of failure: its stable name, its HTTP status, and what it says in general."""

    name: str
    status: int
    title: str

    @property
    def uri(self) -> str:
        return URN + self.name


NOT_JSON = ProblemType("not-json", 400, "The body is not JSON")
BAD_REQUEST = ProblemType("bad-request", 400, "The request makes no sense")
UNAUTHENTICATED = ProblemType("unauthenticated", 401, "A valid bearer token is needed")
FORBIDDEN = ProblemType("forbidden", 403, "The token does not allow this")
NOT_FOUND = ProblemType("not-found", 404, "There is no such thing, or not for this caller")
METHOD_NOT_ALLOWED = ProblemType("method-not-allowed", 405, "This resource has no such method")
TOO_LARGE = ProblemType("too-large", 413, "The body is larger than 1 MiB")
NOT_JSON_TYPE = ProblemType("unsupported-media-type", 415, "The body must be application/json")
VALIDATION = ProblemType("validation", 422, "Some fields are not valid")
TOO_MANY = ProblemType("too-many", 429, "Too many at once")
INTERNAL = ProblemType("internal", 500, "We failed; it is logged")
NOT_TAKEN = ProblemType("not-taken", 503, "Kafka did not confirm the record in time: send it again")
STORE_AWAY = ProblemType("store-away", 503, "Orders cannot be read at the moment: try again")
NO_IDS = ProblemType("no-ids", 503, "No id can be assigned at the moment: try again, or send one")
UNAVAILABLE = ProblemType("unavailable", 503, "Not at the moment: try again")

ALL = (
    NOT_JSON,
    BAD_REQUEST,
    UNAUTHENTICATED,
    FORBIDDEN,
    NOT_FOUND,
    METHOD_NOT_ALLOWED,
    TOO_LARGE,
    NOT_JSON_TYPE,
    VALIDATION,
    TOO_MANY,
    INTERNAL,
    NOT_TAKEN,
    STORE_AWAY,
    NO_IDS,
    UNAVAILABLE,
)
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
        if self.type.status in (429, 503):
            headers.setdefault("Retry-After", str(RETRY_SECONDS))
        return Response(orjson.dumps(self.content()), self.type.status, headers, MEDIA_TYPE)


def invalid(errors: Iterable[Mapping[str, Any]], prefix: tuple[int | str, ...] = ()) -> Problem:
    """The problem of pydantic's errors, their fields named like `updates[3].latitude`."""
    named = [
        {"field": field_name((*prefix, *error["loc"])), "detail": error["msg"].removeprefix("Value error, ")}
        for error in errors
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
    return invalid([{**one, "loc": one["loc"][1:]} for one in errors])


def _of_http(error: StarletteHTTPException) -> Problem:
    if isinstance(error, Problem):
        return error
    type_ = _BY_STATUS.get(error.status_code, INTERNAL if error.status_code >= 500 else BAD_REQUEST)
    return Problem(type_, str(error.detail), headers=error.headers)


def install(app: FastAPI) -> None:
    """Makes every failure of the app a problem."""

    async def on_http(_: Request, error: Exception) -> Response:
        assert isinstance(error, StarletteHTTPException)
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
    return {
        type_.status: {
            "description": type_.title,
            "content": {
                MEDIA_TYPE: {
                    "schema": {"$ref": "#/components/schemas/Problem"},
                    "example": Problem(type_).content(),
                }
            },
        }
        for type_ in types
    }


def describe(openapi: dict[str, Any]) -> None:
    """Makes an OpenAPI document say what errors look like here, where FastAPI supposes a form of its own."""
    schemas = openapi.setdefault("components", {}).setdefault("schemas", {})
    schemas["Problem"] = _MODEL
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    for operation in (one for path in openapi["paths"].values() for one in path.values()):
        responses = operation["responses"]
        if "application/json" in responses.get("422", {}).get("content", {}):
            responses["422"] = documented(VALIDATION)[422]
