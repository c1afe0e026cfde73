"""Ids of orders: 64 bits, positive, ordered by time, never twice.

41 bits of milliseconds since 2024, 10 bits of a node number that is leased in Cassandra, 12 bits of a sequence. Without
a lease that is surely held no id is given.
"""

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from api import background
from streams import log, metrics
from tables.orders import Orders, StoreUnavailable

EPOCH_MS = int(datetime(2024, 1, 1, tzinfo=UTC).timestamp() * 1000)
NODE_BITS = 10
SEQUENCE_BITS = 12
NODES = 1 << NODE_BITS
LEASE_SECONDS = 60
RENEW_SECONDS = 15.0
RETRY_SECONDS = 2.0
# The lease counts as lost so long before it is: the next holder's clock may be behind ours by that much.
MARGIN_SECONDS = 20.0
# How far the ids' time may run ahead of the clock: one that was set back, or more than 4,096 ids in a millisecond.
AHEAD_MS = 10_000

_SEQUENCES = 1 << SEQUENCE_BITS

_log = log.get(__name__)


class NoIds(Exception):
    """No id can be given now: no node is leased, or the clock was set back too far."""


class Snowflakes:
    """Gives the ids of one node. A clock that goes backwards never makes one twice: their time stands still."""

    def __init__(self) -> None:
        self._time, self._sequence = 0, 0

    def next(self, node: int, now: int) -> int:
        """The next id at `now` (ms). Raises NoIds when the clock is far behind the ids given already."""
        if now > self._time:
            self._time, self._sequence = now, 0
        else:
            self._sequence += 1
            if self._sequence == _SEQUENCES:
                self._time, self._sequence = self._time + 1, 0
        if self._time - now > AHEAD_MS:
            raise NoIds(f"the clock is {self._time - now} ms behind the last id")
        return (self._time - EPOCH_MS) << NODE_BITS + SEQUENCE_BITS | node << SEQUENCE_BITS | self._sequence


class NodeLease:
    """A node number of this process alone, leased for a minute and renewed in the background.

    `orders` gives the store that leases it, or raises StoreUnavailable; it may take its time."""

    def __init__(self, orders: Callable[[], Awaitable[Orders]], clock: Callable[[], float] = time.monotonic) -> None:
        self._orders, self._clock = orders, clock
        self._owner = uuid.uuid4().hex
        self._node: int | None = None
        self._until = 0.0
        self._task: asyncio.Task[None] | None = None

    @property
    def node(self) -> int:
        """The number; raises NoIds unless the lease is surely held."""
        if self._node is None or self._clock() >= self._until:
            raise NoIds("no node number is leased")
        return self._node

    @property
    def there(self) -> bool:
        """Whether there has been a number."""
        return self._node is not None

    @property
    def failed(self) -> bool:
        """Whether its work has ended by an error."""
        return background.failed(self._task)

    async def start(self) -> None:
        self._task = background.start(self._keep(), "node-lease")

    async def stop(self) -> None:
        await background.stop(self._task)

    async def _keep(self) -> None:
        while True:
            held = await self.renew()
            await asyncio.sleep(RENEW_SECONDS if held else RETRY_SECONDS)

    async def renew(self) -> bool:
        """Takes or renews the lease; False when the store is away or all numbers are taken."""
        try:
            orders = await self._orders()
            asked = self._clock()  # before the request: the store's time to live begins later
            node = await orders.lease_node(self._owner, NODES, LEASE_SECONDS)
        except StoreUnavailable:
            return False
        if node is None:
            _log.warning("no_node_free", nodes=NODES)
            metrics.RETRIES.labels("node_lease").inc()
            return False
        if node != self._node:
            _log.info("node_leased", node=node)
        self._node, self._until = node, asked + LEASE_SECONDS - MARGIN_SECONDS
        return True


class Ids:
    """The API's source of order ids."""

    def __init__(self, lease: NodeLease) -> None:
        self._lease, self._snowflakes = lease, Snowflakes()

    def next(self, now: int) -> int:
        """An id that nothing else ever has; raises NoIds. `now` in milliseconds."""
        return self._snowflakes.next(self._lease.node, now)
