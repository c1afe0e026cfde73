"""A connection of which nothing is known yet. Most that come to a gateway want to watch, and a whole crowd of them at
once when another gateway has died: so that request is read here, without all that uvicorn's protocol makes for one.

Only the usual one is: a whole head, in one piece, with nothing after it. Whatever is odd or refused as HTTP is left to
`LiveHttp`, with all its bytes.
"""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

from api.http_head import HEAD_SECONDS
from api.live import rfc6455
from api.live.admission import subprotocol
from api.live.closes import Refused
from api.live.door import join_stream, open_websocket
from api.live.gateway import Gateway, Wanted
from api.live.handshake import Handshake
from api.live.http import LiveHttp, begin_stream
from api.live.leaving_http import switching
from api.live.request import Request
from api.live.sse_wire import LiveStream
from api.live.websocket_wire import LiveWebSocket


class Doorsteps:
    """Makes them, as uvicorn has its HTTP protocols made. Who says nothing is closed in time, by one timer for all."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self._deadlines: dict[Doorstep, float] = {}  # the next one first
        self._timer: asyncio.TimerHandle | None = None

    def __call__(self, config: Any, server_state: Any, app_state: Any, _loop: Any = None) -> "Doorstep":
        make = partial(LiveHttp, config, server_state, app_state, _loop, gateway=self.gateway)
        return Doorstep(self, server_state.connections, make)

    def began(self, doorstep: "Doorstep") -> None:
        """It waits for a head from now on."""
        loop = asyncio.get_running_loop()
        self._deadlines[doorstep] = deadline = loop.time() + HEAD_SECONDS
        if self._timer is None:
            self._timer = loop.call_at(deadline, self._look)

    def ended(self, doorstep: "Doorstep") -> None:
        """It waits no more."""
        self._deadlines.pop(doorstep, None)

    def _look(self) -> None:
        loop, self._timer = asyncio.get_running_loop(), None
        for doorstep, deadline in self._deadlines.items():
            if deadline > loop.time():
                self._timer = loop.call_at(deadline, self._look)
                break
            doorstep.shutdown()


class Doorstep(asyncio.Protocol):
    """One connection. `connections` are the server's; `make` makes the protocol that gets what is not for here."""

    __slots__ = ("_all", "_connections", "_gateway", "_make", "_transport")

    def __init__(self, all_: Doorsteps, connections: set[Any], make: Callable[[], LiveHttp]) -> None:
        self._all, self._gateway, self._connections, self._make = all_, all_.gateway, connections, make

    def connection_made(self, transport: Any) -> None:
        self._transport: asyncio.Transport = transport
        self._connections.add(self)
        self._all.began(self)

    def data_received(self, data: bytes) -> None:
        self._leave()
        request = Request.read(data)
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
        self._all.ended(self)

    def _handshake(self, request: Request) -> Handshake:
        peer = self._transport.get_extra_info("peername")
        return Handshake(request.headers, request.query, peer[0] if isinstance(peer, tuple) else "")

    def _hand_over(self, data: bytes, judged: Wanted | Refused | None = None) -> None:
        http = self._make()
        http.judged = judged
        http.connection_made(self._transport)
        self._transport.set_protocol(http)
        http.data_received(data)

    def _open_websocket(self, request: Request, data: bytes) -> None:
        handshake = self._handshake(request)
        try:
            answer = switching(request.headers, subprotocol(handshake))
        except rfc6455.BadHandshake:
            answer = b""
        if not answer or not self._gateway.admission.origin_is_allowed(handshake):
            self._hand_over(data)
            return
        wire = LiveWebSocket(self._transport, answer)
        self._transport.set_protocol(wire)
        open_websocket(self._gateway, handshake, wire)

    def _open_stream(self, request: Request, data: bytes) -> None:
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
                begin_stream(self._gateway, handshake, wire, self._transport, [hello])
                return
        except Refused as refused:
            judged = refused
        self._hand_over(data, judged)
