"""The live routes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import APIRouter, Depends, FastAPI, Query, Request, Security, WebSocket
from fastapi.responses import Response

from api import answers
from api.access import INVALID_TOKEN, Requires
from api.auth import ORDERS_READ, Caller
from api.live import sse, websocket
from api.live.admission import COOKIE, pass_of
from api.live.closes import Refused
from api.live.gateway import Gateway
from api.live.paths import LIVE, STREAM
from api.live.reach import Reach
from api.live.tickets import TICKET_SECONDS, Pass
from api.problem_types import FORBIDDEN, STORE_AWAY, TOO_MANY, UNAUTHENTICATED, UNAVAILABLE, VALIDATION
from api.problems import Problem, documented
from api.requests import Json

NOT_STORED = {"Cache-Control": "no-store"}


class Ticket(answers.Answer):
    """Good once on a gateway, for `expires_in` seconds."""

    ticket: str
    expires_in: int


@asynccontextmanager
async def _reachable(app: FastAPI) -> AsyncIterator[None]:
    """Outermost, and so after all other middleware: what these wrap hides the socket."""
    if app.middleware_stack is not None:
        app.middleware_stack = Reach(app.middleware_stack)
    yield


async def _holder(caller: Annotated[Caller, Security(Requires(ORDERS_READ))]) -> Pass:
    try:
        return pass_of(caller)
    except Refused as refused:
        raise Problem(FORBIDDEN, refused.detail) from refused


Holder = Annotated[Pass, Security(_holder)]
_DENIED = documented(UNAUTHENTICATED, FORBIDDEN)


def live_routes(gateway: Gateway) -> APIRouter:
    """WebSocket, SSE, and what lets browsers in."""
    router = APIRouter(tags=["live"], lifespan=_reachable)
    sse.say_goodbye_ourselves()

    async def lasting(holder: Holder) -> Pass:
        """No connection outlives its token, whatever the leeway: told here, the client gets a new one at once."""
        if not gateway.remaining(holder):
            raise Problem(UNAUTHENTICATED, "expired", headers={"WWW-Authenticate": INVALID_TOKEN})
        return holder

    Lasting = Annotated[Pass, Depends(lasting)]

    @router.websocket(LIVE)
    async def live(socket: WebSocket) -> None:
        await websocket.serve(socket, gateway)

    @router.get(
        STREAM,
        summary="A user's changes as server-sent events",
        response_class=Response,
        responses={
            200: {"description": "See docs/live-push.md", "content": {"text/event-stream": {}}},
            **documented(UNAUTHENTICATED, FORBIDDEN, VALIDATION, TOO_MANY, UNAVAILABLE, STORE_AWAY),
        },
    )
    async def events(
        request: Request,
        ticket: Annotated[str | None, Query(description="of POST /v1/live/tickets")] = None,
        cursor: Annotated[str | None, Query(description="where to resume; Last-Event-ID is heard first")] = None,
        id_order: Annotated[list[str] | None, Query(description="only these orders")] = None,
    ) -> Response:
        """With a ticket, a bearer token, or the cookie of POST /v1/live/session."""
        return await sse.serve(request, gateway)

    @router.post(f"{LIVE}/tickets", response_model=Ticket, summary="A ticket to connect with", responses=_DENIED)
    async def ticket(holder: Lasting) -> Json:
        """For browsers, which can send no header with a WebSocket."""
        content = {"ticket": gateway.tickets.ticket(holder), "expires_in": TICKET_SECONDS}
        return Json(content, headers=NOT_STORED)

    @router.post(
        f"{LIVE}/session",
        status_code=204,
        response_class=Response,
        summary="A cookie with which a plain EventSource connects and resumes",
        responses=_DENIED,
    )
    async def session(holder: Lasting) -> Response:
        """The cookie is good as long as the token."""
        response = Response(status_code=204, headers=NOT_STORED)
        response.set_cookie(
            COOKIE,
            gateway.tickets.session(holder),
            max_age=gateway.remaining(holder),
            path=LIVE,
            secure=gateway.secure_cookies,
            httponly=True,
            samesite="strict",
        )
        return response

    return router
