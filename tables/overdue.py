"""What happens to requests whose answer is overdue: another replica is asked, at last they are given up.

One timer of the event loop looks after all requests. The driver's own (two a request, each with a wake-up of its
thread) cost a third of the CPU of a write.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

from cassandra.cluster import ResponseFuture

from tables.orders import StoreUnavailable

SPECULATE_AFTER = 0.5  # s
_SWEEP = 0.1  # s


class _Request(NamedTuple):
    sent_at: float
    future: "asyncio.Future[Any]"
    response: ResponseFuture


class Overdue:
    """Watches the requests of one session. `deliver` hands over the answers that are here already."""

    def __init__(self, loop: asyncio.AbstractEventLoop, timeout: float, deliver: Callable[[], None]) -> None:
        self._loop, self._timeout, self._deliver = loop, timeout, deliver
        self._sent: deque[_Request] = deque()
        self._late: deque[_Request] = deque()
        self._timer: asyncio.TimerHandle | None = None

    def watch(self, future: "asyncio.Future[Any]", response: ResponseFuture) -> None:
        """Gives `future` an answer in the end: StoreUnavailable after the time-out."""
        self._sent.append(_Request(self._loop.time(), future, response))
        if self._timer is None:
            self._timer = self._loop.call_later(_SWEEP, self._sweep)

    def close(self) -> None:
        """Stops watching, and gives up what is still open."""
        if self._timer is not None:
            self._timer.cancel()
        for request in (*self._sent, *self._late):
            _give_up(request, "the session was closed")

    def _sweep(self) -> None:
        self._deliver()  # after a stall of the loop, what has been answered is not late
        now = self._loop.time()
        for request in _due(self._sent, now - SPECULATE_AFTER):
            _ask_another(request.response)
            self._late.append(request)
        for request in _due(self._late, now - self._timeout):
            _give_up(request, f"no answer in {self._timeout} s")
        open_ = self._sent or self._late
        self._timer = self._loop.call_later(_SWEEP, self._sweep) if open_ else None


def _due(requests: deque[_Request], before: float) -> list[_Request]:
    """Takes out what was sent before then, and what has its answer; gives what has none."""
    due = []
    while requests and (requests[0].future.done() or requests[0].sent_at <= before):
        request = requests.popleft()
        if not request.future.done():
            due.append(request)
    return due


def _ask_another(response: ResponseFuture) -> None:
    """Sends an idempotent request to the next host too, as the driver's speculative execution does."""
    if response.query.is_idempotent:
        response.send_request(error_no_hosts=False)


def _give_up(request: _Request, why: str) -> None:
    if not request.future.done():
        request.future.set_exception(StoreUnavailable(why))
