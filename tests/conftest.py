"""Real servers: one Kafka and one Cassandra a session, a topic prefix and a keyspace of its own a test."""

import asyncio
import itertools
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

import stack
from streams.kafka import ensure_topics
from streams.settings import Settings

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[stack.Servers]:
    """Kafka and Cassandra of the session's own, on ports of their own."""
    servers = stack.start_servers(tmp_path_factory.mktemp("servers"))
    yield servers
    servers.stop()


@pytest.fixture
def settings(servers: stack.Servers, tmp_path: Path) -> Settings:
    """Settings for those servers with topics and tables that nobody else uses; both are made."""
    return fresh_settings(servers, tmp_path)


def fresh_settings(servers: stack.Servers, directory: Path, **changes: object) -> Settings:
    """Settings under a new topic prefix and keyspace; the topics and tables are made."""
    from tables.migrate import migrate

    name = f"t{os.getpid()}x{next(_numbers)}"
    values: dict[str, object] = {
        "kafka_bootstrap": servers.kafka_bootstrap,
        "cassandra_hosts": servers.cassandra_host,
        "cassandra_port": servers.cassandra_port,
        "cassandra_keyspace": name,
        "topic_prefix": f"{name}-",
        "partitions": 4,
        "jwt_secret": "a secret of the tests, 32 bytes long or more",
        "data_dir": directory / "faust",
        "local_dir": directory,
    }
    settings = Settings(_env_file=None, **{**values, **changes})  # type: ignore[call-arg,arg-type]
    asyncio.run(ensure_topics(settings))
    asyncio.run(migrate(settings))
    return settings


def environment(settings: Settings) -> dict[str, str]:
    """What a child process needs to have the same settings."""
    values = {f"LACAK_{name.upper()}": str(value) for name, value in settings.model_dump().items()}
    return {**os.environ, **values}
