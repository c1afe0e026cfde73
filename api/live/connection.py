"""One live connection, whatever its transport: what is still to be sent, bounded, and why it ends."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator

from api.live.closes import EXPIRED, LEFT, TOO_SLOW, Close
from api.live.frames import Frame
from api.live.ring import Record

CLOSE_SECONDS = 2.0  # a client that takes nothing is given so long before its socket is torn down


class Connection:
    """The hub pushes, the transport takes.

    Live frames that wait are bounded by `max_bytes`; one more, and the client is cut with 4008: it resumes, and nothing
    is dropped in between. What it replays is not counted: it is the ring's, and becomes frames when it is
    sent. After `seconds` its token has expired.
    `on_close` is called once, at the moment it begins to close, whoever ends it; `abort` tears its socket down.
    """

    __slots__ = (
        "_made",
        "_max_bytes",
        "_missed",
        "_next_missed",
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
        self._waiting: deque[Frame] = deque()
        self._missed: Iterator[Record] = iter(())
        self._next_missed: Record | None = None
        self._made: Callable[[Record], Frame | None] = lambda _: None
        self._wake = asyncio.Event()
        self._on_close, self._timer = on_close, asyncio.get_running_loop().call_later(seconds, self.end, EXPIRED)

    def wants(self, id_order: int) -> bool:
        """Whether a change of this order is for this connection."""
        return self.orders is None or id_order in self.orders

    @property
    def idle(self) -> bool:
        """Nothing waits to be sent."""
        return self._next_missed is None and not self._waiting

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

    def replay(self, missed: Iterator[Record], made: Callable[[Record], Frame | None]) -> None:
        """What it missed goes before all live frames; `made` gives a record's frame, or None for one that is
        not for it. Once, before it is registered for live frames."""
        self._missed, self._made = missed, made
        self._next_missed = next(missed, None)

    def end(self, close: Close, flush: bool = False) -> None:
        """Ends it; a second end changes nothing. `flush`: what waits is still sent, if the client takes it in time."""
        if self.closing is not None:
            return
        self.closing = close
        if not flush:
            self._forget()
        self._timer.cancel()
        # Whether it takes its goodbye or not: the socket is gone then.
        self._timer = asyncio.get_running_loop().call_later(CLOSE_SECONDS, self.abort)
        self._on_close(self)
        self._wake.set()

    def gone(self) -> None:
        """The client has left; it is sent nothing more."""
        self.end(LEFT)
        self._forget()

    def release(self) -> None:
        """It is refused after all, by an answer whose socket lives on: the next request there may be anybody's."""
        self.gone()
        self._timer.cancel()

    def _forget(self) -> None:
        self._waiting.clear()
        self._next_missed = None

    async def take(self) -> Frame | None:
        """The next frame; None when there is none and `closing` says why."""
        while True:
            while self._next_missed is not None:
                missed, self._next_missed = self._next_missed, next(self._missed, None)
                frame = self._made(missed)
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
