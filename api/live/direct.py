"""A connection that writes into its socket itself: it has no task, no queue and no timer while nothing waits."""

import asyncio
from collections import deque
from typing import Protocol

from api.live import connection, outlet
from api.live.closes import FAILED, LEFT, TOO_SLOW, Close
from api.live.connection import Connection, Made, Owner
from api.live.frames import Frame, Written
from api.live.ring import NOTHING, Missed

AT_ONCE = 50  # frames that one connection is sent, in one write, before others are served


class Wire(Protocol):
    """A transport's end of a connection. It calls `slow`, `fast` and `gone`. `transport`: None until it has begun."""

    transport: asyncio.Transport | None
    written: Written

    def send(self, *frames: Frame) -> None:
        """Writes frames, behind what was written before."""

    def bound(self, max_bytes: int) -> None:
        """From now on it is `slow` when the kernel has not taken so many bytes."""

    def probe(self) -> None:
        """Looks whether the client is still there."""

    def close(self, close: Close) -> None:
        """Says goodbye after all that was sent."""

    def abort(self) -> None:
        """Tears the socket down."""


class _Backlog:
    """What waits while a connection begins: what was missed, and the live frames after it."""

    __slots__ = ("held", "made", "missed", "paused", "size", "started")

    def __init__(self) -> None:
        self.missed = NOTHING
        self.made: Made = lambda _: None
        self.held: deque[Frame] = deque()
        self.size = 0  # bytes held
        self.started = self.paused = False

    def take(self, enough: int) -> list[Frame]:
        """The next frames: so many bytes of them, and of AT_ONCE records at most, not all of which are for this
        connection."""
        frames: list[Frame] = []
        for _ in range(AT_ONCE):
            if self.empty:
                break
            frame = self._next()
            if frame is None:
                continue
            frames.append(frame)
            enough -= frame.size
            if enough <= 0:
                break
        return frames

    def _next(self) -> Frame | None:
        """The next frame; None for a record that is not for this connection."""
        record = self.missed.take()
        if record is not None:
            return self.made(record)
        frame = self.held.popleft()
        self.size -= frame.size
        return frame

    @property
    def empty(self) -> bool:
        return self.missed.empty and not self.held


class DirectConnection(Connection):
    """`max_bytes` bounds what the kernel has not taken, and while the connection begins, the live frames that wait."""

    __slots__ = ("_backlog", "_fd", "_max_bytes", "_transport", "_wire", "_written")

    def __init__(
        self,
        transport: str,
        id_user: int,
        orders: frozenset[int] | None,
        expires_at: int,
        owner: Owner,
        max_bytes: int,
        wire: Wire,
    ) -> None:
        super().__init__(transport, id_user, orders, expires_at, owner)
        self._max_bytes, self._wire, self._written = max_bytes, wire, wire.written
        self._transport: asyncio.Transport | None = None
        self._fd = -1  # where what comes alone is written to, past the wire
        self._backlog: _Backlog | None = _Backlog()

    @property
    def idle(self) -> bool:
        return self._backlog is None

    def push(self, frame: Frame) -> None:
        if self.closing is not None:
            return
        backlog = self._backlog
        if backlog is None:
            self._write(frame)
            return
        backlog.size += frame.size
        if backlog.size > self._max_bytes:
            self.end(TOO_SLOW)
        else:
            backlog.held.append(frame)

    def _write(self, frame: Frame) -> None:
        transport = self._transport
        if transport is None or self._fd < 0:
            self._wire.send(frame)
        else:
            outlet.write(transport, self._fd, self._written.form(frame))
            self._written.count(frame)

    def replay(self, missed: Missed, made: Made) -> None:
        assert self._backlog is not None, "it has not begun"
        self._backlog.missed, self._backlog.made = missed, made

    def start(self, *first: Frame) -> None:
        """Sends what it begins with, then what it missed, and then whatever comes; nothing when it has ended."""
        if self._backlog is not None:
            self._transport = self._wire.transport
            self._fd = -1 if self._transport is None else outlet.opened(self._transport)
            # Half: so that the last of what it replays does not make it too slow for the first that is live.
            self._wire.bound(self._max_bytes // 2)
            self._backlog.started = True
            self._pump(*first)

    def slow(self) -> None:
        """The kernel does not take what is written."""
        if self._backlog is None:
            self.end(TOO_SLOW)
        else:
            self._backlog.paused = True

    def fast(self) -> None:
        """It takes it again."""
        if self._backlog is not None:
            self._backlog.paused = False
            self._pump()

    def probe(self) -> None:
        self._wire.probe()

    def _pump(self, *first: Frame) -> None:
        """Sends what waits, as fast as it is taken."""
        backlog = self._backlog
        if backlog is None or not backlog.started:
            return
        try:
            frames = [*first, *(() if backlog.paused else backlog.take(self._max_bytes // 4))]
        except Exception:
            self.end(FAILED)
            raise
        if self._backlog is not backlog:
            return  # a record that cannot be read has ended it
        if frames:
            self._wire.send(*frames)
        if backlog.paused:
            return
        if backlog.empty:
            self._live()
        else:
            asyncio.get_running_loop().call_soon(self._pump)

    def _live(self) -> None:
        self._backlog = None
        self._wire.bound(self._max_bytes)
        if self.closing is not None:
            self._wire.close(self.closing)

    def _ending(self, close: Close, flush: bool) -> None:
        if not flush:
            self._forget()
        if close is LEFT:
            return
        asyncio.get_running_loop().call_later(connection.CLOSE_SECONDS, self._wire.abort)
        if self._backlog is None:
            self._wire.close(close)

    def _forget(self) -> None:
        self._backlog = None
