"""Server-sent events straight on a transport, until the client goes: nothing that it sends is heard any more.

The stream has no length and no chunks: its end is the end of the connection, as its head says.
"""

import asyncio

from api.live.closes import Close
from api.live.direct import DirectConnection
from api.live.frames import RETRY_MS, SSE, Frame, Written
from api.live.paced import Paced

_HEAD = (
    b"HTTP/1.1 200 OK\r\n"
    b"content-type: text/event-stream; charset=utf-8\r\n"
    b"cache-control: no-store\r\n"
    b"x-accel-buffering: no\r\n"
    b"connection: close\r\n"
    b"vary: Origin\r\n"
)
_RETRY = b"retry: %d\n\n" % RETRY_MS


class LiveStream(Paced, asyncio.Protocol):
    """A customer's stream of events. Until it `begins` it has no transport, whose next request may be anybody's. The
    answer's head goes out with the first that it writes."""

    __slots__ = ("_head", "connection", "transport")
    TRANSPORT = SSE
    written = Written(TRANSPORT)

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.connection: DirectConnection | None = None
        self._head = b""

    def begin(self, transport: asyncio.Transport, headers: bytes) -> None:
        """Answers the request; `headers` are lines, each with its end."""
        self.transport = transport
        transport.set_protocol(self)
        self._head = _HEAD + headers + b"\r\n" + _RETRY

    # -- from the connection

    def send(self, *frames: Frame) -> None:
        if self.transport is not None:
            self._write(self.transport, self.written.all(frames))

    def _write(self, transport: asyncio.Transport, data: bytes) -> None:
        transport.write(self._head + data)
        self._head = b""

    def bound(self, max_bytes: int) -> None:
        if self.transport is not None:
            self.transport.set_write_buffer_limits(max_bytes)

    def probe(self) -> None:
        """The kernel finds out: TCP_USER_TIMEOUT."""

    def close(self, close: Close) -> None:
        if self.transport is not None:
            if self._head:
                self._write(self.transport, b"")
            self.transport.close()

    def abort(self) -> None:
        if self.transport is not None:
            self.transport.abort()

    # -- from the transport

    def data_received(self, data: bytes) -> None:
        pass

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None
        if self.connection is not None:
            self.connection.gone()
