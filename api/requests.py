"""What every request passes: the body's bound, the count and the time, and JSON bodies read safely."""

import asyncio
import re
import time
from collections.abc import Callable, Coroutine
from typing import Any

import orjson
from fastapi import Request
from fastapi.responses import Response
from fastapi.routing import APIRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.access import caller_of
from api.json_body import read_json
from api.live.paths import STREAM
from api.problem_types import NOT_JSON, NOT_JSON_TYPE, REQUEST_TIMEOUT, TOO_LARGE
from api.problems import Problem
from api.trace import RequestTrace
from streams import log, metrics
from streams.spans import Spans

JSON = "application/json"
MAX_BODY = 1024 * 1024
BODY_SECONDS = 15.0  # for all of a body
REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{8,64}")
LONG_LIVED = frozenset({STREAM})
UNTRACED = LONG_LIVED | {"/healthz", "/readyz", "/metrics"}


class Json(Response):
    """A JSON answer, by orjson."""

    media_type = JSON

    def render(self, content: Any) -> bytes:
        return orjson.dumps(content)


class BodyLimit:
    """Answers 413 to a body over 1 MiB: by what Content-Length says, and by what comes when it says nothing."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if _content_length(scope) > MAX_BODY:
            await Problem(TOO_LARGE).response()(scope, receive, send)
            return
        read = 0

        async def limited() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > MAX_BODY:
                raise Problem(TOO_LARGE)
            return message

        await self._app(scope, limited, send)


def _content_length(scope: Scope) -> int:
    """What the header says; 0 without one. The server has refused one that is no number."""
    return next((int(value) for name, value in scope["headers"] if name == b"content-length"), 0)


class Measure:
    """Counts and times requests under their route's template, so that ids in paths make no new series; log lines tell
    which request they are about, and of which trace."""

    def __init__(self, app: ASGIApp, spans: Spans) -> None:
        self._app, self._spans = app, spans

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        trace, request_id = RequestTrace.begin(scope, self._spans), _request_id(scope)
        log.about(request_id=request_id, trace_id=trace.id)
        started, status = time.perf_counter(), 500

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, watched)
        finally:
            route = getattr(scope.get("route"), "path", None) or "(none)"
            method = _method(scope["method"])
            metrics.REQUESTS.labels(method, route, status).inc()
            if route not in UNTRACED:
                trace.answered(method, route, status, request_id)
            if route not in LONG_LIVED:
                metrics.REQUEST_SECONDS.labels(route).observe(time.perf_counter() - started)


def _request_id(scope: Scope) -> str | None:
    """What a gateway in front calls this request, where it is fit for a log."""
    value = next((value for name, value in scope["headers"] if name == b"x-request-id"), b"")
    return value.decode() if REQUEST_ID.fullmatch(value) else None


def _method(method: str) -> str:
    return method if method in ("GET", "POST", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE") else "other"


class JsonRequest(Request):
    """A request whose body is JSON."""

    async def body(self) -> bytes:
        try:
            async with asyncio.timeout(BODY_SECONDS):
                body = await super().body()
        except TimeoutError as error:
            raise Problem(REQUEST_TIMEOUT, headers={"Connection": "close"}) from error
        if not body:
            raise Problem(NOT_JSON, "the body is empty")
        return body

    async def json(self) -> Any:
        return read_json(await self.body())


def media_type_of(request: Request) -> str:
    """The content type without its parameters, in lower case; empty without one."""
    return request.headers.get("content-type", "").partition(";")[0].strip(" \t").lower()


def not_json(request: Request) -> Problem:
    """415, and what came instead."""
    media_type = media_type_of(request)
    return Problem(NOT_JSON_TYPE, f"not {media_type}" if media_type else "")


class JsonRoute(APIRoute):
    """A route that takes JSON, and nothing else."""

    async def admit(self, request: Request) -> None:
        """Raises a Problem for whom not even the body is read. Nobody, here."""

    def opened(self, request: Request) -> JsonRequest:
        """The request, to be read as its content type says. Raises a Problem for one that is not taken."""
        if media_type_of(request) != JSON:
            raise not_json(request)
        return JsonRequest(request.scope, request.receive)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def checked(request: Request) -> Response:
            await self.admit(request)
            return await handle(self.opened(request))

        return checked


class CallersJsonRoute(JsonRoute):
    """A route that takes JSON of callers with a valid token."""

    async def admit(self, request: Request) -> None:
        await caller_of(request)
