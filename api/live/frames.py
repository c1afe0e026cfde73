"""What a client is sent: JSON built once per change, and its form on each transport made once, when first wanted."""

import time
from collections.abc import Iterable, Mapping
from typing import Any, Final

import orjson

from api.live import cursor, rfc6455
from streams import metrics
from streams.messages import Message, as_json
from streams.order import Position
from streams.tally import Distribution

WEBSOCKET, SSE = "websocket", "sse"
KINDS = ("hello", "snapshot", "change", "heartbeat", "drain")
_PUSH_SECONDS: Final[Distribution] = metrics.PUSH_SECONDS
_clock: Final = time.time
RETRY_MS = 2000  # what a plain EventSource waits before it connects again


class Frame:
    """One frame. `body`: its JSON, which may be left out where `websocket` is there; `id`: the cursor that SSE's `id:`
    carries, if any; `recorded_at`: ms, of a live change."""

    __slots__ = ("_body", "_sse", "_text", "_websocket", "id", "kind", "recorded_at")

    def __init__(
        self,
        kind: str,
        body: bytes | None,
        id_: str | None,
        recorded_at: int | None = None,
        websocket: bytes | None = None,
    ) -> None:
        self.kind, self.id, self.recorded_at = kind, id_, recorded_at
        self._body, self._websocket = body, websocket
        self._text: str | None = None
        self._sse: bytes | None = None

    @property
    def body(self) -> bytes:
        """The JSON."""
        if self._body is None:
            assert self._websocket is not None
            self._body = self._websocket[rfc6455.payload_at(self._websocket) :]
        return self._body

    @property
    def size(self) -> int:
        """Bytes of JSON."""
        if self._body is None and self._websocket is not None:
            return len(self._websocket) - rfc6455.payload_at(self._websocket)
        return len(self.body)

    @property
    def text(self) -> str:
        """The WebSocket message."""
        if self._text is None:
            self._text = self.body.decode()
        return self._text

    @property
    def websocket(self) -> bytes:
        """The same as the bytes of its frame."""
        if self._websocket is None:
            self._websocket = rfc6455.frame(rfc6455.TEXT, self.body)
        return self._websocket

    @property
    def sse(self) -> bytes:
        """The server-sent event."""
        if self._sse is None:
            head = f"event: {self.kind}\n" + (f"id: {self.id}\n" if self.id else "")
            self._sse = head.encode() + b"data: " + self.body + b"\n\n"
        return self._sse


class Written:
    """How one transport writes frames, and how many it has written."""

    def __init__(self, transport: str) -> None:
        self._sse = transport == SSE
        self._tallies = {kind: metrics.PUSHED.labels(transport, kind) for kind in KINDS}

    def form(self, frame: Frame) -> bytes:
        """The frame as the transport writes it."""
        return frame.sse if self._sse else frame.websocket

    def all(self, frames: Iterable[Frame]) -> bytes:
        """Several of them as it writes them, counted."""
        data = b"".join([self.form(frame) for frame in frames])
        for frame in frames:
            self.count(frame)
        return data

    def count(self, frame: Frame) -> None:
        """It goes to a socket now: a live change tells how long it took to there."""
        self._tallies[frame.kind].value += 1
        if frame.recorded_at is not None:
            _PUSH_SECONDS.observe(_clock() - frame.recorded_at / 1000)


class Change(Frame):
    """The frame of one change, of the order `id_order`."""

    __slots__ = ("id_order",)

    def __init__(
        self, id_order: int, body: bytes | None, token: str, recorded_at: int | None, websocket: bytes | None = None
    ) -> None:
        super().__init__("change", body, token, recorded_at, websocket)
        self.id_order = id_order


def _frame(kind: str, content: Mapping[str, Any], id_: str | None) -> Frame:
    return Frame(kind, orjson.dumps({"type": kind, **content}), id_)


def hello(token: str, heartbeat: int, resumed: bool) -> Frame:
    """The first frame. One that does not resume has no SSE id: a cut before the snapshot must not skip it."""
    content = {"cursor": token, "heartbeat_seconds": heartbeat, "resumed": resumed}
    return _frame("hello", content, token if resumed else None)


def snapshot(position: Position, orders: Iterable[Mapping[str, Any]]) -> Frame:
    """The user's orders as they are; changes since `position` follow."""
    token = cursor.encode(position)
    return _frame("snapshot", {"cursor": token, "orders": list(orders)}, token)


def change(token: str, message: Message, live: bool = True) -> Change:
    """One OrderStatusChanged, at that cursor."""
    body = orjson.dumps({"type": "change", "cursor": token, "order": as_json(message)})
    return Change(message["id_order"], body, token, message["recorded_at"] if live else None)


def traced(change: Change, traceparent: bytes) -> Change:
    """The same, of a trace that is recorded: what the client does with it comes from that span."""
    assert change.id is not None, "a change has its cursor"
    body = b'%s,"traceparent":"%s"}' % (change.body[:-1], traceparent)
    return Change(change.id_order, body, change.id, change.recorded_at)


def heartbeat(position: Position) -> Frame:
    """The connection lives, and this is how far it has seen."""
    token = cursor.encode(position)
    return _frame("heartbeat", {"cursor": token}, token)


def drain(reconnect_after_ms: int) -> Frame:
    """The server is going: connect to another one at that moment."""
    return _frame("drain", {"reconnect_after_ms": reconnect_after_ms}, None)
