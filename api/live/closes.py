"""Why a live connection ends or is refused, once: the WebSocket close code, the HTTP status on SSE, and the words.

Whoever adds a code tells docs/live-push.md, and the clients what to do at it.
"""

from dataclasses import dataclass

from streams import metrics


@dataclass(frozen=True, slots=True)
class Close:
    """One way to end. `status`: what SSE answers when it is refused so; an open stream just ends."""

    code: int
    status: int
    reason: str

    def count(self, transport: str) -> None:
        """Counts a connection that ends so, or is refused."""
        metrics.CUT.labels(transport, str(self.code)).value += 1


LEFT = Close(1005, 0, "the client left")
POLICY = Close(1008, 422, "against the rules of this protocol")
NO_WEBSOCKET = Close(1002, 400, "not as RFC 6455 has it")
NOT_UTF8 = Close(1007, 400, "a text that is not UTF-8")
TOO_BIG = Close(1009, 413, "a frame of more than 4 KiB")
FAILED = Close(1011, 500, "we failed; it is logged")
RESTART = Close(1012, 503, "restarting: resume")
TRY_LATER = Close(1013, 503, "not at the moment: try later")
EXPIRED = Close(4001, 401, "ticket or token missing, expired or not good: get a new one")
FORBIDDEN = Close(4003, 403, "the token does not allow this")
TOO_SLOW = Close(4008, 503, "too slow: resume")
TOO_MANY = Close(4009, 429, "too many connections of this user")

ALL = (NO_WEBSOCKET, NOT_UTF8, POLICY, TOO_BIG, FAILED, RESTART, TRY_LATER, EXPIRED, FORBIDDEN, TOO_SLOW, TOO_MANY)


class Refused(Exception):
    """A connection that is not taken, and why; `detail` is for a person."""

    def __init__(self, close: Close, detail: str = "") -> None:
        super().__init__(detail or close.reason)
        self.close, self.detail = close, detail or close.reason
