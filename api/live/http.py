"""The live routes straight on uvicorn's HTTP protocol: everything else on the port is FastAPI's, as before.

A WebSocket, or a stream of events, leaves the parser and all else of its request behind: what stays is its transport,
the object that writes to it, and the hub's. What is unusual (a body, requests in a pipeline, a percent sign in the
path) is left to the routes in `routes.py`, which do the same on any ASGI server.
"""

from typing import Any

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from api.live.admission import subprotocol
from api.live.closes import Refused
from api.live.door import join_stream, open_stream, open_websocket
from api.live.frames import Frame
from api.live.gateway import Gateway, Wanted
from api.live.leaving_http import LeavingHttp
from api.live.paths import LIVE, STREAM
from api.live.sse import ELSEWHERE, cors, problem
from api.live.sse_wire import LiveStream
from api.live.websocket_wire import LiveWebSocket
from api.problem_types import FORBIDDEN, INTERNAL, STORE_AWAY
from api.problems import Problem
from streams import log, metrics
from tables.orders import StoreUnavailable

_BODY = frozenset((b"content-length", b"transfer-encoding"))
_log = log.get(__name__)


class LiveHttp(LeavingHttp):
    """Uvicorn's HTTP protocol, which takes the live routes for itself."""

    def __init__(self, *arguments: Any, gateway: Gateway, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.gateway = gateway

    def on_headers_complete(self) -> None:
        if not self._left and self._is_stream():
            self._open_stream()
        else:
            super().on_headers_complete()

    # -- server-sent events

    def _is_stream(self) -> bool:
        return (
            self.url.partition(b"?")[0] == STREAM.encode()
            and self.parser.get_method() == b"GET"
            and self.parser.get_http_version() == "1.1"
            and not self.parser.should_upgrade()
            and (self.cycle is None or self.cycle.response_complete)
            and not any(name in _BODY for name, _ in self.headers)
        )

    def _open_stream(self) -> None:
        handshake = HTTPConnection({"type": "http", "headers": self.headers, "query_string": self._query()})
        try:
            if not self.gateway.admission.origin_is_allowed(handshake):
                raise Problem(FORBIDDEN, ELSEWHERE)
            wanted = self.gateway.wanted(handshake, cookie=True)
            if self.gateway.resumes(wanted):
                wire = LiveStream()
                self.begin_stream(handshake, wire, [join_stream(self.gateway, wanted, wire).hello])
            else:
                self._run(_Opening(self, handshake, wanted))
        except Refused as refused:
            metrics.CUT.labels(LiveStream.TRANSPORT, refused.close.code).inc()
            self._refuse(problem(refused.close, refused.detail))
        except Problem as refusal:
            self._refuse(refusal)

    def _refuse(self, refusal: Problem) -> None:
        _count(refusal.status_code)
        self._run(refusal.response())

    def _run(self, app: ASGIApp) -> None:
        """Answers this request by that app."""
        self.app = app
        super().on_headers_complete()
        self.app = self.config.loaded_app

    def begin_stream(self, handshake: HTTPConnection, wire: LiveStream, first: list[Frame]) -> None:
        """Answers with the stream, which has joined."""
        _count(200)
        lines = [f"{name.lower()}: {value}\r\n" for name, value in cors(self.gateway, handshake).items()]
        wire.begin(self.leave(), "".join(lines).encode())
        assert wire.connection is not None
        wire.connection.start(*first)

    # -- WebSocket

    def handle_websocket_upgrade(self) -> None:
        if self.url.partition(b"?")[0] != LIVE.encode():
            super().handle_websocket_upgrade()
            return
        query, offered = self._query(), self._offered()
        handshake = HTTPConnection(
            {"type": "websocket", "headers": self.headers, "query_string": query, "subprotocols": offered}
        )
        if not self.gateway.admission.origin_is_allowed(handshake):
            self.refuse(Problem(FORBIDDEN, ELSEWHERE))
        elif (wire := self.switch(LiveWebSocket, subprotocol(handshake))) is not None:
            open_websocket(self.gateway, handshake, wire)

    def _offered(self) -> list[str]:
        """The subprotocols that the client offers."""
        lines = [value.decode("latin-1") for name, value in self.headers if name == b"sec-websocket-protocol"]
        return [one.strip() for line in lines for one in line.split(",")]

    # -- both

    def _query(self) -> bytes:
        return self.url.partition(b"?")[2].partition(b"#")[0]


class _Opening:
    """An ASGI app: what a stream has to wait for, and then the stream, or why there is none."""

    def __init__(self, http: LiveHttp, handshake: HTTPConnection, wanted: Wanted) -> None:
        self._http, self._handshake, self._wanted = http, handshake, wanted

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        wire = LiveStream()
        try:
            first = await open_stream(self._http.gateway, self._wanted, wire)
        except Refused as refused:
            metrics.CUT.labels(LiveStream.TRANSPORT, refused.close.code).inc()
            await self._answer(problem(refused.close, refused.detail), scope, receive, send)
        except StoreUnavailable as error:
            _log.warning("store_away", error=str(error))
            await self._answer(Problem(STORE_AWAY), scope, receive, send)
        except Exception:
            await self._answer(Problem(INTERNAL), scope, receive, send)
            raise
        else:
            assert wire.connection is not None
            if self._http.transport.is_closing():
                wire.connection.gone()
                self._http.cycle.disconnected = True  # uvicorn need not miss an answer
            else:
                self._http.begin_stream(self._handshake, wire, first)

    @staticmethod
    async def _answer(refusal: Problem, scope: Scope, receive: Receive, send: Send) -> None:
        _count(refusal.status_code)
        await refusal.response()(scope, receive, send)


def _count(status: int) -> None:
    metrics.REQUESTS.labels("GET", STREAM, status).inc()
