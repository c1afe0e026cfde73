"""One API gateway for all of these tests, before services that tell what reached them."""

from collections.abc import Iterator

import httpx
import pytest

import echo
import edge as edges
from edge import SECRET, Edge


@pytest.fixture(scope="package")
def service() -> Iterator[echo.Echo]:
    with echo.running() as running:
        yield running


@pytest.fixture(scope="package")
def edge(service: echo.Echo, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    folder = tmp_path_factory.mktemp("edge")
    changes = {"LACAK_JWT_SECRET": SECRET, "REQUEST_TIMEOUT": "1s"}
    with edges.running(folder, [service.address], [service.address], **changes) as running:
        yield running


@pytest.fixture(scope="package")
def client(edge: Edge) -> Iterator[httpx.Client]:
    with edge.client() as client:
        yield client
