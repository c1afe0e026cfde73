"""Live push as server-sent events over sse-starlette: the portable transport where WebSockets are blocked."""

from collections.abc import AsyncIterator, Mapping

from sse_starlette import EventSourceResponse
from sse_starlette.sse import AppStatus
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from api.live import closes
from api.live.closes import Close, Refused
from api.live.frames import RETRY_MS, SSE
from api.live.gateway import Gateway
from api.live.handshake import Handshake
from api.live.session import Session
from api.problem_types import FORBIDDEN, TOO_MANY, UNAUTHENTICATED, UNAVAILABLE, VALIDATION, ProblemType
from api.problems import Problem

ELSEWHERE = "not from this origin"
_PROBLEMS: dict[Close, ProblemType] = {
    closes.EXPIRED: UNAUTHENTICATED,
    closes.FORBIDDEN: FORBIDDEN,
    closes.TOO_MANY: TOO_MANY,
    closes.POLICY: VALIDATION,
}


def say_goodbye_ourselves() -> None:
    """Sse-starlette ends all streams at once at a SIGTERM; the gateway's drain spreads that."""
    AppStatus.enable_automatic_graceful_drain = False


async def serve(request: Request, gateway: Gateway) -> Response:
    """The stream. What stands in its way is an HTTP status: so the snapshot is read before the stream begins."""
    handshake = Handshake.of(request.scope)
    if not gateway.admission.origin_is_allowed(handshake):
        raise Problem(FORBIDDEN, ELSEWHERE)
    try:
        session = await Session.open(gateway, SSE, handshake, request.scope)
    except Refused as refused:
        refused.close.count(SSE)
        raise problem(refused.close, refused.detail) from refused
    try:
        await session.prepare()
        if session.connection.closing is not None:
            raise problem(session.connection.closing)
    except BaseException:
        session.connection.release()
        raise
    return EventStream(session, cors(gateway, handshake))


def problem(close: Close, detail: str = "") -> Problem:
    """A refusal as HTTP says it."""
    errors = []
    if close is closes.POLICY:
        errors = [{"field": "id_order", "detail": detail}]
    headers = {"WWW-Authenticate": 'Bearer realm="lacak"'} if close is closes.EXPIRED else None
    return Problem(_PROBLEMS.get(close, UNAVAILABLE), detail or close.reason, errors=errors, headers=headers)


def cors(gateway: Gateway, handshake: Handshake) -> dict[str, str]:
    """The headers by which a page of an allowed origin that is not ours may read the stream."""
    origin = gateway.admission.foreign_origin(handshake)
    if origin is None:
        return {}
    return {"Access-Control-Allow-Origin": origin, "Access-Control-Allow-Credentials": "true"}


class EventStream(EventSourceResponse):
    """The session's frames as events."""

    def __init__(self, session: Session, headers: Mapping[str, str]) -> None:
        super().__init__(_events(session), headers={"Vary": "Origin", **headers}, ping=0, sep="\n")
        # A stream that ends has ended its connection: it may be torn down without hitting another request.
        self.headers["Connection"] = "close"
        self._session = session

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._session.connection.gone()


async def _events(session: Session) -> AsyncIterator[bytes]:
    yield b"retry: %d\n\n" % RETRY_MS
    async for frame in session.frames():
        yield frame.sse
        session.sent(frame)
