"""How a handshake becomes a live connection on a transport of uvicorn's, with a task only where there is to wait."""

from api.live.closes import FAILED, TRY_LATER, Refused
from api.live.direct import DirectConnection
from api.live.frames import Frame
from api.live.gateway import Gateway, Wanted
from api.live.handshake import Handshake
from api.live.hub import Joined
from api.live.sse_wire import LiveStream
from api.live.websocket_wire import LiveWebSocket
from streams import log
from tables.orders import StoreUnavailable

_log = log.get(__name__)


def open_websocket(gateway: Gateway, handshake: Handshake, wire: LiveWebSocket) -> None:
    """The handshake is good: whoever is refused is told so by a close code."""
    try:
        wanted = gateway.wanted(handshake)
        if gateway.is_behind(wanted):
            gateway.spawn(_join_later(gateway, wanted, wire))
        else:
            _join(gateway, wanted, wire)
    except Refused as refused:
        _refuse(wire, refused)
    finally:
        wire.write(b"")  # the answer, where nothing has gone out with it yet


def _join(gateway: Gateway, wanted: Wanted, wire: LiveWebSocket) -> None:
    connection, joined = gateway.join(DirectConnection, wire.TRANSPORT, wanted, wire)
    wire.connection = connection
    if joined.resumed:
        connection.start(joined.hello)
    else:
        wire.send(joined.hello)
        gateway.spawn(_begin(gateway, connection, joined))


async def _join_later(gateway: Gateway, wanted: Wanted, wire: LiveWebSocket) -> None:
    try:
        await gateway.catch_up(wanted)
        if not wire.is_gone:
            _join(gateway, wanted, wire)
    except Refused as refused:
        _refuse(wire, refused)


async def _begin(gateway: Gateway, connection: DirectConnection, joined: Joined) -> None:
    try:
        connection.start(await gateway.snapshot(connection, joined))
    except StoreUnavailable as error:
        _log.warning("snapshot_failed", error=str(error))
        connection.end(TRY_LATER)
    except Exception:
        connection.end(FAILED)
        raise


def _refuse(wire: LiveWebSocket, refused: Refused) -> None:
    refused.close.count(wire.TRANSPORT)
    wire.say_goodbye(refused.close.code, refused.detail)


async def open_stream(gateway: Gateway, wanted: Wanted, wire: LiveStream) -> list[Frame]:
    """Joins, and gives what the stream begins with: then `start` it. Raises Refused and StoreUnavailable, for what
    stands in the way of a stream is an HTTP status."""
    await gateway.catch_up(wanted)
    joined = join_stream(gateway, wanted, wire)
    if joined.resumed:
        return [joined.hello]
    connection = wire.connection
    assert connection is not None
    try:
        snapshot = await gateway.snapshot(connection, joined)
    except BaseException:
        connection.gone()
        raise
    if connection.closing is not None:  # ended meanwhile, and its socket is still the request's
        connection.gone()
        raise Refused(connection.closing)
    return [joined.hello, snapshot]


def join_stream(gateway: Gateway, wanted: Wanted, wire: LiveStream) -> Joined:
    """Joins; raises Refused."""
    wire.connection, joined = gateway.join(DirectConnection, wire.TRANSPORT, wanted, wire)
    return joined
