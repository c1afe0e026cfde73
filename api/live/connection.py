"""One live connection, whatever its transport: what is still to be sent, bounded, and why it ends."""

import asyncio
from collections import deque
from collections.abc import Callable

from api.live.closes import EXPIRED, LEFT, TOO_SLOW, Close
from api.live.frames import Frame

# Made when it is sent: a replay costs no memory besides the ring's.
Made = Callable[[], Frame | None]

CLOSE_SECONDS = 2.0  # a client that takes nothing is given so long before its socket is torn down


class Connection:
    """The hub pushes, the transport takes.

    Live frames that wait are bounded by `max_bytes`; one more, and the client is cut with 4008: it resumes, and nothing
    is dropped in between. What it replays is not counted: it is the ring's. After `seconds` its token has expired.
    `on_close` is called once, at the moment it begins to close, whoever ends it; `abort` tears its socket down.
    """

    __slots__ = (
        "_max_bytes",
        "_on_close",
        "_queued",
        "_timer",
        "_waiting",
        "_wake",
        "abort",
        "beat",
        "caught_up",
        "closing",
        "id_user",
        "key",
        "orders",
        "partition",
        "transport",
    )

    def __init__(
        self,
        transport: str,
        id_user: int,
        orders: frozenset[int] | None,
        max_bytes: int,
        seconds: float,
        abort: Callable[[], None],
        on_close: Callable[["Connection"], None],
    ) -> None:
        self.transport, self.id_user, self.orders = transport, id_user, orders
        self.key = str(id_user).encode()
        self.partition = self.beat = -1  # the hub's
        self.caught_up = False  # a heartbeat's cursor must not come before the snapshot
        self.closing: Close | None = None
        self.abort = abort
        self._max_bytes, self._queued = max_bytes, 0
        self._waiting: deque[Frame | Made] = deque()
        self._wake = asyncio.Event()
        self._on_close, self._timer = on_close, asyncio.get_running_loop().call_later(seconds, self.end, EXPIRED)

    def wants(self, id_order: int) -> bool:
        """Whether a change of this order is for this connection."""
        return self.orders is None or id_order in self.orders

    @property
    def idle(self) -> bool:
        """Nothing waits to be sent."""
        return not self._waiting

    def push(self, frame: Frame) -> None:
        """Queues a live frame, or cuts the client that is too slow."""
        if self.closing is not None:
            return
        self._queued += frame.size
        if self._queued > self._max_bytes:
            self.end(TOO_SLOW)
            return
        self._waiting.append(frame)
        self._wake.set()

    def replay(self, made: Made) -> None:
        """Queues what it missed; only before it is registered for live frames."""
        self._waiting.append(made)
        self._wake.set()

    def end(self, close: Close, flush: bool = False) -> None:
        """Ends it; a second end changes nothing. `flush`: what waits is still sent, if the client takes it in time."""
        if self.closing is not None:
            return
        self.closing = close
        if not flush:
            self._waiting.clear()
        self._timer.cancel()
        # Whether it takes its goodbye or not: the socket is gone then.
        self._timer = asyncio.get_running_loop().call_later(CLOSE_SECONDS, self.abort)
        self._on_close(self)
        self._wake.set()

    def gone(self) -> None:
        """The client has left; it is sent nothing more."""
        self.end(LEFT)
        self._waiting.clear()

    async def take(self) -> Frame | None:
        """The next frame; None when there is none and `closing` says why."""
        while True:
            while self._waiting:
                frame = self._waiting.popleft()
                if isinstance(frame, Frame):
                    self._queued -= frame.size
                    return frame
                made = frame()
                if made is not None:
                    return made
            if self.closing is not None:
                return None
            self._wake.clear()
            await self._wake.wait()
