"""Real servers: one Kafka and one Cassandra a session, topics and tables of its own a test."""

from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

import stack
from fresh import drop, fresh_settings
from hatch_build import stale
from streams.settings import Settings

# How long an example takes is the machine's, which does other things too, and no property of ours.
hypothesis.settings.register_profile("lacak", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("lacak")


def pytest_configure() -> None:
    """What is compiled comes before its source, however old it is."""
    if changed := stale(Path(__file__).parents[1]):
        pytest.exit(f"run python hatch_build.py: since it was compiled changed {', '.join(changed)}", 2)


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[stack.Servers]:
    """Kafka and Cassandra of the session's own, on ports of their own."""
    servers = stack.start_servers(tmp_path_factory.mktemp("servers"))
    yield servers
    servers.stop()


@pytest.fixture
def settings(servers: stack.Servers, tmp_path: Path) -> Iterator[Settings]:
    """Settings for those servers with topics and tables that nobody else uses."""
    settings = fresh_settings(servers, tmp_path)
    yield settings
    drop(settings)
