"""The live routes straight on uvicorn's HTTP protocol: everything else on the port is FastAPI's, as before.

A WebSocket, or a stream of events, leaves the parser and all else of its request behind: what stays is its transport,
the object that writes to it, and the hub's. What is unusual (a body, requests in a pipeline, a percent sign in the
path) is left to the routes in `routes.py`, which do the same on any ASGI server.
"""

import asyncio
from functools import cache
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send

from api.live.admission import subprotocol
from api.live.closes import Refused
from api.live.door import join_stream, open_stream, open_websocket
from api.live.frames import Frame
from api.live.gateway import Gateway, Wanted
from api.live.handshake import Handshake
from api.live.leaving_http import LeavingHttp
from api.live.paths import LIVE, STREAM
from api.live.request import BODY
from api.live.sse import ELSEWHERE, cors, problem
from api.live.sse_wire import LiveStream
from api.live.websocket_wire import LiveWebSocket
from api.problem_types import FORBIDDEN, INTERNAL, STORE_AWAY
from api.problems import Problem
from streams import log, metrics
from tables.orders import StoreUnavailable

_log = log.get(__name__)
_requests = cache(metrics.REQUESTS.labels)


class LiveHttp(LeavingHttp):
    """Uvicorn's HTTP protocol, which takes the live routes for itself."""

    def __init__(self, *arguments: Any, gateway: Gateway, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.gateway = gateway
        self.judged: Wanted | Refused | None = None  # the first request, where the doorstep has judged it

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
            and not any(name in BODY for name, _ in self.headers)
        )

    def _open_stream(self) -> None:
        handshake = self._handshake()
        try:
            if not self.gateway.admission.origin_is_allowed(handshake):
                raise Problem(FORBIDDEN, ELSEWHERE)
            wanted = self._wanted(handshake)
            if self.gateway.resumes(wanted):
                wire = LiveStream()
                first = [join_stream(self.gateway, wanted, wire).hello]
                begin_stream(self.gateway, handshake, wire, self.leave(), first)
            else:
                self._run(_Opening(self, handshake, wanted))
        except Refused as refused:
            refused.close.count(LiveStream.TRANSPORT)
            self._refuse(problem(refused.close, refused.detail))
        except Problem as refusal:
            self._refuse(refusal)

    def _wanted(self, handshake: Handshake) -> Wanted:
        judged, self.judged = self.judged, None
        if isinstance(judged, Refused):
            raise judged
        return judged or self.gateway.wanted(handshake, cookie=True)

    def _refuse(self, refusal: Problem) -> None:
        _count(refusal.status_code)
        self._run(refusal.response())

    def _run(self, app: ASGIApp) -> None:
        """Answers this request by that app."""
        self.app = app
        super().on_headers_complete()
        self.app = self.config.loaded_app

    # -- WebSocket

    def handle_websocket_upgrade(self) -> None:
        if self.url.partition(b"?")[0] != LIVE.encode():
            super().handle_websocket_upgrade()
            return
        handshake = self._handshake()
        if not self.gateway.admission.origin_is_allowed(handshake):
            self.refuse(Problem(FORBIDDEN, ELSEWHERE))
        elif (wire := self.switch(LiveWebSocket, subprotocol(handshake))) is not None:
            open_websocket(self.gateway, handshake, wire)

    # -- both

    def _handshake(self) -> Handshake:
        query = self.url.partition(b"?")[2].partition(b"#")[0]
        return Handshake(self.headers, query, self.client[0] if self.client else "")


class _Opening:
    """An ASGI app: what a stream has to wait for, and then the stream, or why there is none."""

    def __init__(self, http: LiveHttp, handshake: Handshake, wanted: Wanted) -> None:
        self._http, self._handshake, self._wanted = http, handshake, wanted

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        wire = LiveStream()
        try:
            first = await open_stream(self._http.gateway, self._wanted, wire)
        except Refused as refused:
            refused.close.count(LiveStream.TRANSPORT)
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
                begin_stream(self._http.gateway, self._handshake, wire, self._http.leave(), first)

    @staticmethod
    async def _answer(refusal: Problem, scope: Scope, receive: Receive, send: Send) -> None:
        _count(refusal.status_code)
        await refusal.response()(scope, receive, send)


def begin_stream(
    gateway: Gateway, handshake: Handshake, wire: LiveStream, transport: asyncio.Transport, first: list[Frame]
) -> None:
    """Answers with the stream, which has joined."""
    _count(200)
    lines = [f"{name.lower()}: {value}\r\n" for name, value in cors(gateway, handshake).items()]
    wire.begin(transport, "".join(lines).encode())
    assert wire.connection is not None
    wire.connection.start(*first)


def _count(status: int) -> None:
    _requests("GET", STREAM, status).inc()
