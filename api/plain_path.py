"""Paths mean one thing: what is one segment to a gateway in front, or to a log, is not two to a route."""

from starlette.types import ASGIApp, Receive, Scope, Send

from api.problem_types import NOT_FOUND
from api.problems import Problem

_EVENT = b"/updates/"  # what follows is a courier's word, which may have any character


class PlainPath:
    """Answers 404 to a path with an encoded slash, which the server decodes before the routes are looked at."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and b"%2f" in scope["raw_path"].partition(_EVENT)[0].lower():
            await Problem(NOT_FOUND).response()(scope, receive, send)
        else:
            await self._app(scope, receive, send)
