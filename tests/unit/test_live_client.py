"""The live client against a server of the test's own, on both transports: resumes, back-off, change of transport.

The server plays what a test gives it: a list of what each connection in turn says and how it ends.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

from cli.live_client import Change, Connected, Event, LiveClient, Snapshot, Stopped, Waiting
from cli.live_frames import EventStream, Frame

HELLO = {"type": "hello", "cursor": "c0", "heartbeat_seconds": 25, "resumed": False}
RESUMED = {**HELLO, "resumed": True}


def order(version: int, id_order: str = "9007199254740993") -> dict[str, Any]:
    return {"id_order": id_order, "version": version, "status": "in_transit"}


def snapshot(cursor: str, *orders: dict[str, Any]) -> dict[str, Any]:
    return {"type": "snapshot", "cursor": cursor, "orders": list(orders)}


def change(cursor: str, version: int) -> dict[str, Any]:
    return {"type": "change", "cursor": cursor, "order": order(version)}


@dataclass
class Play:
    """One connection: what the server says, and the close code; `refuse`: the HTTP status instead of a connection."""

    frames: list[dict[str, Any]] = field(default_factory=list)
    close: int = 1012
    refuse: int | None = None


class Server:
    """Plays the connections in turn, and remembers what each was asked with."""

    def __init__(self, plays: list[Play]) -> None:
        self._plays = list(plays)
        self.asked: list[tuple[str, dict[str, list[str]], str]] = []  # path, query, authorization
        self.url = ""

    def _next(self, target: str, authorization: str) -> Play:
        parts = urlsplit(target)
        self.asked.append((parts.path, parse_qs(parts.query), authorization))
        return self._plays.pop(0) if self._plays else Play(close=4003)

    def answer(self, connection: ServerConnection, request: Request) -> Response | None:
        """Refuses, or plays server-sent events; None goes on to the WebSocket."""
        play = self._next(request.path, request.headers["authorization"])
        if play.refuse is not None:
            return connection.respond(play.refuse, "no\n")
        if request.path.startswith("/v1/live/sse"):
            response = connection.respond(200, "".join(map(sse, play.frames)))
            response.headers["content-type"] = "text/event-stream"
            return response
        connection.play = play  # type: ignore[attr-defined]
        return None

    async def speak(self, connection: ServerConnection) -> None:
        play: Play = connection.play  # type: ignore[attr-defined]
        for frame in play.frames:
            await connection.send(json.dumps(frame))
        await connection.close(play.close)


def sse(frame: dict[str, Any]) -> str:
    data = {name: value for name, value in frame.items() if name != "type"}
    id_ = "" if frame["type"] == "hello" and not frame["resumed"] else f"id: {frame['cursor']}\n"
    return f"event: {frame['type']}\n{id_}data: {json.dumps(data)}\n\n"


@asynccontextmanager
async def playing(*plays: Play) -> AsyncIterator[Server]:
    server = Server(list(plays))
    async with serve(
        server.speak, "127.0.0.1", 0, process_request=server.answer, subprotocols=["lacak.v1"], compression=None
    ) as running:
        server.url = f"http://127.0.0.1:{next(iter(running.sockets)).getsockname()[1]}"
        yield server


def client(server: Server, **options: Any) -> LiveClient:
    return LiveClient(server.url, lambda: "token", jitter=lambda low, high: 0.0, **options)


async def until_stopped(one: LiveClient) -> list[Event]:
    seen: list[Event] = []
    with pytest.raises(Stopped):
        async with asyncio.timeout(20), aclosing(one.events()) as events:
            async for event in events:
                seen.append(event)  # noqa: PERF401 - it ends by raising, and what came before counts
    return seen


def versions(events: list[Event]) -> list[int]:
    return [event.order["version"] for event in events if isinstance(event, Change)]


@pytest.mark.parametrize("transport", ["websocket", "sse"])
async def test_it_resumes_from_the_last_cursor_and_drops_what_it_has_seen(transport: str) -> None:
    plays = [
        Play([HELLO, snapshot("c1", order(3)), change("c2", 3), change("c3", 4)]),
        Play([RESUMED, change("c3", 4), change("c4", 5)]),
        Play(refuse=403),
    ]
    async with playing(*plays) as server:
        events = await until_stopped(client(server, transport=transport))
    assert [event for event in events if isinstance(event, Connected)] == [
        Connected(transport, False),  # type: ignore[arg-type]
        Connected(transport, True),  # type: ignore[arg-type]
    ]
    assert Snapshot([order(3)]) in events
    assert versions(events) == [4, 5]
    assert [query.get("cursor") for _, query, _ in server.asked] == [None, ["c3"], ["c4"]]
    assert {authorization for _, _, authorization in server.asked} == {"Bearer token"}


async def test_a_cut_between_hello_and_snapshot_skips_no_snapshot() -> None:
    async with playing(Play([HELLO]), Play([HELLO, snapshot("c1", order(1))]), Play(close=4003)) as server:
        events = await until_stopped(client(server))
    assert [query.get("cursor") for _, query, _ in server.asked] == [None, None, ["c1"]]
    assert Snapshot([order(1)]) in events


async def test_where_websockets_are_blocked_it_takes_sse() -> None:
    plays = [Play(refuse=400), Play([HELLO, snapshot("c1")]), Play([RESUMED, change("c2", 1)]), Play(refuse=403)]
    async with playing(*plays) as server:
        events = await until_stopped(client(server))
    assert [path for path, _, _ in server.asked] == ["/v1/live", *["/v1/live/sse"] * 3]
    assert versions(events) == [1]


async def test_a_websocket_cut_before_hello_leads_to_sse_and_one_that_is_sent_away_does_not() -> None:
    async with playing(Play(close=1011), Play([HELLO], close=1012), Play(refuse=403)) as server:
        await until_stopped(client(server))
    assert [path for path, _, _ in server.asked] == ["/v1/live", "/v1/live/sse", "/v1/live/sse"]
    async with playing(Play(close=1013), Play(refuse=503), Play(close=4003)) as server:
        await until_stopped(client(server))
    assert [path for path, _, _ in server.asked] == ["/v1/live"] * 3


async def test_a_transport_that_was_asked_for_is_kept() -> None:
    async with playing(Play(close=1011), Play(refuse=400), Play(close=4003)) as server:
        await until_stopped(client(server, transport="websocket"))
    assert [path for path, _, _ in server.asked] == ["/v1/live"] * 3


@pytest.mark.parametrize("code", [1008, 4003, 4009])
async def test_some_close_codes_are_the_end(code: int) -> None:
    async with playing(Play([HELLO], close=code)) as server:
        events = await until_stopped(client(server))
    assert len(server.asked) == 1
    assert not any(isinstance(event, Waiting) for event in events)


async def test_an_expired_token_is_followed_by_a_new_one_at_once_and_a_refused_one_is_the_end() -> None:
    tokens = iter(["first", "second", "third", "fourth"])
    plays = [Play([HELLO, snapshot("c1")], close=4001), Play([RESUMED], close=4001), Play(close=4001), Play(close=1011)]
    async with playing(*plays) as server:
        one = LiveClient(server.url, lambda: next(tokens), jitter=lambda low, high: 9.0)
        events = await until_stopped(one)
    assert [event.seconds for event in events if isinstance(event, Waiting)] == [0.0, 0.0]
    assert [authorization for _, _, authorization in server.asked] == ["Bearer first", "Bearer second", "Bearer third"]


async def test_a_drain_says_when_to_come_back() -> None:
    drain = {"type": "drain", "reconnect_after_ms": 30}
    async with playing(Play([HELLO, drain]), Play(close=4003)) as server:
        events = await until_stopped(client(server))
    assert [event.seconds for event in events if isinstance(event, Waiting)] == [0.03]


async def test_the_waits_grow_with_full_jitter_and_begin_anew_after_a_hello() -> None:
    asked: list[tuple[float, float]] = []

    def jitter(low: float, high: float) -> float:
        asked.append((low, high))
        return 0.0

    plays = [*[Play(close=1013)] * 8, Play([HELLO]), Play(close=4003)]
    async with playing(*plays) as server:
        await until_stopped(LiveClient(server.url, lambda: "token", jitter=jitter))
    assert asked == [(0, high) for high in (0.5, 1, 2, 4, 8, 16, 30, 30, 0.5)]


async def test_only_the_orders_asked_for_and_frames_that_are_none_are_passed_over() -> None:
    async with playing(Play([HELLO, snapshot("c1"), {"no": "type"}, change("c2", 1)], close=4003)) as server:
        events = await until_stopped(client(server, id_orders=[1, 2]))
    assert server.asked[0][1]["id_order"] == ["1", "2"]
    assert versions(events) == [1]


def test_event_streams_are_parsed_as_the_standard_says() -> None:
    stream = EventStream()
    text = ': comment\nretry: 10\nevent: change\nid: c9\ndata: {\ndata:"a": 1}\n\nevent: change\n\ndata: no JSON\n\n'
    frames = [frame for line in text.split("\n") for frame in stream.line(line)]
    assert frames == [Frame("change", {"a": 1, "cursor": "c9"})]
