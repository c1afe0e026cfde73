"""The socket under an ASGI connection: ASGI has no word for "cut it now", and a client that reads nothing needs it.

Uvicorn's `receive` belongs to an object with the transport. On a server where it does not, a client that is stuck is
closed politely, and the server's own time-outs do the rest.
"""

import asyncio
import socket
from collections.abc import Callable

from starlette.types import ASGIApp, Receive, Scope, Send

from api.live import native

_NAME = "lacak.transport"
SEND_BUFFER = 64 * 1024  # the kernel doubles it; without a bound it grows to megabytes for a client that does not read
UNANSWERED_MS = 75_000  # three heartbeats that no kernel at the other end has acknowledged


class Reach:
    """ASGI middleware, the outermost one: notes the transport in the scope."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        transport = getattr(getattr(receive, "__self__", None), "transport", None)
        if hasattr(transport, "abort"):  # uvloop's transports are no asyncio.Transport
            scope[_NAME] = transport
        await self._app(scope, receive, send)


def aborter(scope: Scope) -> Callable[[], None]:
    """What tears the connection down at once, whatever waits to be sent. Twice is the same as once."""
    transport: asyncio.Transport | None = scope.get(_NAME)
    return transport.abort if transport is not None else lambda: None


def bound(scope: Scope) -> None:
    """`bound_socket`, where the transport is known."""
    transport: asyncio.Transport | None = scope.get(_NAME)
    if transport is not None:
        bound_socket(transport)


def bound_socket(transport: asyncio.Transport) -> int:
    """Bounds what the kernel holds for a live connection, and how long a peer may be gone without a word. Gives the
    socket's number, -1 where there is none."""
    own = transport.get_extra_info("socket")
    if own is None:
        return -1
    fd: int = own.fileno()
    if own.family in (socket.AF_INET, socket.AF_INET6):
        native.bound(fd, SEND_BUFFER, UNANSWERED_MS)  # by its own, uvloop makes a socket for each option
    return fd
