"""Settings, topics and tables that nobody else uses, on the session's servers."""

import asyncio
import os
import secrets
from pathlib import Path

from aiokafka.errors import KafkaError
from cassandra.cluster import Cluster
from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_fixed

import stack
from streams.kafka import ensure_topics
from streams.settings import Settings
from tables.migrate import migrate


def fresh_settings(servers: stack.Servers, directory: Path, **changes: object) -> Settings:
    """Settings under a new topic prefix and keyspace; the topics and tables are made."""
    name = f"t{secrets.token_hex(5)}"
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
    _make_topics(settings)
    asyncio.run(migrate(settings))
    return settings


@retry(retry=retry_if_exception_type(KafkaError), stop=stop_after_delay(30), wait=wait_fixed(0.5), reraise=True)
def _make_topics(settings: Settings) -> None:
    """A broker that the test before has frozen takes itself for dead for a moment: then it knows of no brokers."""
    asyncio.run(ensure_topics(settings))


def drop(settings: Settings) -> None:
    """Drops the tables: some hundred keyspaces in one small Cassandra would slow down all that comes after."""
    cluster = Cluster([settings.cassandra_hosts], port=settings.cassandra_port, protocol_version=5)
    try:
        session = cluster.connect()
        session.execute(f"DROP KEYSPACE IF EXISTS {settings.cassandra_keyspace}", timeout=60)
    finally:
        cluster.shutdown()


def environment(settings: Settings) -> dict[str, str]:
    """What a child process needs to have the same settings."""
    values = {f"LACAK_{name.upper()}": str(value) for name, value in settings.model_dump().items()}
    return {**os.environ, **values}
