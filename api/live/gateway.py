"""The push gateway: the consumer, the hub and the connections, from start to goodbye."""

import asyncio
import random
from collections.abc import Callable

from starlette.requests import HTTPConnection

from api import background
from api.auth import Authenticator
from api.live import cursor, frames, reach
from api.live.admission import Admission
from api.live.closes import EXPIRED, LEFT, RESTART, TOO_SLOW, TRY_LATER, Refused
from api.live.connection import Connection
from api.live.consumer import ChangesConsumer
from api.live.hub import Hub
from api.live.session import Session
from api.live.snapshot import Snapshots
from api.live.tickets import Pass, Tickets
from api.services import wall_clock
from streams import log, metrics
from streams.codec import Codec
from streams.order import Position
from streams.settings import Settings
from streams.topics import CHANGED
from tables.orders import Orders

TICK = 0.05  # seconds
LONGEST_SECONDS = 30 * 24 * 60 * 60  # a connection's life, however long its token is good
AHEAD_TICKS = 20  # how long a client waits for a gateway that is behind the one that gave the cursor

_log = log.get(__name__)


class Gateway:
    """Live push of one process. `orders()` gives the connected store or raises StoreUnavailable; nothing connects
    before `start`. `clock` gives ms since 1970."""

    def __init__(
        self,
        settings: Settings,
        orders: Callable[[], Orders],
        auth: Authenticator,
        clock: Callable[[], int] = wall_clock,
    ) -> None:
        assert CHANGED.message is not None
        self._settings, self._clock = settings, clock
        self.hub = Hub(Codec(CHANGED.message).decode, settings.heartbeat, settings.connections_per_user)
        self.tickets = Tickets(settings.jwt_secret, settings.jwt_leeway, self._seconds)
        self.admission = Admission(settings, auth, self.tickets)
        self._snapshots = Snapshots(orders, clock)
        self._consumer = ChangesConsumer(settings, self.hub, clock)
        self._tasks: list[asyncio.Task[None]] = []
        self._draining = False

    @property
    def ready(self) -> bool:
        """Whether new connections should come here: Kafka answers, the ring is full, and it is not going."""
        return self._consumer.full and self._consumer.heard and not self._draining

    @property
    def failed(self) -> bool:
        """Whether the consumer or the heartbeats have ended by an error."""
        return any(map(background.failed, self._tasks))

    @property
    def secure_cookies(self) -> bool:
        """Whether cookies only travel over TLS."""
        return self._settings.secure_cookies

    async def start(self) -> None:
        """Begins to fill the ring; returns at once."""
        self._tasks = [
            background.start(self._consumer.run(), "changes-consumer"),
            background.start(self._beat(), "live-beat"),
        ]

    async def stop(self) -> None:
        """Ends what is still open, and reads no more."""
        self._draining = True
        self.hub.end_all(RESTART)
        for task in self._tasks:
            await background.stop(task)

    def remaining(self, holder: Pass) -> int:
        """Seconds until the holder's token expires."""
        return max(0, holder.expires_at - self._seconds())

    async def open(self, transport: str, handshake: HTTPConnection, cookie: bool = False) -> Session:
        """Takes a connection; raises Refused."""
        holder, orders = self.admission.holder(handshake, cookie), self.admission.orders(handshake)
        self._can_take()
        token = self.admission.cursor(handshake)
        position = cursor.decode(token) if token else None
        if position is not None:
            await self._catch_up(holder.id_user, position)
            self._can_take()
        self.hub.room(holder.id_user)
        seconds = min(self.remaining(holder), LONGEST_SECONDS)
        if not seconds:
            raise Refused(EXPIRED)
        reach.bound(handshake.scope)
        connection = Connection(
            transport,
            holder.id_user,
            orders,
            self._settings.client_buffer,
            seconds,
            reach.aborter(handshake.scope),
            self._closed,
        )
        joined = self.hub.join(connection, position)
        if token:
            metrics.RESUMES.labels("resumed" if joined.resumed else "snapshot").inc()
        return Session(self.hub, self._snapshots, connection, joined)

    async def drain(self) -> None:
        """Says goodbye, spread over drain_seconds: each client is told its moment at once, served until then, and
        closed at it. Returns when all have gone; nobody is taken meanwhile."""
        self._draining = True
        connections = self.hub.connections
        random.shuffle(connections)
        _log.info("draining", connections=len(connections), seconds=self._settings.drain_seconds)
        slot = self._settings.drain_seconds / max(1, len(connections))
        moments = {connection: (n + random.random()) * slot for n, connection in enumerate(connections)}
        for connection, moment in moments.items():
            connection.push(frames.drain(round(moment * 1000)))
        started = asyncio.get_running_loop().time()
        while moments:
            await asyncio.sleep(TICK)
            passed = asyncio.get_running_loop().time() - started
            for connection in [one for one, moment in moments.items() if one.closing or moment <= passed]:
                connection.end(RESTART, flush=True)
                del moments[connection]

    def _can_take(self) -> None:
        if self._draining:
            raise Refused(RESTART)
        if not self._consumer.full:
            raise Refused(TRY_LATER, "the ring is not full yet")

    async def _catch_up(self, id_user: int, position: Position) -> None:
        """Waits a moment for what another gateway has read already."""
        for _ in range(AHEAD_TICKS):
            if not self.hub.is_ahead(id_user, position):
                return
            await asyncio.sleep(TICK)

    def _closed(self, connection: Connection) -> None:
        self.hub.leave(connection)
        close = connection.closing
        if close is None or close is LEFT:
            return
        metrics.CUT.labels(connection.transport, close.code).inc()
        if close is TOO_SLOW:
            _log.info("slow_client_cut", transport=connection.transport, id_user=connection.id_user)

    async def _beat(self) -> None:
        while True:
            self.hub.beat(self._clock())
            await asyncio.sleep(1)

    def _seconds(self) -> int:
        return self._clock() // 1000
