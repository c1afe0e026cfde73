"""Autobahn's cases against our WebSocket protocol, by a driver that is not ours (kosoku): `make conformance`.

Customers' connections have nothing to say and take 4 KiB, so the cases meet an echo on the same protocol classes, from
the handshake on. Cases 9 (speed), 12 and 13 (compression, which is declined) are left out.
"""

import argparse
import asyncio
import json
import sys
import sysconfig
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import uvicorn
import uvloop
from starlette.types import Receive, Scope, Send

from api.live import rfc6455
from api.live.leaving_http import LeavingHttp
from api.live.websocket_wire import WebSocketProtocol

HOST = "127.0.0.1"
LEFT_OUT = ("9.*", "12.*", "13.*")
GOOD = {"OK", "INFORMATIONAL"}  # what the standard leaves open is the latter

Result = Mapping[str, Any]


class Echo(WebSocketProtocol):
    """Says what it hears."""

    __slots__ = ()
    max_message = 16 * 1024 * 1024

    def received(self, opcode: int, message: bytes) -> None:
        self.transport.write(rfc6455.frame(opcode, message))


class EchoHttp(LeavingHttp):
    def handle_websocket_upgrade(self) -> None:
        self.switch(Echo, None)


async def nothing(scope: Scope, receive: Receive, send: Send) -> None:
    """No route but the WebSocket."""


async def cases(folder: Path, only: str) -> dict[str, Result]:
    """Runs the cases; gives the result of each. The reports are in `folder`."""
    server = uvicorn.Server(
        uvicorn.Config(nothing, HOST, 0, loop="uvloop", http=EchoHttp, lifespan="off", log_level="warning")
    )
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.05)
    port = server.servers[0].sockets[0].getsockname()[1]
    kosoku = Path(sysconfig.get_path("scripts")) / "kosoku"
    exclusions = [word for case in LEFT_OUT for word in ("-x", case)]
    arguments = ["-m", "fuzzingclient", "-p", "4", "-i", only, *exclusions, "-o", str(folder), f"{HOST}:{port}"]
    child = await asyncio.create_subprocess_exec(kosoku, *arguments)
    await child.wait()
    server.should_exit = True
    await serving
    [found] = json.loads((folder / "index.json").read_text()).values()
    return dict(found)


def behaviors(results: Mapping[str, Result]) -> Counter[str]:
    """How many cases behaved how, in the conversation and in its close."""
    return Counter(result[what] for result in results.values() for what in ("behavior", "behaviorClose"))


def main() -> int:
    """Prints how the cases went; 1 when one is not as it must be."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="*", help="cases, like 5.*")
    parser.add_argument("--folder", type=Path, default=Path(".lacak/conformance"))
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    results = uvloop.run(cases(options.folder, options.only))
    for case, result in results.items():
        if not {result["behavior"], result["behaviorClose"]} <= GOOD:
            print(case, result)
    counted = behaviors(results)
    print(f"{len(results)} cases: {dict(counted)}")
    return 0 if set(counted) <= GOOD else 1


if __name__ == "__main__":
    sys.exit(main())
