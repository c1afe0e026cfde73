"""An API that starts waits for the store, a while; then it goes on without it, and takes it when it comes."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from prometheus_client import REGISTRY

from api import refreshed, snowflake, store
from api.hs256 import UnknownKey
from api.refreshed import Away
from api.services import Services
from streams.settings import Settings
from tables.api_keys import new_key
from tables.memory_orders import MemoryOrders
from tables.orders import Orders, StoreUnavailable

SETTINGS = Settings(_env_file=None, jwt_secret="a secret of the tests, 32 bytes long or more")  # type: ignore[call-arg]
NOTHING, ALL = {"ids": False, "api_keys": False}, {"ids": True, "api_keys": True}


class Cassandra:
    """Refuses connections until it is `here`. `tries`: how many there have been."""

    def __init__(self) -> None:
        self.here, self.tries, self.orders = False, 0, MemoryOrders()

    async def connect(self) -> Orders:
        self.tries += 1
        if not self.here:
            raise StoreUnavailable("nobody listens")
        return self.orders


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (refreshed, snowflake, store):
        monkeypatch.setattr(module, "RETRY_SECONDS", 0.01)


@asynccontextmanager
async def started(cassandra: Cassandra) -> AsyncIterator[Services]:
    """An API's services, but Kafka."""
    services = Services.of(SETTINGS)
    services.store._connect = cassandra.connect
    parts = (services.store, services.lease, services.identity)
    for part in parts:
        await part.start()
    yield services
    for part in reversed(parts):
        await part.stop()


def found(services: Services) -> dict[str, bool]:
    """What /readyz tells of all but Kafka."""
    return {name: check() for name, check in services.checks.items() if name != "kafka"}


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not holds():
            await asyncio.sleep(0.001)


def knows(services: Services) -> bool:
    """Whether it can tell that an API key is none."""
    try:
        services.identity.authenticator.verify(new_key("x", frozenset(), None, 0, "ops", 1)[0])
    except UnknownKey:
        return True
    except Away:
        return False
    raise AssertionError("taken")


def failed_reads() -> float:
    return REGISTRY.get_sample_value("lacak_dependency_retries_total", {"dependency": "api_keys"}) or 0


async def test_it_is_ready_with_ids_and_api_keys_and_reads_nothing_before_it_is_connected() -> None:
    cassandra, before = Cassandra(), failed_reads()
    async with started(cassandra) as services:
        await until(lambda: cassandra.tries > 5)
        assert found(services) == NOTHING
        cassandra.here = True
        await until(lambda: found(services) == ALL)
        assert services.lease.there and knows(services)
        assert failed_reads() == before


async def test_without_cassandra_it_is_ready_after_a_while_and_has_all_when_it_comes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(store, "SETTLE_SECONDS", 0.05)
    cassandra = Cassandra()
    async with started(cassandra) as services:
        await until(lambda: found(services) == ALL)
        assert not services.lease.there and not knows(services)
        cassandra.here = True
        await until(lambda: services.lease.there and knows(services))
        assert found(services) == ALL and not services.failed
