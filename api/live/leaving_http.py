"""Uvicorn's HTTP protocol, which may leave its transport to another one: a WebSocket's, or a stream's."""

import asyncio
from collections.abc import Callable, Iterable
from typing import TypeVar

from api.http_head import BoundedHttp
from api.live import rfc6455
from api.live.websocket_wire import WebSocketProtocol
from api.problem_types import BAD_REQUEST
from api.problems import Problem

W = TypeVar("W", bound=WebSocketProtocol)

_SWITCHING = b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n"


class LeavingHttp(BoundedHttp):
    """Once it has left, what the parser still says is nobody's."""

    _left = False

    def on_message_begin(self) -> None:
        if not self._left:
            super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        if not self._left:
            super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._left:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        if not self._left:
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        if not self._left:
            super().on_body(body)

    def on_message_complete(self) -> None:
        if not self._left:
            super().on_message_complete()

    def leave(self) -> asyncio.Transport:
        """The transport, for another protocol; of this one nothing is kept."""
        transport = self.transport
        self._left = True
        self.connections.discard(self)
        self._unset_keepalive_if_required()
        self._end_head()
        if self.cycle is not None:
            self.cycle.disconnected = True  # uvicorn is to send nothing for it
        self.parser = self.cycle = None  # type: ignore[assignment]
        return transport

    def switch(self, make: Callable[[asyncio.Transport], W], subprotocol: str | None) -> W | None:
        """Answers the opening handshake of a WebSocket, and leaves to what `make` gives; None where it is refused,
        because it is none."""
        try:
            if self.parser.get_method() != b"GET" or self.parser.get_http_version() != "1.1":
                raise rfc6455.BadHandshake("not a GET of HTTP/1.1")
            answer = switching(self.headers, subprotocol)
        except rfc6455.BadHandshake as error:
            self.refuse(Problem(BAD_REQUEST, str(error), headers={"Sec-WebSocket-Version": "13"}))
            return None
        transport = self.leave()
        wire = make(transport)
        transport.set_protocol(wire)
        transport.write(answer)
        return wire


def switching(headers: Iterable[tuple[bytes, bytes]], subprotocol: str | None) -> bytes:
    """The answer to the opening handshake of a WebSocket; raises BadHandshake."""
    head = _SWITCHING + b"sec-websocket-accept: " + rfc6455.accept(headers) + b"\r\n"
    if subprotocol is not None:
        head += b"sec-websocket-protocol: " + subprotocol.encode() + b"\r\n"
    return head + b"\r\n"
