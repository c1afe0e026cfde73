"""The socket under an ASGI connection: ASGI has no word for "cut it now", and a client that reads nothing needs it.

Uvicorn's `receive` belongs to an object with the transport. On a server where it does not, a client that is stuck is
closed politely, and the server's own time-outs do the rest.
"""

import asyncio
import socket
from collections.abc import Callable

from starlette.types import ASGIApp, Receive, Scope, Send

try:
    from api.live import _native
except ImportError:  # there was no compiler
    _native = None  # type: ignore[assignment]

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


def bound_socket(transport: asyncio.Transport) -> None:
    """Bounds what the kernel holds for a live connection, and how long a peer may be gone without a word."""
    tcp = transport.get_extra_info("socket")
    if tcp is None or tcp.family not in (socket.AF_INET, socket.AF_INET6):
        return
    if _native is not None:  # uvloop makes a socket anew for each option
        _native.bound(tcp.fileno(), SEND_BUFFER, UNANSWERED_MS)
    else:
        tcp.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            tcp.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNANSWERED_MS)
