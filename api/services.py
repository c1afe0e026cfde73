"""What the routes work with: built once by a factory, opened by the app's lifespan, found by the requests."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from api.idempotency import Once
from api.identity import Identity
from api.intake import Intake
from api.limits import Limits
from api.shares import ShareLinks
from api.snowflake import Ids, NodeLease
from api.store import Store
from streams import carrier_files
from streams.carrier_codes import Carriers
from streams.settings import Settings
from tables.cassandra_orders import CassandraOrders


def wall_clock() -> int:
    """Now, in milliseconds since 1970."""
    return time.time_ns() // 1_000_000


@dataclass(frozen=True, slots=True)
class Services:
    """The order-tracking API's dependencies. `clock` gives milliseconds."""

    settings: Settings
    intake: Intake
    store: Store
    lease: NodeLease
    ids: Ids
    once: Once
    identity: Identity
    shares: ShareLinks
    carriers: Carriers
    limits: Limits
    clock: Callable[[], int]

    @classmethod
    def of(cls, settings: Settings) -> "Services":
        """All of them, nothing connected yet. Raises `BadMapping` of a file of couriers' codes."""
        store = Store(lambda: CassandraOrders.connect(settings))
        lease = NodeLease(store.settled)
        intake = Intake(settings)
        once = Once(intake, store.orders, settings.produce_timeout)
        identity = Identity(settings, wall_clock, store)
        shares = ShareLinks(settings.jwt_secret, settings.jwt_previous_secret, lambda: wall_clock() // 1000)
        carriers = carrier_files.load(settings.carriers_dir)
        limits = Limits(settings)
        return cls(settings, intake, store, lease, Ids(lease), once, identity, shares, carriers, limits, wall_clock)

    @property
    def failed(self) -> bool:
        """Whether the work of one of them has ended by an error."""
        return self.intake.failed or self.store.failed or self.lease.failed or self.identity.failed

    @property
    def checks(self) -> dict[str, Callable[[], bool]]:
        """What must be there before it takes traffic. Ids, while the store is waited for: without it, what needs none
        is taken."""
        checks = {"kafka": lambda: self.intake.ready, "ids": lambda: self.lease.there or self.store.waited}
        return {**checks, **self.identity.checks}

    async def start(self) -> None:
        """Begins to connect; returns at once."""
        await self.intake.start()
        await self.store.start()
        await self.lease.start()
        await self.identity.start()

    async def stop(self) -> None:
        await self.identity.stop()
        await self.lease.stop()
        await self.intake.stop()
        await self.store.stop()


async def _services(request: Request) -> Services:  # a plain function would run in a thread
    services: Services = request.app.state.services
    return services


Provided = Annotated[Services, Depends(_services)]
