"""The fault-test cluster goes on without one of its brokers and one of its nodes, and takes them back."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cassandra import ConsistencyLevel
from cassandra.cluster import EXEC_PROFILE_DEFAULT, ExecutionProfile, Session
from cassandra.cluster import Cluster as Driver
from cassandra.policies import RoundRobinPolicy
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

from deploy.local.cluster import Cluster, private_net
from deploy.local.config import cache_folder, read_variables


def test_without_one_broker_and_one_node_writes_go_on_and_down_leaves_nothing(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path, cache_folder(read_variables()), private_net())
    everyone = [f"{kind}-{number}" for kind in ("kafka", "cassandra") for number in (1, 2, 3)]
    try:
        cluster.start()
        assert cluster.alive() == everyone
        admin = AdminClient({"bootstrap.servers": cluster.bootstrap})
        admin.create_topics([NewTopic("kept", 6)])["kept"].result(30)
        with session(cluster) as cassandra:
            cassandra.execute(
                "CREATE KEYSPACE kept WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 3}"
            )
            cassandra.execute("CREATE TABLE kept.rows (id int PRIMARY KEY)")

        cluster.kill9("kafka-2")
        cluster.pause("cassandra-2")
        cluster.kill9("cassandra-2")
        assert cluster.alive() == [name for name in everyone if not name.endswith("2")]
        assert acknowledged(cluster, 60) == 60
        with session(cluster, ConsistencyLevel.LOCAL_QUORUM) as cassandra:
            for number in range(60):
                cassandra.execute("INSERT INTO kept.rows (id) VALUES (%s)", (number,), timeout=30)

        cluster.start()  # what does not run, with the data it has
        assert {line.split()[1] for line in cluster.status().splitlines()} == {"running"}
        with session(cluster, ConsistencyLevel.ALL) as cassandra:
            assert {row.id for row in cassandra.execute("SELECT id FROM kept.rows", timeout=30)} == set(range(60))
    finally:
        cluster.stop()
    assert cluster.alive() == []
    told = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert [line for line in told.splitlines() if str(tmp_path) in line] == []


def test_a_member_that_there_is_not_and_another_net_are_refused(tmp_path: Path) -> None:
    def told(*words: str) -> str:
        command = [sys.executable, "-m", "deploy.local.cluster", "--folder", str(tmp_path), *words]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 1
        return done.stderr

    assert "kafka-1, kafka-2, kafka-3" in told("--net", "127.1.2", "kill9", "kafka-4")
    assert "lives on 127.1.2" in told("--net", "127.1.3", "status")


def acknowledged(cluster: Cluster, count: int) -> int:
    """How many of `count` records are on all in-sync replicas, by the brokers' word."""
    errors: list[object] = []
    producer = Producer({"bootstrap.servers": cluster.bootstrap, "acks": "all", "log_level": 0})
    for number in range(count):
        producer.produce("kept", key=str(number), value=b"x", on_delivery=lambda error, _: errors.append(error))
    producer.flush(60)
    return errors.count(None)


@contextmanager
def session(cluster: Cluster, consistency: int = ConsistencyLevel.LOCAL_QUORUM) -> Iterator[Session]:
    """A session of the driver with those nodes that live, closed at the end."""
    profile = ExecutionProfile(load_balancing_policy=RoundRobinPolicy(), consistency_level=consistency)
    driver = Driver(
        cluster.hosts.split(","),
        port=cluster.cassandra_port,
        execution_profiles={EXEC_PROFILE_DEFAULT: profile},
        protocol_version=5,
        connect_timeout=30,
    )
    try:
        yield driver.connect()
    finally:
        driver.shutdown()
