"""Kafka and Cassandra as services: their files filled in, their command lines, their readiness."""

import base64
import contextlib
import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from string import Template

from deploy.local import jars, secure
from deploy.local.config import HERE, Config
from deploy.local.java import ensure_java
from deploy.local.processes import Process
from deploy.local.ready import cassandra_admits, cassandra_answers, kafka_answers, kafka_greets
from deploy.local.services import Service, StartFailed

JMX = HERE.parent / "observability" / "jmx"
PR_SET_TIMERSLACK = 29  # of prctl(2)
SLACK_NS = 1_000_000

KAFKA_ALONE = {"REPLICAS": 1, "MIN_INSYNC_REPLICAS": 1, "FOLLOWER_BYTES": 1, "FOLLOWER_WAIT": 25}
KAFKA_OF_THREE = {
    "REPLICAS": 3,
    "MIN_INSYNC_REPLICAS": 2,
    # Followers' fetches, each of which looks at every partition, are most of what a broker of three does on a small
    # machine. They wait a little, and bring more at a time: every write waits for that, and batches get larger.
    "FOLLOWER_BYTES": 65536,
    "FOLLOWER_WAIT": 100,
}
KAFKA_OPEN = {"CLIENT_PROTOCOL": "PLAINTEXT", "CONTROLLER_PROTOCOL": "PLAINTEXT"}
KAFKA_SECURE = {"CLIENT_PROTOCOL": "SASL_SSL", "CONTROLLER_PROTOCOL": "SSL"}
CASSANDRA_ALONE = {
    # It answers late rather than not at all.
    "REPLICA_TIMEOUT": "5000ms",
    "REQUEST_TIMEOUT": "10000ms",
    "GROUP_WINDOW": "5ms",
    "COMMITLOG_SEGMENT": "8MiB",
    "MEMTABLES": "64MiB",
    "COMMITLOG": "128MiB",
    "HINTS": "false",
    # There is no ring to remember, and nobody to tell goodbye.
    "REMEMBER_RING": "false",
    "GOODBYE_MS": 0,
}
CASSANDRA_OF_THREE = {
    # It soon gives up one that does not answer.
    "REPLICA_TIMEOUT": "2000ms",
    "REQUEST_TIMEOUT": "5000ms",
    # Three that wait for one disk.
    "GROUP_WINDOW": "20ms",
    # A new file every few seconds: a fault test with a full disk need not wait for it.
    "COMMITLOG_SEGMENT": "1MiB",
    # Under load for minutes it would spend a third of its time on flushing and compacting small tables.
    "MEMTABLES": "256MiB",
    "COMMITLOG": "1GiB",
    "HINTS": "true",
    # Without it, a node that starts again fails the writes that come before it has heard of its peers.
    "REMEMBER_RING": "true",
    "GOODBYE_MS": 500,
}


@dataclass(frozen=True)
class Place:
    """A server's place among those of its kind that work together; a lone one is the first of one."""

    name: str
    """Of its process, its folders and its log."""
    number: int
    """Counted from 1."""
    hosts: Sequence[str]
    """The addresses of all, in the order of their numbers."""

    @property
    def host(self) -> str:
        return self.hosts[self.number - 1]


@dataclass(frozen=True)
class Installed:
    """What the servers run on."""

    java: Path
    class_paths: Mapping[str, Sequence[Path]]


def installed(kinds: Iterable[str], cache: Path, variables: Mapping[str, str]) -> Installed:
    """Java, and the jars of these of `kafka` and `cassandra`, with what is missing in `cache` fetched.

    Raises jars.WrongChecksum or OSError when a jar cannot be had.
    """
    locks = {kind: jars.read_lock(HERE / kind / "jars.lock") for kind in kinds}
    java = ensure_java(variables, cache)
    jars.ensure([jar for lock in locks.values() for jar in lock], cache)
    return Installed(java, {kind: [cache / "jars" / jar.path for jar in lock] for kind, lock in locks.items()})


def local_servers(config: Config, variables: Mapping[str, str]) -> list[Service]:
    """The servers that this stack starts itself, with all that they need fetched.

    Raises jars.WrongChecksum or OSError when a jar cannot be had.
    """
    wanted = [name for name, elsewhere in servers(config).items() if not elsewhere]
    if not wanted:
        return []
    if config.secure:
        secure.prepare(config)
    there = installed(wanted, config.cache, variables)
    return [MAKE[name](config, Place(name, 1, [config.host]), there) for name in wanted]


def servers(config: Config) -> dict[str, str]:
    """Each server's name, and where it is when it is not ours."""
    return {"kafka": config.kafka_elsewhere, "cassandra": config.cassandra_elsewhere}


def server_answers(config: Config) -> dict[str, Callable[[], bool]]:
    """For each server, the question whether it serves."""
    return {"kafka": _kafka_serves(config, config.host), "cassandra": _cassandra_serves(config, config.host)}


def _kafka_serves(config: Config, host: str) -> Callable[[], bool]:
    if config.secure:
        return partial(kafka_greets, host, config.kafka_port, secure.tls(config) / "ca.pem")
    return partial(kafka_answers, host, config.kafka_port)


def _cassandra_serves(config: Config, host: str) -> Callable[[], bool]:
    if config.secure:
        ca, admin = secure.tls(config) / "ca.pem", secure.CASSANDRA_ADMIN
        return partial(cassandra_admits, host, config.cassandra_port, ca, admin, admin)
    return partial(cassandra_answers, host, config.cassandra_port)


def kafka(config: Config, place: Place, there: Installed) -> Service:
    """One broker that is a controller too."""
    home = config.folder / "run" / place.name
    data = config.folder / "data" / place.name
    voters = enumerate(place.hosts, 1)
    values = {
        "NODE_ID": place.number,
        "VOTERS": ",".join(f"{number}@{host}:{config.kafka_controller_port}" for number, host in voters),
        "HOST": place.host,
        "KAFKA_PORT": config.kafka_port,
        "KAFKA_CONTROLLER_PORT": config.kafka_controller_port,
        "COMPILER": config.jit,
        "HEAP": config.kafka_heap,
        "DATA": data,
        "TMP": home / "tmp",
        "CONFIG": home,
        "TLS": secure.tls(config),
        **(KAFKA_OF_THREE if len(place.hosts) > 1 else KAFKA_ALONE),
        **(KAFKA_SECURE if config.secure else KAFKA_OPEN),
    }
    properties = str(home / "server.properties")

    def prepare() -> None:
        admin = []
        if config.secure:
            password = secure.kafka_admin_password(config)
            values["KAFKA_ADMIN_PASSWORD"] = password
            admin = ["--add-scram", f"SCRAM-SHA-512=[name={secure.KAFKA_ADMIN},password={password}]"]
        fill_in("kafka", home, values, config.secure)
        write_arguments(home / "kafka.args", home / "jvm.options", there.class_paths["kafka"])
        if not (data / "meta.properties").exists():
            format_storage(there.java, home, data, cluster_id(config.folder / "data" / "kafka-id"), admin)

    return Service(
        process=Process(place.name, config.folder),
        command=[
            str(there.java),
            *agent("kafka", place, config.kafka_metrics_port, there),
            f"@{home / 'kafka.args'}",
            "kafka.Kafka",
            properties,
        ],
        answers=_kafka_serves(config, place.host),
        listens=[(place.host, config.kafka_port), (place.host, config.kafka_controller_port)],
        prepare=prepare,
    )


def format_storage(java: Path, home: Path, data: Path, cluster: str, more: Sequence[str]) -> None:
    """Give an empty data folder its cluster's id, as KRaft wants before the first start."""
    data.mkdir(parents=True, exist_ok=True)
    command = [str(java), f"@{home / 'kafka.args'}", "kafka.tools.StorageTool", "format"]
    command += ["-t", cluster, "-c", str(home / "server.properties"), *more]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise StartFailed(f"{data.name}: its storage in {data} could not be formatted:\n{done.stdout}{done.stderr}")


def cluster_id(kept: Path) -> str:
    """The Kafka cluster's id in the file `kept`; the first of the brokers that asks makes it."""
    kept.parent.mkdir(parents=True, exist_ok=True)
    new = kept.with_name(f"{kept.name}-{uuid.uuid4()}")
    # An id that begins with "-" would be taken for an option.
    new.write_text("L" + base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")[1:])
    with contextlib.suppress(FileExistsError):
        os.link(new, kept)
    new.unlink()
    return kept.read_text()


def cassandra(config: Config, place: Place, there: Installed) -> Service:
    """One node; every node of its cluster is a seed."""
    home = config.folder / "run" / place.name
    class_path = there.class_paths["cassandra"]
    values = {
        "INITIAL_TOKEN": (place.number - 1) * (2**64 // len(place.hosts)) - 2**63,
        "SEEDS": ",".join(f"{host}:{config.cassandra_storage_port}" for host in place.hosts),
        "HOST": place.host,
        "CASSANDRA_PORT": config.cassandra_port,
        "CASSANDRA_STORAGE_PORT": config.cassandra_storage_port,
        "COMPILER": config.jit,
        "HEAP": config.cassandra_heap,
        "DATA": config.folder / "data" / place.name,
        "TMP": home / "tmp",
        "CONFIG": home,
        "TLS": secure.tls(config),
        "JAMM": next(jar for jar in class_path if jar.name.startswith("jamm-")),
        **(CASSANDRA_OF_THREE if len(place.hosts) > 1 else CASSANDRA_ALONE),
    }

    def prepare() -> None:
        fill_in("cassandra", home, values, config.secure)
        (home / "triggers").mkdir(exist_ok=True)
        write_arguments(home / "cassandra.args", home / "jvm.options", class_path)

    return Service(
        process=Process(place.name, config.folder),
        command=[
            *sleepily(),
            str(there.java),
            *agent("cassandra", place, config.cassandra_metrics_port, there),
            f"@{home / 'cassandra.args'}",
            "org.apache.cassandra.service.CassandraDaemon",
        ],
        answers=_cassandra_serves(config, place.host),
        listens=[(place.host, config.cassandra_port), (place.host, config.cassandra_storage_port)],
        prepare=prepare,
        grace=30,
    )


def agent(kind: str, place: Place, port: int, there: Installed) -> list[str]:
    """The option with which a server tells Prometheus what it measures, at `port`; none where that is 0."""
    if not port:
        return []
    jar = next(jar for jar in there.class_paths[kind] if jar.name.startswith("jmx_prometheus_javaagent-"))
    return [f"-javaagent:{jar}={place.host}:{port}:{JMX / f'{kind}.yaml'}"]


def sleepily() -> list[str]:
    """What goes before a command whose threads need not wake up to the microsecond.

    Cassandra's workers wait for work by sleeping for 10 µs again and again, which takes a core from a small machine.
    On Linux they sleep for at least a millisecond.
    """
    if sys.platform != "linux":
        return []
    slack = f"ctypes.CDLL(None).prctl({PR_SET_TIMERSLACK}, {SLACK_NS})"
    code = f"import ctypes, os, sys; {slack}; os.execvp(sys.argv[1], sys.argv[1:])"
    return [sys.executable, "-S", "-c", code]


MAKE: Mapping[str, Callable[[Config, Place, Installed], Service]] = {"kafka": kafka, "cassandra": cassandra}
"""For each kind of server, what makes one of it a service."""


def fill_in(server: str, home: Path, values: Mapping[str, object], secured: bool) -> None:
    """Write the server's configuration files with their ${...} filled in, and an empty folder for temporary files.

    `secured`: with what is in the file of the same name with `.secure` behind it. Only the owner reads them: there may
    be a password in them."""
    home.mkdir(parents=True, exist_ok=True)
    for source in (HERE / server).iterdir():
        if source.suffix in (".properties", ".options", ".yaml") or source.name == "logback.xml":
            more = source.with_name(f"{source.name}.secure")
            text = source.read_text() + (more.read_text() if secured and more.exists() else "")
            filled = home / source.name
            filled.touch(mode=0o600)
            filled.write_text(Template(text).substitute(values))
    tmp = home / "tmp"
    tmp.mkdir(exist_ok=True)
    for left in tmp.iterdir():  # native libraries that a killed Java left behind
        if left.is_file():
            left.unlink()


def write_arguments(target: Path, options: Path, class_path: Sequence[Path]) -> None:
    """A file of arguments for `java @file`: the options, then the class path."""
    lines = [line for line in options.read_text().splitlines() if line and not line.startswith("#")]
    lines += ["-cp", ":".join(map(str, class_path))]
    quoted = ('"' + line.replace("\\", "\\\\").replace('"', '\\"') + '"' for line in lines)
    target.write_text("\n".join(quoted) + "\n")
