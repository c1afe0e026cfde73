"""One connection of a live client, by either transport: its frames as JSON, and a way to cut it off."""

import asyncio
import json
import socket
import struct
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import httpx
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidMessage

from api.auth import ORDERS_READ, issue_token
from streams.settings import Settings

Frame = dict[str, Any]
OPEN_SECONDS = 10.0
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER of no seconds: the close is a reset, not a goodbye


class NotConnected(Exception):
    """The gateway is not there, or does not let us in now; the text says why."""


@dataclass(slots=True)
class Stream:
    """`next` gives a frame, and raises StopAsyncIteration at the end; `code` is the close code then. SSE has none, but
    1006 where it was broken off."""

    next: Callable[[], Any]
    abort: Callable[[], None]
    """Ends the TCP connection without a word."""
    code: Callable[[], int | None]


def bearer(settings: Settings, user: int, ttl: int) -> dict[str, str]:
    """A customer's token."""
    token = issue_token(
        settings.jwt_secret,
        audience=settings.jwt_audience,
        ttl=ttl,
        now=int(time.time()),
        sub=str(user),
        scopes=(ORDERS_READ,),
    )
    return {"Authorization": f"Bearer {token}"}


@asynccontextmanager
async def websocket(url: str, headers: dict[str, str], cursor: str | None) -> AsyncIterator[Stream]:
    """Raises NotConnected."""
    address = f"{url.replace('http', 'ws', 1)}/v1/live{_query(cursor)}"
    try:
        opened = await connect(
            address,
            additional_headers=headers,
            subprotocols=["lacak.v1"],  # type: ignore[list-item]
            compression=None,
            open_timeout=OPEN_SECONDS,
            close_timeout=2,
            ping_interval=None,
            proxy=None,
        )
    except (OSError, TimeoutError, InvalidHandshake, InvalidMessage, EOFError) as error:
        raise NotConnected(f"{type(error).__name__} {error}"[:200]) from error

    async def following() -> Frame:
        try:
            frame: Frame = json.loads(await opened.recv())
        except ConnectionClosed as end:
            raise StopAsyncIteration from end
        return frame

    try:
        yield Stream(following, opened.transport.abort, lambda: opened.close_code)
    finally:
        await opened.close()


@asynccontextmanager
async def sse(http: httpx.AsyncClient, url: str, headers: dict[str, str], cursor: str | None) -> AsyncIterator[Stream]:
    """Raises NotConnected. The cursor goes as an EventSource sends it."""
    resuming = {"Last-Event-ID": cursor} if cursor else {}
    request = http.build_request("GET", f"{url}/v1/live/sse", headers={**headers, **resuming})
    try:
        answer = await asyncio.wait_for(http.send(request, stream=True), OPEN_SECONDS)
    except (httpx.TransportError, TimeoutError) as error:
        raise NotConnected(f"{type(error).__name__} {error}"[:200]) from error
    if answer.status_code != 200:
        await answer.aclose()
        raise NotConnected(f"HTTP {answer.status_code}")
    lines = answer.aiter_lines()
    broken: list[httpx.TransportError] = []

    async def following() -> Frame:
        try:
            return await _event(lines)
        except httpx.TransportError as end:
            broken.append(end)
            raise StopAsyncIteration from end

    tcp = answer.extensions["network_stream"].get_extra_info("socket")

    def abort() -> None:
        tcp.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)

    try:
        yield Stream(following, abort, lambda: 1006 if broken else None)
    finally:
        await answer.aclose()


async def _event(lines: AsyncIterator[str]) -> Frame:
    """The next event (https://html.spec.whatwg.org/multipage/server-sent-events.html). Raises StopAsyncIteration."""
    fields: dict[str, str] = {}
    while True:
        line = await anext(lines)
        if line:
            name, _, value = line.partition(":")
            fields[name] = value.removeprefix(" ")
        elif "data" in fields:
            frame: Frame = json.loads(fields["data"])
            return frame
        else:
            fields = {}


def _query(cursor: str | None) -> str:
    return f"?{urlencode({'cursor': cursor})}" if cursor else ""
