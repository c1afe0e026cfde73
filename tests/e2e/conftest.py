"""All of Lacak, as `make up` has it, on servers of the tests' own."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

import stack
from chromium import chromium
from fresh import drop, fresh_settings
from lacak import Lacak, ready
from processes import Process, free_port, running, until


@pytest.fixture(scope="module")
def lacak(servers: stack.Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lacak]:
    """Worker, notification worker, API and gateway, ready; made anew for each module."""
    changes = {"http_port": free_port(), "local_stack": True, "drain_seconds": 2.0}
    settings = fresh_settings(servers, tmp_path_factory.mktemp("lacak"), **changes)
    track, web = Process("track", settings), Process("web", settings)
    url = f"http://{settings.http_host}:{settings.http_port}"
    with running(track, Process("notify", settings), web):
        until(lambda: ready(url), what="/readyz")
        yield Lacak(settings, track, web, url)
    drop(settings)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser
