"""Clients of live push that are not ours: `websockets`, and server-sent events read off httpx by the standard.

They take only frames that are as docs/asyncapi.json describes them.
"""

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlencode

import httpx
from websockets.asyncio.client import ClientConnection, connect

import topics_reader
from api.auth import issue_token
from changes import change, record
from described import check_frame
from rest import Rest
from streams.messages import Message
from streams.settings import Settings
from tables.cassandra_orders import CassandraOrders
from tables.orders import OrderWrite

PATIENCE = 30.0
Frame = dict[str, Any]


def token(settings: Settings, user: object, ttl: int = 600, scopes: Sequence[str] = ("orders:read",)) -> str:
    return issue_token(
        settings.jwt_secret,
        audience=settings.jwt_audience,
        ttl=ttl,
        now=int(time.time()),
        sub=str(user),
        scopes=scopes,
    )


def bearer(settings: Settings, user: object, **options: Any) -> dict[str, str]:
    return {"Authorization": f"Bearer {token(settings, user, **options)}"}


def query(cursor: str | None = None, orders: Iterable[object] = (), **more: str) -> str:
    pairs = [*more.items(), *([("cursor", cursor)] if cursor else []), *(("id_order", str(each)) for each in orders)]
    return f"?{urlencode(pairs)}" if pairs else ""


def publish(settings: Settings, *messages: Message) -> None:
    """As the order-tracking worker does; Kafka has them when this returns."""
    topics_reader.write(settings, "order-status-changed", map(record, messages))


def journey(user: int, id_order: int, versions: Iterable[int], **fields: Any) -> list[Message]:
    """Changes of one order, in transit from hub to hub."""
    now = int(time.time() * 1000)
    return [change("in_transit", n, id_order, user, recorded_at=now, **fields) for n in versions]


async def store(settings: Settings, *writes: OrderWrite) -> None:
    """Puts orders where snapshots are read from."""
    orders = await CassandraOrders.connect(settings)
    try:
        now = int(time.time() * 1000)
        await asyncio.gather(*(orders.write(write, now) for write in writes))
    finally:
        await orders.close()


def until_served(rest: Rest) -> None:
    """Waits until the ring is full and Cassandra connected."""

    def served() -> bool:
        with rest.client.stream("GET", "/v1/live/sse", headers=bearer(rest.settings, 1)) as answer:
            return answer.status_code == 200

    rest.until(served, "served")


class Client:
    """One connection of either transport. `next()` gives its frames as JSON; SSE's `event` and `id` are in them."""

    def __init__(self, frames: AsyncIterator[Frame], socket: ClientConnection | None = None) -> None:
        self.frames, self.socket = frames, socket
        self.cursor: str | None = None
        self._owed = False

    async def next(self, kind: str | None = None) -> Frame:
        """The next frame, or the next of a kind."""
        while True:
            frame = await asyncio.wait_for(anext(self.frames), PATIENCE)
            check_frame({name: value for name, value in frame.items() if name != "id"})  # that is SSE's
            self._keep(frame)
            if kind is None or frame["type"] == kind:
                return frame

    async def changes(self, count: int) -> list[tuple[int, int]]:
        """(id_order, version) of the next changes."""
        return [_named(await self.next("change")) for _ in range(count)]

    async def closed(self) -> int:
        """Reads to the end; the close code (0 on SSE)."""
        try:
            while True:
                await self.next()
        except StopAsyncIteration:
            return (self.socket.close_code or 1006) if self.socket else 0

    def _keep(self, frame: Frame) -> None:
        """The cursor by the protocol's rule: none between a hello that does not resume and the snapshot."""
        if frame["type"] == "hello":
            self._owed = not frame["resumed"]
        if frame["type"] == "snapshot":
            self._owed = False
        if "cursor" in frame and not self._owed:
            self.cursor = frame["cursor"]


def _named(frame: Frame) -> tuple[int, int]:
    return int(frame["order"]["id_order"]), frame["order"]["version"]


@asynccontextmanager
async def websocket(rest: Rest, tail: str = "", headers: dict[str, str] | None = None, **options: Any) -> Any:
    url = f"{str(rest.client.base_url).replace('http', 'ws', 1)}/v1/live{tail}"
    options = {"subprotocols": ["lacak.v1"], "compression": None, "close_timeout": 1, **options}
    async with connect(url, additional_headers=headers or {}, **options) as socket:
        yield Client((json.loads(text) async for text in socket), socket)


@asynccontextmanager
async def sse(rest: Rest, tail: str = "", headers: dict[str, str] | None = None, **options: Any) -> Any:
    async with (
        httpx.AsyncClient(timeout=PATIENCE, **options) as http,
        http.stream("GET", f"{rest.client.base_url}/v1/live/sse{tail}", headers=headers or {}) as answer,
    ):
        assert answer.status_code == 200, await answer.aread()
        client = Client(_events(answer))
        client.answer = answer  # type: ignore[attr-defined]
        yield client


async def _events(answer: httpx.Response) -> AsyncIterator[Frame]:
    fields: dict[str, str] = {}
    async for line in answer.aiter_lines():
        if line:
            name, _, value = line.partition(":")
            fields[name] = value.removeprefix(" ")
        elif "data" in fields:
            data = json.loads(fields["data"])
            assert data["type"] == fields["event"]
            yield {**data, "id": fields.get("id")}
            fields = {}
        else:
            fields = {}


TRANSPORTS = {"websocket": websocket, "sse": sse}


@asynccontextmanager
async def lazy_websocket(rest: Rest, user: int) -> Any:
    """A client that reads no more than it is asked to, behind small buffers; and its port."""
    tcp = socket.socket()
    tcp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    tcp.connect((rest.settings.http_host, rest.settings.http_port))
    tcp.setblocking(False)
    async with websocket(rest, headers=bearer(rest.settings, user), sock=tcp, max_queue=1) as client:
        yield client, tcp.getsockname()[1]


@asynccontextmanager
async def lazy_sse(rest: Rest, user: int) -> Any:
    """The same, by SSE."""
    transport = httpx.AsyncHTTPTransport(socket_options=[(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)])
    async with sse(rest, headers=bearer(rest.settings, user), transport=transport) as client:
        yield client, client.answer.extensions["network_stream"].get_extra_info("client_addr")[1]


LAZY = {"websocket": lazy_websocket, "sse": lazy_sse}
