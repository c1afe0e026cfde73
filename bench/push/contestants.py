"""The servers that `run.py` compares: how each is built and started, and what its clients say."""

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import lab
from lab import MADE

from api.auth import issue_token
from hatch_build import compile_modules

HERE = Path(__file__).parent
UPGRADE = (
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: lacak.v1\r\n"
)


@dataclass(frozen=True)
class Server:
    """One of those that are compared. Texts are what load.c takes; `asks` gives the request and the greeting of a user,
    and both of a resume."""

    name: str
    command: Callable[[int, str], list[str]]
    asks: Callable[[int], tuple[str, str, str, str]]
    begun: str
    resumed: str = ""
    place: str = ""
    avro: bool = False
    one_user: bool = False
    """Whether all are told by one message to a user whose connections they all are; else by one to EVERYBODY."""
    collects: bool = True
    """Whether it collects its garbage on SIGUSR1."""


def get(path: str, user: int) -> str:
    """The beginning of a request with the user's token."""
    token = issue_token(
        lab.SECRET, audience="lacak", ttl=3600, now=int(time.time()), sub=str(user), scopes=["orders:read"]
    )
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n"


def lacak(transport: str, kind: str) -> Server:
    path = {"websocket": "/v1/live", "sse": "/v1/live/sse"}[transport]

    def ask(user: int, query: str) -> str:
        return get(path + query, user) + (UPGRADE if transport == "websocket" else "") + "\r\n"

    return Server(
        {"direct": "Lacak", "portable": "the same on any ASGI server"}[kind] + f", {transport}",
        lambda port, feed: [sys.executable, str(HERE / "server.py"), kind, str(port), feed],
        lambda user: (ask(user, ""), "", ask(user, "?cursor={place}"), ""),
        begun='"type":"snapshot"',
        resumed='"resumed":true',
        place='"cursor":"',
        avro=True,
        one_user=True,
    )


def centrifuge() -> Server:
    def asks(user: int) -> tuple[str, str, str, str]:
        request = get("/connection/websocket", user) + UPGRADE + "\r\n"
        subscription = {f"u:{user}": {"recover": True, "epoch": "{place}", "offset": 0}}
        resume = json.dumps({"id": 1, "connect": {"subs": subscription}}).replace('"offset": 0', '"offset": {count}')
        return request, json.dumps({"id": 1, "connect": {}}), request, resume

    return Server(
        "Centrifuge with history, websocket",
        lambda port, feed: ["env", "GOMAXPROCS=1", str(MADE / "centrifuge"), str(port), feed, lab.SECRET],
        asks,
        begun='"id":1',
        resumed='"id":1',
        place='"epoch":"',
    )


def floor() -> Server:
    return Server(
        "the floor: C, nothing but sockets",
        lambda port, feed: [str(MADE / "floor"), str(port), feed],
        lambda user: (f"GET /?id={user} HTTP/1.1\r\nHost: localhost\r\n{UPGRADE}\r\n", "", "", ""),
        begun="\r\n\r\n",
        collects=False,
    )


def servers() -> list[Server]:
    """All that can be built here."""
    build()
    found = [floor(), lacak("websocket", "direct"), lacak("sse", "direct")]
    if shutil.which("go"):
        subprocess.run(["go", "build", "-o", MADE / "centrifuge", "."], cwd=HERE / "centrifuge", check=True)
        found.append(centrifuge())
    else:
        print("Centrifuge is left out: it needs Go")
    return [*found, lacak("websocket", "portable"), lacak("sse", "portable")]


def build() -> None:
    """What is in C, and in Cython."""
    MADE.mkdir(parents=True, exist_ok=True)
    for name in ("load", "floor"):
        subprocess.run(["cc", "-O2", "-o", MADE / name, HERE / f"{name}.c"], check=True)
    compile_modules(lab.ROOT, {"feed": "bench/push/feed.pyx"}, str(MADE))
