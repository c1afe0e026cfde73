"""A Kafka and a Cassandra for a test session: real ones, small, on an address and ports that nobody else has.

They are those of deploy/local. `LACAK_TEST_KAFKA` and `LACAK_TEST_CASSANDRA` (host:port) name existing ones to be
used instead; these can be neither killed nor restarted.
"""

import os
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from deploy.local.config import Config, cache_folder
from deploy.local.ready import port_is_free
from deploy.local.servers import local_servers
from deploy.local.services import Service, start_all, stop_all

PORTS = range(10_000, 32_000)
"""Below those that systems give to outgoing connections."""
SHARE = 100
"""Of them, for one test process."""


@dataclass(frozen=True)
class Servers:
    """Where the session's servers listen, and what can be done to them."""

    kafka_bootstrap: str
    cassandra_host: str
    cassandra_port: int
    services: dict[str, Service] = field(default_factory=dict)
    """Those that are ours, by name: `kafka`, `cassandra`."""
    metrics: dict[str, str] = field(default_factory=dict)
    """Where those tell Prometheus what they measure."""

    def stop(self) -> None:
        """Stop those that are ours; they are gone when this returns."""
        stop_all([(service.process, service.grace) for service in self.services.values()])

    def stop_one(self, name: str) -> None:
        """SIGTERM to `kafka` or `cassandra`: what it has is in its files, and it is gone, when this returns."""
        service = self.services[name]
        service.process.stop(service.grace)

    def kill9(self, name: str) -> None:
        """SIGKILL to `kafka` or `cassandra`; it is gone when this returns."""
        service = self.services[name]
        if not service.process.pid():
            raise AssertionError(f"{name} is not running. {service.last_words()}")
        service.process.kill9()

    def restart(self, name: str) -> None:
        """Start it again, with the data it had; it serves when this returns."""
        start_all([self.services[name]], print)


def start_servers(folder: Path, **changes: Any) -> Servers:
    """Start what `LACAK_TEST_…` does not name, with everything it keeps under `folder`; returns when both serve.
    `changes`: of `private_config`'s."""
    there = {"kafka": os.environ.get("LACAK_TEST_KAFKA", ""), "cassandra": os.environ.get("LACAK_TEST_CASSANDRA", "")}
    config = replace(private_config(folder, there["kafka"], there["cassandra"]), **changes)
    services = {service.name: service for service in local_servers(config, os.environ)}
    kafka = there["kafka"] or f"{config.host}:{config.kafka_port}"
    host, _, port = (there["cassandra"] or f"{config.host}:{config.cassandra_port}").rpartition(":")
    ports = {"kafka": config.kafka_metrics_port, "cassandra": config.cassandra_metrics_port}
    metrics = {name: f"{config.host}:{port}" for name, port in ports.items()}
    servers = Servers(kafka, host, int(port), services, metrics)
    with ExitStack() as on_failure:
        on_failure.callback(servers.stop)
        start_all(list(services.values()), print)
        on_failure.pop_all()
    return servers


def private_config(folder: Path, kafka: str = "", cassandra: str = "") -> Config:
    """A stack of our own under `folder`: free ports, small heaps. It touches no other one."""
    host = private_address()
    ports = free_ports(host, 9)
    return Config(
        folder=folder,
        cache=cache_folder(os.environ),
        host=host,
        kafka_port=ports[0],
        kafka_controller_port=ports[1],
        kafka_heap="256m",
        cassandra_port=ports[2],
        cassandra_storage_port=ports[3],
        cassandra_heap="384m",
        kafka_metrics_port=ports[7],
        cassandra_metrics_port=ports[8],
        kafka_elsewhere=kafka,
        cassandra_elsewhere=cassandra,
        http_host=host,
        http_port=ports[4],
        metrics_host=host,
        track_metrics_port=ports[5],
        notify_metrics_port=ports[6],
    )


def private_address() -> str:
    """A loopback address that other test runs hardly use; 127.0.0.1 where the system has no other."""
    pid = os.getpid()
    address = f"127.{64 + pid // 62500 % 64}.{pid // 250 % 250}.{1 + pid % 250}"
    try:
        port_is_free(address, 0)
    except OSError:
        return "127.0.0.1"
    return address


def free_ports(host: str, count: int) -> list[int]:
    """Ports that nobody listens on there, all different; they stay free until their server, which takes a moment to
    start, listens: no other test run, and no outgoing connection, is given one of them."""
    return list(islice((port for port in _own_ports() if port_is_free(host, port)), count))


@cache
def _own_ports() -> Iterator[int]:
    """This process's share of the ports, in turn."""
    first = PORTS[os.getpid() * SHARE % len(PORTS)]
    return cycle(range(first, first + SHARE))


def environment(config: Config) -> dict[str, str]:
    """The variables with which `deploy.local.stack` runs that stack, and no other."""
    private = {name: value for name, value in os.environ.items() if not name.startswith("LACAK_")}
    return private | {
        "LACAK_CACHE": str(config.cache),
        "LACAK_LOCAL_DIR": str(config.folder),
        "LACAK_LOCAL_HOST": config.host,
        "LACAK_LOCAL_KAFKA_PORT": str(config.kafka_port),
        "LACAK_LOCAL_KAFKA_CONTROLLER_PORT": str(config.kafka_controller_port),
        "LACAK_LOCAL_KAFKA_HEAP": config.kafka_heap,
        "LACAK_LOCAL_CASSANDRA_PORT": str(config.cassandra_port),
        "LACAK_LOCAL_CASSANDRA_STORAGE_PORT": str(config.cassandra_storage_port),
        "LACAK_LOCAL_CASSANDRA_HEAP": config.cassandra_heap,
        "LACAK_LOCAL_KAFKA_METRICS_PORT": str(config.kafka_metrics_port),
        "LACAK_LOCAL_CASSANDRA_METRICS_PORT": str(config.cassandra_metrics_port),
        "LACAK_HTTP_HOST": config.http_host,
        "LACAK_HTTP_PORT": str(config.http_port),
        "LACAK_METRICS_HOST": config.metrics_host,
        "LACAK_TRACK_METRICS_PORT": str(config.track_metrics_port),
        "LACAK_NOTIFY_METRICS_PORT": str(config.notify_metrics_port),
    }
