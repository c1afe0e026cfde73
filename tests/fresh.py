"""Settings, topics and tables that nobody else uses, on the session's servers."""

import asyncio
import os
import secrets
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from aiokafka.errors import KafkaError
from cassandra.cluster import Cluster
from pydantic import SecretStr
from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_fixed

import stack
from streams.kafka import ensure_topics
from streams.settings import Settings
from tables.cassandra_cluster import build_cluster
from tables.migrate import migrate

_idle: defaultdict[tuple[str, int], list[str]] = defaultdict(list)
"""Of each Cassandra, the keyspaces that nobody uses any more; their tables are empty."""


def fresh_settings(servers: stack.Servers, directory: Path, **changes: object) -> Settings:
    """Settings with topics and tables that nobody else uses: new topics, and tables that are new or empty again."""
    name = f"t{secrets.token_hex(5)}"
    idle = _idle[servers.cassandra_host, servers.cassandra_port]
    emptied = idle.pop() if idle else ""
    values: dict[str, object] = {
        "kafka_bootstrap": servers.kafka_bootstrap,
        "cassandra_hosts": servers.cassandra_host,
        "cassandra_port": servers.cassandra_port,
        "cassandra_keyspace": emptied or name,
        "topic_prefix": f"{name}-",
        "partitions": 4,
        "jwt_secret": "a secret of the tests, 32 bytes long or more",
        "data_dir": directory / "faust",
        "local_dir": directory,
    }
    settings = Settings(_env_file=None, **{**values, **changes})  # type: ignore[call-arg,arg-type]
    _make_topics(settings)
    if not emptied:
        asyncio.run(migrate(settings))
    return settings


@retry(retry=retry_if_exception_type(KafkaError), stop=stop_after_delay(30), wait=wait_fixed(0.5), reraise=True)
def _make_topics(settings: Settings) -> None:
    """A broker that the test before has frozen takes itself for dead for a moment: then it knows of no brokers."""
    asyncio.run(ensure_topics(settings))


def drop(settings: Settings) -> None:
    """Gives the tables up; the next test gets them, empty. New ones each time, and hundreds of them, would take a small
    Cassandra longer than most tests take."""
    host, port, keyspace = settings.cassandra_hosts, settings.cassandra_port, settings.cassandra_keyspace
    cluster = Cluster([host], port=port, protocol_version=5)
    try:
        session = cluster.connect(keyspace)
        tables = cluster.metadata.keyspaces[keyspace].tables.keys() - {"schema_migrations"}
        used = [table for table in tables if session.execute(f"SELECT * FROM {table} LIMIT 1").one()]
        for emptying in [session.execute_async(f"TRUNCATE {table}", timeout=60) for table in used]:
            emptying.result()
    finally:
        cluster.shutdown()
    _idle[host, port].append(keyspace)


@contextmanager
def without_table(settings: Settings, table: str) -> Iterator[None]:
    """Somebody drops it. It is made anew, empty, also where the test failed: the next one gets the keyspace."""
    keyspace = settings.cassandra_keyspace
    with build_cluster(settings) as cluster:
        session = cluster.connect(keyspace)
        made = cluster.metadata.keyspaces[keyspace].tables[table].as_cql_query()
        session.execute(f"DROP TABLE {table}", timeout=60)
        try:
            yield
        finally:
            session.execute(made, timeout=60)


def environment(settings: Settings) -> dict[str, str]:
    """What a child process needs to have the same settings."""
    values = {f"LACAK_{name.upper()}": _text(value) for name, value in settings.model_dump().items()}
    return {**os.environ, **values}


def _text(value: object) -> str:
    """As a variable of the environment has it; an empty one counts as absent."""
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    return "" if value is None else str(value)
