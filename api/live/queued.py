"""A connection whose frames are taken by a task of its own: on any ASGI server."""

import asyncio
from collections import deque
from collections.abc import Callable

from api.live import connection
from api.live.closes import TOO_SLOW, Close
from api.live.connection import Connection, Made, Owner
from api.live.frames import Frame
from api.live.ring import NOTHING, Missed


class QueuedConnection(Connection):
    """The hub pushes, the transport takes.

    Live frames that wait are bounded by `max_bytes`. What it replays is not counted: it is the ring's, and becomes
    frames when it is sent. `abort` tears its socket down.
    """

    __slots__ = ("_abort", "_made", "_max_bytes", "_missed", "_queued", "_timer", "_waiting", "_wake")

    def __init__(
        self,
        transport: str,
        id_user: int,
        orders: frozenset[int] | None,
        expires_at: int,
        owner: Owner,
        max_bytes: int,
        abort: Callable[[], None],
    ) -> None:
        super().__init__(transport, id_user, orders, expires_at, owner)
        self._abort = abort
        self._max_bytes, self._queued = max_bytes, 0
        self._waiting: deque[Frame] = deque()
        self._missed = NOTHING
        self._made: Made = lambda _: None
        self._wake = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None

    @property
    def idle(self) -> bool:
        return self._missed.empty and not self._waiting

    def push(self, frame: Frame) -> None:
        if self.closing is not None:
            return
        self._queued += frame.size
        if self._queued > self._max_bytes:
            self.end(TOO_SLOW)
            return
        self._waiting.append(frame)
        self._wake.set()

    def replay(self, missed: Missed, made: Made) -> None:
        self._missed, self._made = missed, made

    def release(self) -> None:
        """It is refused after all, by an answer whose socket lives on: the next request there may be anybody's."""
        self.gone()
        if self._timer is not None:
            self._timer.cancel()

    def _ending(self, close: Close, flush: bool) -> None:
        if not flush:
            self._forget()
        # Whether it takes its goodbye or not: the socket is gone then.
        self._timer = asyncio.get_running_loop().call_later(connection.CLOSE_SECONDS, self._abort)
        self._wake.set()

    def _forget(self) -> None:
        self._waiting.clear()
        self._missed = NOTHING

    async def take(self) -> Frame | None:
        """The next frame; None when there is none and `closing` says why."""
        while True:
            while (record := self._missed.take()) is not None:
                frame = self._made(record)
                if frame is not None:
                    return frame
                await asyncio.sleep(0)  # others are served, however many of these there are
            if self._waiting:
                frame = self._waiting.popleft()
                self._queued -= frame.size
                return frame
            if self.closing is not None:
                return None
            self._wake.clear()
            await self._wake.wait()
