"""An order-tracking API for a module's tests, which never need each other's orders; and one that has a worker."""

from collections.abc import Iterator

import pytest

from fresh import drop, fresh_settings
from processes import Process
from rest import Rest, running
from stack import Servers


@pytest.fixture(scope="module")
def api(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rest]:
    """A running API on topics and tables of its own, ready."""
    settings = fresh_settings(servers, tmp_path_factory.mktemp("rest"), local_stack=True)
    with running("api", settings) as rest:
        rest.until_ready()
        yield rest
    drop(settings)


@pytest.fixture(scope="module")
def rest(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rest]:
    """An API and an order-tracking worker."""
    settings = fresh_settings(servers, tmp_path_factory.mktemp("rest"))
    with running("api", settings) as rest, Process("track", settings):
        rest.until_ready()
        yield rest
    drop(settings)
