"""One accepted connection from hello to goodbye, as frames: what both transports send."""

import time
from collections.abc import AsyncGenerator

from api.live import frames
from api.live.connection import Connection
from api.live.frames import Frame
from api.live.hub import Hub, Joined
from api.live.snapshot import Snapshots
from streams import metrics


class Session:
    """A connection that has joined the hub, and how it began."""

    def __init__(self, hub: Hub, snapshots: Snapshots, connection: Connection, joined: Joined) -> None:
        self.connection, self._joined = connection, joined
        self._hub, self._snapshots = hub, snapshots
        self._snapshot: Frame | None = None

    async def prepare(self) -> None:
        """Reads the snapshot, if one is needed; raises StoreUnavailable."""
        if self._joined.resumed or self._snapshot is not None:
            return
        orders = await self._snapshots.read(self.connection.id_user, self.connection.orders)
        self._snapshot = frames.snapshot(self._joined.position, orders)
        self._hub.caught_up(self.connection)

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
        metrics.PUSHED.labels(self.connection.transport, frame.kind).inc()
        if frame.recorded_at is not None:
            metrics.PUSH_SECONDS.observe(max(0.0, time.time() - frame.recorded_at / 1000))
