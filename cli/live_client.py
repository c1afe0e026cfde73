"""A client for live push: WebSocket, or server-sent events where those are blocked. Reconnects, and misses nothing.

    ┌────────────┐ hello   ┌──────┐ cut, drain   ┌─────────┐ full-jitter back-off
    │ CONNECTING ├────────▶│ LIVE ├─────────────▶│ WAITING ├──────────┐
    └──┬───▲─────┘         └──┬───┘              └────▲────┘          │
       │   └──────────────────┼───────────────────────┼───────────────┘
       │ cut before hello     │                       │
       ├──────────────────────┼───────────────────────┘  the next try takes the other transport
       ▼ 4003, 4009, 1008     ▼ the same
    STOPPED

It resumes from the cursor of the last frame; a server that cannot resume says so and sends a snapshot. Changes whose
version is not above the one that is known are dropped. A connection that is silent for two heartbeats is taken as dead.
"""

import asyncio
import random
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlencode

import httpx
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.typing import Subprotocol

from cli.live_frames import EventStream, Frame, from_text

Transport = Literal["websocket", "sse"]
SUBPROTOCOL = Subprotocol("lacak.v1")
FIRST_DELAY, LONGEST_DELAY = 0.5, 30.0  # seconds: the k-th wait is random in 0 … min(longest, first × 2^k)
CONNECT_SECONDS = 10.0
SILENT_HEARTBEATS = 2.0

# What a close code means for a client. Any other one, and a cut without a code: resume after the back-off.
NEW_TOKEN = frozenset({4001})
STOPS = {1008: "the server refused what this client does", 4003: "forbidden", 4009: "too many connections of this user"}
# The server speaks the protocol and sends us away: no reason to try the other transport.
SENT_AWAY = frozenset({1001, 1012, 1013, 4008})
# What the answer to a refused connection means, as a close code; others are cuts.
STATUS_AS_CODE = {401: 4001, 403: 4003, 429: 4009, 503: 1013}


@dataclass(frozen=True, slots=True)
class Connected:
    """A hello: on which transport, and whether the changes go on without a gap."""

    transport: Transport
    resumed: bool


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The user's open orders as they are now, in place of all that was known."""

    orders: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Change:
    """One change that was not seen before."""

    order: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Waiting:
    """Not connected; the next try is in so many seconds."""

    why: str
    seconds: float


Event = Connected | Snapshot | Change | Waiting


class Stopped(Exception):
    """The server said that trying again is of no use."""


class _Cut(Exception):
    """The connection ended, or there was none. `code` as a WebSocket's close code; 1006 is none at all."""

    def __init__(self, why: str, code: int = 1006) -> None:
        super().__init__(why)
        self.code = code


class LiveClient:
    """`events()` gives what happens until it is closed (`contextlib.aclosing`); by itself it ends with `Stopped` only.

    `token` is called before each connection, so a token that has run out is followed by a new one. `transport` None
    begins with a WebSocket and changes whenever a try ends before its hello.
    """

    def __init__(
        self,
        url: str,
        token: Callable[[], str],
        id_orders: Sequence[int] = (),
        transport: Transport | None = None,
        jitter: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._url, self._token, self._id_orders = url.rstrip("/"), token, id_orders
        self._fixed, self._transport = transport is not None, transport or "websocket"
        self._jitter = jitter
        self._versions: dict[str, int] = {}
        self._tries = 0
        self._expired = 0  # tokens in a row that were refused before a hello
        self.cursor: str | None = None

    async def events(self) -> AsyncGenerator[Event]:
        """Connects, and connects again; raises `Stopped`."""
        while True:
            greeted, drained = False, None
            try:
                async with aclosing(self._frames()) as frames:
                    async for frame in frames:
                        greeted = greeted or frame.kind == "hello"
                        if frame.kind == "drain":
                            drained = float(frame.body.get("reconnect_after_ms", 0)) / 1000
                            break
                        for event in self._take(frame):
                            yield event
                cut = _Cut("the server is going away", 1012)
            except _Cut as error:
                cut = error
            yield (waiting := self._after(cut, greeted, drained))
            await asyncio.sleep(waiting.seconds)

    def _take(self, frame: Frame) -> list[Event]:
        if frame.cursor is not None:
            self.cursor = frame.cursor
        if frame.kind == "hello":
            self._tries = self._expired = 0
            return [Connected(self._transport, bool(frame.body.get("resumed")))]
        if frame.kind == "snapshot":
            orders = frame.body.get("orders", [])
            self._versions = {str(order["id_order"]): int(order["version"]) for order in orders}
            return [Snapshot(orders)]
        if frame.kind == "change" and self._is_new(frame.body["order"]):
            return [Change(frame.body["order"])]
        return []

    def _is_new(self, order: dict[str, Any]) -> bool:
        id_order, version = str(order["id_order"]), int(order["version"])
        if version <= self._versions.get(id_order, 0):
            return False
        self._versions[id_order] = version
        return True

    def _after(self, cut: _Cut, greeted: bool, drained: float | None) -> Waiting:
        """What a cut leads to: a wait, or `Stopped`."""
        if cut.code in STOPS:
            raise Stopped(f"{STOPS[cut.code]} ({cut})") from cut
        if cut.code in NEW_TOKEN:
            self._expired += 1
            if self._expired > 1:
                raise Stopped(f"the token is not taken ({cut})") from cut
            return Waiting("the token has expired", 0.0)
        if not greeted and not self._fixed and cut.code not in SENT_AWAY:
            self._transport = "sse" if self._transport == "websocket" else "websocket"
        if drained is not None:
            return Waiting(str(cut), drained)
        delay = self._jitter(0, min(LONGEST_DELAY, FIRST_DELAY * 2**self._tries))
        self._tries = min(self._tries + 1, 16)
        return Waiting(str(cut), delay)

    def _frames(self) -> AsyncGenerator[Frame]:
        query = [("id_order", str(id_order)) for id_order in self._id_orders]
        if self.cursor is not None:
            query.append(("cursor", self.cursor))
        headers = {"authorization": f"Bearer {self._token()}"}
        tail = f"?{urlencode(query)}" if query else ""
        if self._transport == "websocket":
            return _websocket("ws" + self._url.removeprefix("http") + "/v1/live" + tail, headers)
        return _server_sent(self._url + "/v1/live/sse" + tail, headers)


class _Silence:
    """How long a connection may say nothing: until hello the connect time, then two heartbeats."""

    def __init__(self) -> None:
        self.seconds = CONNECT_SECONDS

    def heard(self, frame: Frame) -> Frame:
        if frame.kind == "hello":
            self.seconds = SILENT_HEARTBEATS * float(frame.body.get("heartbeat_seconds", 25)) + 5
        return frame


async def _websocket(url: str, headers: dict[str, str]) -> AsyncGenerator[Frame]:
    silence = _Silence()
    try:
        async with connect(
            url,
            additional_headers=headers,
            subprotocols=[SUBPROTOCOL],
            compression=None,
            open_timeout=CONNECT_SECONDS,
            close_timeout=1,
            ping_interval=None,
            max_size=None,
        ) as socket:
            while True:
                frame = from_text(await asyncio.wait_for(socket.recv(), silence.seconds))
                if frame is not None:
                    yield silence.heard(frame)
    except ConnectionClosed as error:
        code, reason = (error.rcvd.code, error.rcvd.reason) if error.rcvd else (1006, "the connection was cut")
        raise _Cut(reason or f"closed with {code}", code) from error
    except InvalidStatus as error:
        status = error.response.status_code
        raise _Cut(f"the server answered {status} to the WebSocket", STATUS_AS_CODE.get(status, 1006)) from error
    except TimeoutError as error:
        raise _Cut("the server is silent") from error
    except (InvalidHandshake, OSError) as error:
        raise _Cut(f"no connection: {_words(error)}") from error


async def _server_sent(url: str, headers: dict[str, str]) -> AsyncGenerator[Frame]:
    silence, stream = _Silence(), EventStream()
    timeout = httpx.Timeout(CONNECT_SECONDS, read=None)
    try:
        async with (
            httpx.AsyncClient(timeout=timeout) as http,
            http.stream("GET", url, headers={**headers, "accept": "text/event-stream"}) as answer,
        ):
            if answer.status_code != 200:
                raise _Cut(f"the server answered {answer.status_code}", STATUS_AS_CODE.get(answer.status_code, 1006))
            lines = answer.aiter_lines()
            while True:
                line = await asyncio.wait_for(anext(lines, None), silence.seconds)
                if line is None:
                    raise _Cut("the server ended the stream")
                for frame in stream.line(line):
                    yield silence.heard(frame)
    except TimeoutError as error:
        raise _Cut("the server is silent") from error
    except httpx.TransportError as error:
        raise _Cut(f"no connection: {_words(error)}") from error


def _words(error: Exception) -> str:
    return str(error) or type(error).__name__
