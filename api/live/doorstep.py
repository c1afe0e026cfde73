"""A connection of which nothing is known yet. Most that come to a gateway want to watch, and a whole crowd of them at
once when another gateway has died: so that request is read here, without all that uvicorn's protocol makes for one.

Only the usual one is: a whole head, in one piece, with nothing after it. Whatever is odd or refused as HTTP is left to
`LiveHttp`, with all its bytes.
"""

import asyncio
from functools import partial
from typing import Any

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser

from api.http_head import HEAD_SECONDS, MAX_HEAD
from api.live import rfc6455
from api.live.admission import subprotocol
from api.live.closes import Refused
from api.live.door import join_stream, open_websocket
from api.live.gateway import Gateway, Wanted
from api.live.handshake import Handshake
from api.live.http import BODY, LiveHttp, begin_stream
from api.live.leaving_http import switching
from api.live.paths import LIVE, STREAM
from api.live.reach import bound_socket
from api.live.sse_wire import LiveStream
from api.live.websocket_wire import LiveWebSocket

_LIVE, _STREAM = LIVE.encode(), STREAM.encode()
_BEGINS, _ENDS = b"GET " + _LIVE, b"\r\n\r\n"


class Doorstep(asyncio.Protocol):
    """Made as uvicorn makes its HTTP protocol."""

    __slots__ = ("_connections", "_deadline", "_gateway", "_make", "_transport")

    def __init__(self, config: Any, server_state: Any, app_state: Any, _loop: Any = None, *, gateway: Gateway) -> None:
        self._gateway, self._connections = gateway, server_state.connections
        self._make = partial(LiveHttp, config, server_state, app_state, _loop, gateway=gateway)

    def connection_made(self, transport: Any) -> None:
        self._transport: asyncio.Transport = transport
        self._connections.add(self)
        self._deadline = asyncio.get_running_loop().call_later(HEAD_SECONDS, transport.close)

    def data_received(self, data: bytes) -> None:
        self._leave()
        request = _Request.read(data)
        if request is None:
            self._hand_over(data)
        elif request.upgrades:
            self._open_websocket(request, data)
        else:
            self._open_stream(request, data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._leave()

    def shutdown(self) -> None:
        """Uvicorn's word for it: the server is going, and nobody has asked for anything here."""
        self._transport.close()

    def _leave(self) -> None:
        self._connections.discard(self)
        self._deadline.cancel()

    def _handshake(self, request: "_Request") -> Handshake:
        peer = self._transport.get_extra_info("peername")
        return Handshake(request.headers, request.query, peer[0] if isinstance(peer, tuple) else "")

    def _hand_over(self, data: bytes, judged: Wanted | Refused | None = None) -> None:
        http = self._make()
        http.judged = judged
        http.connection_made(self._transport)
        self._transport.set_protocol(http)
        http.data_received(data)

    def _open_websocket(self, request: "_Request", data: bytes) -> None:
        handshake = self._handshake(request)
        try:
            answer = switching(request.headers, subprotocol(handshake))
        except rfc6455.BadHandshake:
            answer = b""
        if not answer or not self._gateway.admission.origin_is_allowed(handshake):
            self._hand_over(data)
            return
        bound_socket(self._transport)
        wire = LiveWebSocket(self._transport, answer)
        self._transport.set_protocol(wire)
        open_websocket(self._gateway, handshake, wire)

    def _open_stream(self, request: "_Request", data: bytes) -> None:
        handshake = self._handshake(request)
        if not self._gateway.admission.origin_is_allowed(handshake):
            self._hand_over(data)
            return
        judged: Wanted | Refused  # once: a ticket is good once
        try:
            judged = self._gateway.wanted(handshake, cookie=True)
            if self._gateway.resumes(judged):
                wire = LiveStream()
                hello = join_stream(self._gateway, judged, wire).hello
                bound_socket(self._transport)
                begin_stream(self._gateway, handshake, wire, self._transport, [hello])
                return
        except Refused as refused:
            judged = refused
        self._hand_over(data, judged)


class _Request:
    """One head as httptools reads it."""

    __slots__ = ("headers", "query", "upgrades", "url", "whole")

    def __init__(self) -> None:
        self.url = self.query = b""
        self.headers: list[tuple[bytes, bytes]] = []
        self.whole = self.upgrades = False

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        self.whole = True

    @classmethod
    def read(cls, data: bytes) -> "_Request | None":
        """The usual request for a live connection; None for all others."""
        if not data.startswith(_BEGINS) or not data.endswith(_ENDS) or len(data) > MAX_HEAD:
            return None
        request = cls()
        parser = HttpRequestParser(request)
        try:
            parser.feed_data(data)
        except HttpParserUpgrade as end:
            if end.args[0] != len(data):
                return None
            request.upgrades = True
        except HttpParserError:
            return None
        path, _, rest = request.url.partition(b"?")
        request.query = rest.partition(b"#")[0]
        upgrade = [value.lower() for name, value in request.headers if name == b"upgrade"]
        asks = (_LIVE, [b"websocket"]) if request.upgrades else (_STREAM, [])
        usual = request.whole and (path, upgrade) == asks and parser.get_http_version() == "1.1"
        return request if usual and not any(name in BODY for name, _ in request.headers) else None
