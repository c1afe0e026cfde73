"""Live push over Starlette's WebSocket: the portable transport, on any ASGI server."""

import asyncio
import time
from contextlib import aclosing

from starlette.types import Message
from starlette.websockets import WebSocket, WebSocketDisconnect

from api.live.admission import subprotocol
from api.live.closes import FAILED, LEFT, POLICY, TOO_BIG, TRY_LATER, Close, Refused
from api.live.connection import Connection
from api.live.frames import WEBSOCKET
from api.live.gateway import Gateway
from api.live.handshake import Handshake
from api.live.rfc6455 import MAX_REASON
from api.live.session import Session
from api.live.websocket_wire import FRAMES_PER_SECOND, MAX_MESSAGE
from streams import log
from tables.orders import StoreUnavailable

_log = log.get(__name__)


async def serve(socket: WebSocket, gateway: Gateway) -> None:
    """One WebSocket from handshake to close. A browser cannot see why a handshake was refused, so whoever may know is
    accepted first, and told by the close code."""
    handshake = Handshake.of(socket.scope)
    # Uvicorn logs the path of every WebSocket, accepted or refused: a ticket has no business in there.
    socket.scope["query_string"] = b""
    if not gateway.admission.origin_is_allowed(handshake):
        await socket.close(POLICY.code)  # before accepting: HTTP 403
        return
    await socket.accept(subprotocol(handshake))
    try:
        session = await Session.open(gateway, WEBSOCKET, handshake, socket.scope)
    except Refused as refused:
        refused.close.count(WEBSOCKET)
        await _close(socket, refused.close, refused.detail)
        return
    await _converse(socket, session)


async def _converse(socket: WebSocket, session: Session) -> None:
    sending = asyncio.create_task(_send(socket, session))
    try:
        await _receive(socket, session.connection)
    finally:
        session.connection.gone()
        sending.cancel()  # it may be in the middle of a frame that nobody takes
        [failure] = await asyncio.gather(sending, return_exceptions=True)
        if isinstance(failure, Exception):
            raise failure


async def _send(socket: WebSocket, session: Session) -> None:
    """Sends frames until the connection closes, and says why."""
    connection = session.connection
    try:
        async with aclosing(session.frames()) as frames:
            async for frame in frames:
                if not await _write(socket, {"type": "websocket.send", "text": frame.text}):
                    return
                session.sent(frame)
    except StoreUnavailable as error:
        _log.warning("snapshot_failed", error=str(error))
        connection.end(TRY_LATER)
    except Exception:
        connection.end(FAILED)
        raise
    finally:
        if connection.closing not in (None, LEFT):
            assert connection.closing is not None
            await _close(socket, connection.closing)


async def _receive(socket: WebSocket, connection: Connection) -> None:
    """Reads until the end. Clients have nothing to say to us: what they send is only counted."""
    allowance, then = float(FRAMES_PER_SECOND), time.monotonic()
    while (message := await socket.receive())["type"] != "websocket.disconnect":
        now = time.monotonic()
        allowance = min(FRAMES_PER_SECOND, allowance + (now - then) * FRAMES_PER_SECOND) - 1
        then = now
        if _size(message) > MAX_MESSAGE:
            connection.end(TOO_BIG)
        elif allowance < 0:
            connection.end(POLICY)


def _size(message: Message) -> int:
    text = message.get("text")
    return len(text.encode()) if text is not None else len(message.get("bytes") or b"")


async def _close(socket: WebSocket, close: Close, reason: str = "") -> None:
    text = (reason or close.reason).encode()[:MAX_REASON].decode(errors="ignore")
    await _write(socket, {"type": "websocket.close", "code": close.code, "reason": text})


async def _write(socket: WebSocket, message: Message) -> bool:
    """Whether the server took it. It does not when the client has gone, or when it has closed the connection by itself
    (a frame that is none, a ping without an answer): of that it tells us only by RuntimeError."""
    try:
        await socket.send(message)
    except (WebSocketDisconnect, RuntimeError):
        return False
    return True
