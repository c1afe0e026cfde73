"""Two push gateways on one set of topics, for a module's tests: each test has users of its own."""

import itertools
from collections.abc import Iterator

import pytest

from fresh import drop, fresh_settings
from live_clients import until_served
from rest import Rest, running
from stack import Servers
from streams.settings import Settings

_users = itertools.count(1000)


@pytest.fixture(scope="module")
def live_settings(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    settings = fresh_settings(servers, tmp_path_factory.mktemp("live"), drain_seconds=0, heartbeat=1)
    yield settings
    drop(settings)


@pytest.fixture(scope="module", params=[False, True], ids=["direct", "portable"])
def portable(request: pytest.FixtureRequest) -> bool:
    """Live push straight on uvicorn's transports, and as it is on any ASGI server: one contract for both."""
    return bool(request.param)


@pytest.fixture(scope="module")
def gateway(live_settings: Settings, portable: bool) -> Iterator[Rest]:
    """A push gateway, ready."""
    with running("gateway", live_settings, portable) as rest:
        until_served(rest)
        yield rest


@pytest.fixture(scope="module")
def other_gateway(live_settings: Settings) -> Iterator[Rest]:
    """Another one beside it."""
    with running("gateway", live_settings) as rest:
        until_served(rest)
        yield rest


@pytest.fixture
def user() -> int:
    """A user whom no other test has."""
    return next(_users)
