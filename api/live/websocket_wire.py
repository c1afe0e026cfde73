"""WebSocket straight on a transport: RFC 6455 over `rfc6455`, and nothing kept for a connection that says nothing."""

import asyncio
import time

from api.live import connection, rfc6455
from api.live.closes import NO_WEBSOCKET, NOT_UTF8, POLICY, TOO_BIG, Close
from api.live.direct import DirectConnection
from api.live.frames import WEBSOCKET, Frame, Written
from api.live.paced import Paced

MAX_MESSAGE = 4096
FRAMES_PER_SECOND = 10
MISSES = 2  # pings without an answer, after which the client is dead

_VIOLATIONS = {close.code: close for close in (NO_WEBSOCKET, NOT_UTF8, TOO_BIG)}


class WebSocketProtocol(asyncio.Protocol):
    """One WebSocket after its handshake: pings are answered, the closing handshake is held, messages are `received`."""

    __slots__ = ("_closed", "_deaf", "_lost", "_reader", "transport")
    max_message = MAX_MESSAGE

    def __init__(self, transport: asyncio.Transport) -> None:
        self.transport = transport
        self._reader: rfc6455.Reader | None = None  # only while something is half read
        self._closed = False  # a close frame is sent
        self._deaf = False  # whatever comes is dropped
        self._lost = False  # the socket is closed

    def received(self, opcode: int, message: bytes) -> None:
        """One whole message, TEXT or BINARY."""

    def counted(self) -> None:
        """A frame has come, of whatever kind."""

    def left(self) -> None:
        """The client has said goodbye."""

    def violated(self, violation: rfc6455.Violation) -> None:
        """The client broke the protocol. To be closed with the violation's code."""
        self.say_goodbye(violation.code, violation.reason)

    def data_received(self, data: bytes) -> None:
        if self._deaf:
            return
        reader = self._reader or rfc6455.Reader(self.max_message)
        try:
            for opcode, payload in reader.feed(data):
                self.counted()
                self._frame(opcode, payload)
                if self._deaf:
                    break
        except rfc6455.Violation as violation:
            self._deaf = True
            self.violated(violation)
        self._reader = None if reader.idle or self._deaf else reader

    def _frame(self, opcode: int, payload: bytes) -> None:
        if opcode == rfc6455.CLOSE:
            self._deaf = True
            if not self._closed:
                self._closed = True
                self.write(rfc6455.close(rfc6455.close_code(payload)))
            self.left()
            self.transport.close()
            self._abort_later()
        elif opcode == rfc6455.PING and not self._closed:
            self.write(rfc6455.frame(rfc6455.PONG, payload))
        elif opcode in (rfc6455.TEXT, rfc6455.BINARY) and not self._closed:
            self.received(opcode, payload)

    def say_goodbye(self, code: int, reason: str) -> None:
        """Sends a close frame. The client's own ends it; or, where that would not be understood any more, its end."""
        if self._closed or self.transport.is_closing():
            return
        self._closed = True
        self.write(rfc6455.close(code, reason))
        if self._deaf and self.transport.can_write_eof():
            # Closed at once it would be reset under what the client still sends, and the code lost.
            self.transport.write_eof()
        self._abort_later()

    def write(self, data: bytes) -> None:
        """Writes bytes of frames."""
        self.transport.write(data)

    def _abort_later(self) -> None:
        """Whether the client takes its goodbye or not: the socket is gone then."""
        asyncio.get_running_loop().call_later(connection.CLOSE_SECONDS, self.abort)

    def abort(self) -> None:
        """Tears the socket down."""
        if not self._lost:
            self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost = True


class LiveWebSocket(Paced, WebSocketProtocol):
    """A customer's WebSocket. `connection` is None until it has joined the hub. `answer`, to the handshake, goes out
    with the first that it writes."""

    __slots__ = ("_allowance", "_answer", "_heard_at", "_unanswered", "connection")
    TRANSPORT = WEBSOCKET
    written = Written(TRANSPORT)

    def __init__(self, transport: asyncio.Transport, answer: bytes = b"") -> None:
        super().__init__(transport)
        self._answer = answer
        self.connection: DirectConnection | None = None
        self._allowance, self._heard_at = float(FRAMES_PER_SECOND), 0.0
        self._unanswered = 0

    @property
    def is_gone(self) -> bool:
        """Whether the client has left."""
        return self._closed or self._lost or self.transport.is_closing()

    def write(self, data: bytes) -> None:
        if self._answer:
            data, self._answer = self._answer + data, b""
        if data:
            self.transport.write(data)

    # -- from the client

    def counted(self) -> None:
        """Clients have nothing to say to us: what they send is only counted."""
        self._unanswered = 0
        now = time.monotonic()
        allowance = self._allowance + (now - self._heard_at) * FRAMES_PER_SECOND
        self._allowance, self._heard_at = min(FRAMES_PER_SECOND, allowance) - 1, now
        if self._allowance < 0:
            self._deaf = True
            self._end(POLICY)

    def left(self) -> None:
        if self.connection is not None:
            self.connection.gone()

    def violated(self, violation: rfc6455.Violation) -> None:
        self._end(_VIOLATIONS[violation.code], violation.reason)

    def _end(self, close: Close, reason: str = "") -> None:
        self.say_goodbye(close.code, reason or close.reason)
        if self.connection is not None:
            self.connection.end(close)

    # -- from the connection

    def send(self, *frames: Frame) -> None:
        self.write(self.written.all(frames))

    def bound(self, max_bytes: int) -> None:
        self.transport.set_write_buffer_limits(max_bytes)

    def probe(self) -> None:
        if self._unanswered >= MISSES:
            self.abort()
            return
        self._unanswered += 1
        self.write(rfc6455.frame(rfc6455.PING, b""))

    def close(self, close: Close) -> None:
        self.say_goodbye(close.code, close.reason)

    # -- from the transport

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self.left()
