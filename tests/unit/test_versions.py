"""Kafka and Cassandra are deployed in the versions on which the tests run: those that deploy/local has."""

import re
from pathlib import Path

import pytest

from deploy.local.config import HERE
from deploy.local.jars import read_lock

DEPLOY = Path(__file__).parents[2] / "deploy"
SERVERS = {"kafka": "org.apache.kafka:kafka_2.13", "cassandra": "org.apache.cassandra:cassandra-all"}
NAMED = {
    "kafka": {
        "compose/compose.yaml": r"image: apache/kafka:(\S+)",
        "kubernetes/components/open/kafka.yaml": r"image: apache/kafka:(\S+)",
        "kubernetes/components/kafka/kafka.yaml": r"^    version: (\S+)",
    },
    "cassandra": {
        "compose/compose.yaml": r"image: cassandra:(\S+)",
        "kubernetes/components/open/cassandra.yaml": r"image: cassandra:(\S+)",
        "kubernetes/components/cassandra/cassandra.yaml": r"serverVersion: (\S+)",
    },
}


@pytest.mark.parametrize("server", SERVERS)
def test_what_is_deployed_is_what_is_tested(server: str) -> None:
    [tested] = [
        jar.version
        for jar in read_lock(HERE / server / "jars.lock")
        if f"{jar.group}:{jar.artifact}" == SERVERS[server]
    ]
    for file, version in NAMED[server].items():
        assert re.findall(version, (DEPLOY / file).read_text(), re.MULTILINE) == [tested], file
