"""The push gateway: the consumer, the hub and the connections, from start to goodbye."""

import asyncio
import itertools
import random
from collections.abc import Callable, Coroutine
from typing import Any, NamedTuple, TypeVar

from api import background
from api.auth import Authenticator
from api.live import cursor, frames
from api.live.admission import Admission
from api.live.ceiling import Memory, ceiling
from api.live.changes import Changes
from api.live.closes import EXPIRED, LEFT, RESTART, TOO_SLOW, TRY_LATER, Refused
from api.live.connection import CLOSE_SECONDS, Connection
from api.live.consumer import ChangesConsumer
from api.live.frames import Frame
from api.live.handshake import Handshake
from api.live.hub import Hub, Joined
from api.live.pushes import Pushes
from api.live.rate import ConnectRate
from api.live.snapshot import Snapshots
from api.live.tickets import Pass, Tickets
from api.services import wall_clock
from streams import log, metrics, topics
from streams.order import Position
from streams.settings import Settings
from streams.spans import Spans
from tables.orders import Orders

TICK = 0.05  # seconds
BEATS = 20  # a second
AHEAD_TICKS = 20  # how long a client waits for a gateway that is behind the one that gave the cursor

_log = log.get(__name__)

C = TypeVar("C", bound=Connection)


class Wanted(NamedTuple):
    """What a handshake asks for, by whom. `token` is the cursor as it came, `position` what it means, if anything."""

    holder: Pass
    orders: frozenset[int] | None
    token: str | None
    position: Position | None


class Gateway:
    """Live push of one process. `orders()` gives the connected store or raises StoreUnavailable; nothing connects
    before `start`. `clock` gives ms since 1970."""

    def __init__(
        self,
        settings: Settings,
        orders: Callable[[], Orders],
        auth: Authenticator,
        spans: Spans | None = None,
        clock: Callable[[], int] = wall_clock,
    ) -> None:
        self._settings, self._clock = settings, clock
        self._most, self._memory = ceiling(settings.max_connections), Memory(settings.max_memory_mb)
        pushes = Pushes(spans or Spans(settings, "gateway"))
        self.hub = Hub(Changes(), settings.heartbeat, settings.connections_per_user, BEATS, pushes)
        metrics.CONNECTION_LIMIT.set(self._most)
        metrics.FED.labels(settings.topic(topics.CHANGED.name)).set_function(lambda: self.fed)
        self.tickets = Tickets(settings.jwt_secret, settings.jwt_leeway, self._seconds, settings.jwt_previous_secret)
        self.admission = Admission(settings, auth, self.tickets)
        self._rate = ConnectRate(settings.connects_per_address, settings.trusted_proxies)
        self._snapshots = Snapshots(orders, clock)
        self._consumer = ChangesConsumer(settings, self.hub, clock, pushes)
        self._tasks: list[asyncio.Task[None]] = []
        self._opening: set[asyncio.Task[None]] = set()
        self._goodbyes: set[Connection] = set()
        self._draining = False

    @property
    def ready(self) -> bool:
        """Whether new connections should come here: Kafka answers, the ring is full, and it is not going."""
        return self.fed and not self._draining

    @property
    def fed(self) -> bool:
        """Whether its clients get what there is: the ring is full, and Kafka answers."""
        return self._consumer.full and self._consumer.heard

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
        for task in (*self._opening, *self._tasks):
            await background.stop(task)

    def remaining(self, holder: Pass) -> int:
        """Seconds until the holder's token expires."""
        return max(0, holder.expires_at - self._seconds())

    def wanted(self, handshake: Handshake, cookie: bool = False) -> Wanted:
        """Reads a handshake; raises Refused."""
        self._rate.check(handshake)
        holder, orders = self.admission.holder(handshake, cookie), self.admission.orders(handshake)
        self._can_take()
        token = self.admission.cursor(handshake)
        return Wanted(holder, orders, token, cursor.decode(token) if token else None)

    def is_behind(self, wanted: Wanted) -> bool:
        """Whether another gateway has read what this one has not: `catch_up` waits for it."""
        return wanted.position is not None and self.hub.is_ahead(wanted.holder.id_user, wanted.position)

    def resumes(self, wanted: Wanted) -> bool:
        """Whether it can begin at once: it needs no snapshot."""
        return wanted.position is not None and self.hub.resumes(wanted.holder.id_user, wanted.position)

    async def catch_up(self, wanted: Wanted) -> None:
        """Waits a moment for what another gateway has read already; raises Refused."""
        for _ in range(AHEAD_TICKS):
            if not self.is_behind(wanted):
                break
            await asyncio.sleep(TICK)
        self._can_take()

    def join(self, make: Callable[..., C], transport: str, wanted: Wanted, end: Any) -> tuple[C, Joined]:
        """Takes a connection; raises Refused. `make` is its class, `end` its last argument: the transport's end."""
        holder = wanted.holder
        self.hub.room(holder.id_user)
        if not self.remaining(holder):
            raise Refused(EXPIRED)
        connection = make(
            transport,
            holder.id_user,
            wanted.orders,
            holder.expires_at,
            self,
            self._settings.client_buffer,
            end,
        )
        joined = self.hub.join(connection, wanted.position)
        if wanted.token:
            metrics.RESUMES.labels("resumed" if joined.resumed else "snapshot").value += 1
        return connection, joined

    async def snapshot(self, connection: Connection, joined: Joined) -> Frame:
        """What a connection that did not resume begins with; raises StoreUnavailable."""
        orders = await self._snapshots.read(connection.id_user, connection.orders)
        self.hub.caught_up(connection)
        return frames.snapshot(joined.position, orders)

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Runs what a connection has to wait for before it begins."""
        task = background.start(work, "live-opening")
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)

    async def drain(self) -> None:
        """Says goodbye, spread over drain_seconds: each client is told its moment at once, served until then, and
        closed at it. Returns when all have gone; nobody is taken meanwhile."""
        self._draining = True
        connections = self.hub.connections
        random.shuffle(connections)
        _log.info("draining", connections=len(connections), seconds=self._settings.drain_seconds)
        slot = self._settings.drain_seconds / max(1, len(connections))
        moments = {connection: (n + random.random()) * slot for n, connection in enumerate(connections)}  # noqa: S311 - jitter
        for connection, moment in moments.items():
            connection.push(frames.drain(round(moment * 1000)))
        loop = asyncio.get_running_loop()
        started, passed = loop.time(), 0.0
        at_most = self._settings.drain_seconds + CLOSE_SECONDS + 1  # where no transport tells that it is closed
        while moments or (self._goodbyes and passed < at_most):
            await asyncio.sleep(TICK)
            passed = loop.time() - started
            for connection in [one for one, moment in moments.items() if one.closing or moment <= passed]:
                connection.end(RESTART, flush=True)
                del moments[connection]

    def _can_take(self) -> None:
        if self._draining:
            raise Refused(RESTART)
        if not self._consumer.full:
            raise Refused(TRY_LATER, "the ring is not full yet")
        if self.hub.count >= self._most:
            raise Refused(TRY_LATER, "this gateway has all the connections that it takes")
        if self._memory.full:
            raise Refused(TRY_LATER, "this gateway has all the memory that it takes")

    def closing(self, connection: Connection) -> None:
        """What a connection calls when it begins to close."""
        self.hub.leave(connection)
        close = connection.closing
        if close is None or close is LEFT:
            return
        self._goodbyes.add(connection)
        close.count(connection.transport)
        if close is TOO_SLOW:
            _log.info("slow_client_cut", transport=connection.transport, id_user=connection.id_user)

    def gone(self, connection: Connection) -> None:
        """What a connection calls when its socket is closed."""
        self._goodbyes.discard(connection)

    async def _beat(self) -> None:
        for beat in itertools.count():
            if beat % BEATS == 0:
                self._memory.look()
            self.hub.beat(self._clock())
            await asyncio.sleep(1 / BEATS)

    def _seconds(self) -> int:
        return self._clock() // 1000
