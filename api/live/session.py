"""One accepted connection from hello to goodbye, as frames: what both transports send."""

from collections.abc import AsyncGenerator

from starlette.types import Scope

from api.live import reach
from api.live.frames import Frame, Written
from api.live.gateway import Gateway
from api.live.handshake import Handshake
from api.live.hub import Joined
from api.live.queued import QueuedConnection


class Session:
    """A connection that has joined the hub, and how it began."""

    def __init__(self, gateway: Gateway, connection: QueuedConnection, joined: Joined) -> None:
        self.connection, self._joined, self._gateway = connection, joined, gateway
        self._snapshot: Frame | None = None
        self._written = Written(connection.transport)

    @classmethod
    async def open(cls, gateway: Gateway, transport: str, handshake: Handshake, scope: Scope) -> "Session":
        """Takes a connection; raises Refused."""
        wanted = gateway.wanted(handshake, cookie=scope["type"] == "http")
        await gateway.catch_up(wanted)
        connection, joined = gateway.join(QueuedConnection, transport, wanted, reach.aborter(scope))
        reach.bound(scope)
        return cls(gateway, connection, joined)

    async def prepare(self) -> None:
        """Reads the snapshot, if one is needed; raises StoreUnavailable."""
        if not self._joined.resumed and self._snapshot is None:
            self._snapshot = await self._gateway.snapshot(self.connection, self._joined)

    async def frames(self) -> AsyncGenerator[Frame, None]:
        """Hello, the snapshot or what was missed, then every change, until the connection closes. Ask for the next
        frame when the last one is written."""
        yield self._joined.hello
        await self.prepare()
        if self._snapshot is not None:
            snapshot, self._snapshot = self._snapshot, None
            yield snapshot
        while (frame := await self.connection.take()) is not None:
            yield frame

    def sent(self, frame: Frame) -> None:
        """Counts a frame that is written."""
        self._written.count(frame)
