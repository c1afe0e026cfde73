"""What the doorstep reads is answered as uvicorn's protocol, which gets the rest, would answer it."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any

import pytest
import uvicorn
from starlette.responses import PlainTextResponse
from uvicorn.server import ServerState

from api.auth import Authenticator, issue_token
from api.live import cursor, doorstep
from api.live.doorstep import Doorstep, Doorsteps
from api.live.gateway import Gateway
from api.live.ring import Record, Ring
from api.live.tickets import Pass
from changes import change, record
from streams.order import Position
from streams.settings import Settings
from streams.topics import partition_of
from tables.memory_orders import MemoryOrders

SECRET = "a secret of the tests, 32 bytes long or more"
USER, KEY = 42, b"42"
MINE = partition_of(KEY, 4)
QUIET = 0.4
"""Seconds without a byte, after which an answer is whole."""

UPGRADE = {
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}
FOR_EVER = 2**32
TOKEN = issue_token(SECRET, audience="lacak", ttl=FOR_EVER, now=0, sub=str(USER), scopes=["orders:read"])
BEARER = {"Authorization": f"Bearer {TOKEN}"}
LIVE, STREAM = "/v1/live", "/v1/live/sse"
SEEN = "?cursor=" + cursor.encode(Position("I", MINE, 0))

Ask = Callable[..., Awaitable[bytes]]


def a_gateway(**more: Any) -> Gateway:
    settings = Settings(_env_file=None, jwt_secret=SECRET, **more)
    gateway = Gateway(settings, MemoryOrders, Authenticator(SECRET, "lacak", 5))
    gateway.hub.begin(Ring("I", dict.fromkeys(range(4), 0), 600, 10**9))
    _, value = record(change("in_transit", 3, USER))
    gateway.hub.feed(MINE, [Record(offset, 0, KEY, value) for offset in range(3)])
    gateway._consumer.full = True
    return gateway


def head(target: str, *headers: dict[str, str], host: str = "lacak", version: str = "1.1") -> bytes:
    lines = [f"{name}: {value}" for each in headers for name, value in each.items()]
    return "\r\n".join([f"GET {target} HTTP/{version}", f"Host: {host}", *lines, "", ""]).encode()


@asynccontextmanager
async def served(gateway: Gateway) -> AsyncIterator[tuple[Ask, ServerState]]:
    """Gives what asks on a connection of its own, piece after piece, and gets the answer."""
    config = uvicorn.Config(PlainTextResponse("somebody else's"), lifespan="off", log_config=None)
    config.load()
    state = ServerState()
    make = partial(Doorsteps(gateway), config, state, {})
    server = await asyncio.get_running_loop().create_server(make, "127.0.0.1", 0)

    async def ask(*pieces: bytes) -> bytes:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        for piece in pieces:
            writer.write(piece)
            await asyncio.sleep(QUIET / 4)
        answer, patience = b"", 60.0
        with suppress(TimeoutError):
            while data := await asyncio.wait_for(reader.read(65536), patience):
                answer, patience = answer + data, QUIET
        writer.close()
        return re.sub(rb"\r\ndate: [^\r]*", b"", answer, flags=re.IGNORECASE)

    try:
        yield ask, state
    finally:
        server.close()


REQUESTS = [
    (head(LIVE, UPGRADE, BEARER), b"HTTP/1.1 101"),
    (head(LIVE + SEEN, UPGRADE, BEARER), b"HTTP/1.1 101"),
    (head(LIVE + SEEN, UPGRADE, BEARER, {"Sec-WebSocket-Protocol": "other, lacak.v1"}), b"HTTP/1.1 101"),
    (head(LIVE + SEEN + "&id_order=7", UPGRADE, BEARER), b"HTTP/1.1 101"),
    (head(LIVE + "?id_order=no", UPGRADE, BEARER), b"HTTP/1.1 101"),
    (head(LIVE, UPGRADE), b"HTTP/1.1 101"),
    (head(LIVE, UPGRADE, BEARER, {"Origin": "https://lacak"}), b"HTTP/1.1 101"),
    (head(LIVE, UPGRADE, BEARER, {"Origin": "https://elsewhere"}), b"HTTP/1.1 403"),
    (head(LIVE, UPGRADE, BEARER, {"Sec-WebSocket-Version": "12"}), b"HTTP/1.1 400"),
    (head(LIVE, UPGRADE, BEARER, {"Upgrade": "websocket"}), b"HTTP/1.1 101"),
    (head(LIVE, UPGRADE, BEARER, {"Host": "two"}), b"HTTP/1.1 400"),
    (head(LIVE, UPGRADE, BEARER, version="1.0"), b"HTTP/1.1 400"),
    (head(LIVE, BEARER), b"HTTP/1.1 200"),
    (head(LIVE, {"Connection": "Upgrade", "Upgrade": "h2c"}, BEARER), b"HTTP/1.1 200"),
    (head(LIVE, {"X": "\x00"}), b"HTTP/1.1 400"),
    (head(STREAM, BEARER), b"HTTP/1.1 200"),
    (head(STREAM + SEEN, BEARER), b"HTTP/1.1 200"),
    (head(STREAM, BEARER, {"Last-Event-ID": SEEN.partition("=")[2]}), b"HTTP/1.1 200"),
    (head(STREAM + SEEN, BEARER, {"Origin": "https://elsewhere"}), b"HTTP/1.1 403"),
    (head(STREAM + SEEN, BEARER, UPGRADE), b"HTTP/1.1 200"),
    (head(STREAM + SEEN, BEARER, {**UPGRADE, "Upgrade": "h2c"}), b"HTTP/1.1 200"),
    (head(STREAM + SEEN, BEARER, {"Upgrade": "websocket"}), b"HTTP/1.1 200"),
    (head(STREAM), b"HTTP/1.1 401"),
    (head(STREAM + "?id_order=no", BEARER), b"HTTP/1.1 422"),
    (head(STREAM + SEEN, BEARER, {"Content-Length": "0"}), b"HTTP/1.1 200"),
    (head(STREAM + SEEN, BEARER, version="1.0"), b"HTTP/1.1 200"),
    (head("/v1/liveness", BEARER), b"HTTP/1.1 200"),
]


@pytest.fixture(scope="module")
def answers() -> dict[bytes, tuple[bytes, bytes]]:
    """To each of the requests, in one piece and in two: asked side by side, since each answer ends with a silence."""

    async def asked(request_: bytes) -> tuple[bytes, bytes]:
        async with served(a_gateway()) as (ask, _):
            return await asyncio.gather(ask(request_), ask(request_[:20], request_[20:]))

    async def all_asked() -> list[tuple[bytes, bytes]]:
        return await asyncio.gather(*(asked(request_) for request_, _ in REQUESTS))

    return dict(zip((request_ for request_, _ in REQUESTS), asyncio.run(all_asked()), strict=True))


@pytest.mark.parametrize(("request_", "begins"), REQUESTS)
def test_a_request_in_one_piece_is_answered_as_one_that_comes_in_two(
    request_: bytes, begins: bytes, answers: dict[bytes, tuple[bytes, bytes]]
) -> None:
    whole, halves = answers[request_]
    assert whole == halves
    assert whole.startswith(begins)


@pytest.mark.parametrize(
    "request_", [head(LIVE, UPGRADE, BEARER), head(LIVE + SEEN, UPGRADE, BEARER), head(STREAM + SEEN, BEARER)]
)
async def test_the_usual_ones_are_answered_here(request_: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Doorstep, "_hand_over", None)
    async with served(a_gateway()) as (ask, state):
        assert (await ask(request_)).startswith(b"HTTP/1.1 ")
        assert not state.connections


async def test_what_comes_after_the_head_is_not_lost() -> None:
    """A client that does not wait for an answer is not what is usual here: it gets all of them all the same."""
    async with served(a_gateway()) as (ask, _):
        answer = await ask(head(LIVE, BEARER) + head(STREAM + SEEN, BEARER))
    assert answer.count(b"somebody else's") == 2


async def test_a_ticket_is_judged_once_though_the_stream_needs_a_snapshot() -> None:
    gateway = a_gateway()
    ticket = gateway.tickets.ticket(Pass(USER, 2**31))
    async with served(gateway) as (ask, _):
        first, second = await ask(head(f"{STREAM}?ticket={ticket}")), await ask(head(f"{STREAM}?ticket={ticket}"))
    assert first.startswith(b"HTTP/1.1 200") and b"event: snapshot" in first
    assert second.startswith(b"HTTP/1.1 401")


async def test_an_address_that_connects_too_often_is_told_to_try_later() -> None:
    async with served(a_gateway(connects_per_address=0.2)) as (ask, _):
        taken = [await ask(head(LIVE + SEEN, UPGRADE, BEARER)), await ask(head(STREAM + SEEN, BEARER))]
        refused = [await ask(head(LIVE + SEEN, UPGRADE, BEARER)), await ask(head(STREAM + SEEN, BEARER))]
    assert all(b'"resumed":true' in each for each in taken)
    assert b"HTTP/1.1 101" in refused[0] and (1013).to_bytes(2, "big") + b"too many" in refused[0]
    assert b"HTTP/1.1 503" in refused[1] and b"retry-after" in refused[1].lower()


async def test_who_says_nothing_is_closed_when_the_server_goes() -> None:
    async with served(a_gateway()) as (ask, state):
        waiting = asyncio.create_task(ask(b""))
        await asyncio.sleep(QUIET)
        [silent] = state.connections
        silent.shutdown()
        assert await waiting == b""
        assert not state.connections


async def test_who_says_nothing_is_closed_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doorstep, "HEAD_SECONDS", QUIET)
    """One after another, though one timer is for all; and a later one too, when nobody has waited for a while."""
    async with served(a_gateway()) as (ask, state):
        for _ in range(2):
            began = time.monotonic()
            first = asyncio.create_task(ask(b""))
            await asyncio.sleep(QUIET / 2)
            second = asyncio.create_task(ask(b""))
            asked = asyncio.create_task(ask(head("/v1/orders")))
            assert await first == b"" and len(state.connections) > 0
            assert await second == b"" and time.monotonic() - began >= QUIET * 1.5
            assert (await asked).endswith(b"somebody else's")
        assert not [one for one in state.connections if isinstance(one, Doorstep)]
