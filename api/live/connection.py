"""One live connection as the hub sees it, whatever its transport and whoever writes to it."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Protocol

from api.live.closes import LEFT, Close
from api.live.frames import Frame
from api.live.ring import Missed, Record

CLOSE_SECONDS = 2.0  # a client that takes nothing is given so long before its socket is torn down

Made = Callable[[Record], Frame | None]


class Owner(Protocol):
    """Who keeps the connections."""

    def closing(self, connection: "Connection") -> None:
        """It begins to close, whoever ends it. Once."""

    def gone(self, connection: "Connection") -> None:
        """Its socket is closed."""


class Connection(ABC):
    """The hub pushes. `expires_at`, in seconds since 1970, is when its token expires."""

    __slots__ = (
        "_owner",
        "beat",
        "caught_up",
        "closing",
        "expires_at",
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
        expires_at: int,
        owner: Owner,
    ) -> None:
        self.transport, self.id_user, self.orders, self.expires_at = transport, id_user, orders, expires_at
        self.key = str(id_user).encode()
        self.partition = self.beat = -1  # the hub's
        self.caught_up = False  # a heartbeat's cursor must not come before the snapshot
        self.closing: Close | None = None
        self._owner = owner

    def wants(self, id_order: int) -> bool:
        """Whether a change of this order is for this connection."""
        return self.orders is None or id_order in self.orders

    @property
    @abstractmethod
    def idle(self) -> bool:
        """Nothing waits to be sent."""

    @abstractmethod
    def push(self, frame: Frame) -> None:
        """Sends a live frame, or cuts the client that is too slow with 4008: it resumes, and nothing is dropped in
        between."""

    @abstractmethod
    def replay(self, missed: Missed, made: Made) -> None:
        """What it missed goes before all live frames; `made` gives a record's frame, or None for one that is
        not for it. Once, before it is registered for live frames."""

    def probe(self) -> None:  # noqa: B027 - most transports have another way to find out
        """Every PROBE_SECONDS: looks whether the client is still there."""

    def end(self, close: Close, flush: bool = False) -> None:
        """Ends it; a second end changes nothing. `flush`: what waits is still sent, if the client takes it in time."""
        if self.closing is None:
            self.closing = close
            self._owner.closing(self)
            self._ending(close, flush)

    def gone(self) -> None:
        """The client has left; it is sent nothing more."""
        self.end(LEFT)
        self._forget()
        self._owner.gone(self)

    @abstractmethod
    def _ending(self, close: Close, flush: bool) -> None:
        """Says goodbye, unless the client has LEFT, and tears the socket down when nobody takes it."""

    @abstractmethod
    def _forget(self) -> None:
        """Drops what waits."""
