"""Kafka and Cassandra as services: their files filled in, their command lines, their readiness."""

import base64
import subprocess
import uuid
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from string import Template

from deploy.local import jars
from deploy.local.config import HERE, Config
from deploy.local.java import ensure_java
from deploy.local.processes import Process
from deploy.local.ready import cassandra_answers, kafka_answers
from deploy.local.services import Service, StartFailed


def local_servers(config: Config, variables: Mapping[str, str]) -> list[Service]:
    """The servers that this stack starts itself, with all that they need fetched.

    Raises jars.WrongChecksum or OSError when a jar cannot be had.
    """
    wanted = [name for name, elsewhere in servers(config).items() if not elsewhere]
    locks = {name: jars.read_lock(HERE / name / "jars.lock") for name in wanted}
    if not wanted:
        return []
    java = ensure_java(variables, config.cache)
    jars.ensure([jar for lock in locks.values() for jar in lock], config.cache)
    make = {"kafka": kafka, "cassandra": cassandra}
    return [
        make[name](config, java, [config.cache / "jars" / jar.path for jar in lock]) for name, lock in locks.items()
    ]


def servers(config: Config) -> dict[str, str]:
    """Each server's name, and where it is when it is not ours."""
    return {"kafka": config.kafka_elsewhere, "cassandra": config.cassandra_elsewhere}


def server_answers(config: Config) -> dict[str, Callable[[], bool]]:
    """For each server, the question whether it serves."""
    return {
        "kafka": partial(kafka_answers, config.host, config.kafka_port),
        "cassandra": partial(cassandra_answers, config.host, config.cassandra_port),
    }


def kafka(config: Config, java: Path, class_path: list[Path]) -> Service:
    """One broker that is its own controller."""
    home = config.folder / "run" / "kafka"
    data = config.folder / "data" / "kafka"
    values = {
        "HOST": config.host,
        "KAFKA_PORT": config.kafka_port,
        "KAFKA_CONTROLLER_PORT": config.kafka_controller_port,
        "HEAP": config.kafka_heap,
        "DATA": data,
        "TMP": home / "tmp",
        "CONFIG": home,
    }
    properties = str(home / "server.properties")

    def prepare() -> None:
        fill_in("kafka", home, values)
        write_arguments(home / "kafka.args", home / "jvm.options", class_path)
        if not (data / "meta.properties").exists():
            format_storage(java, home, data, properties)

    return Service(
        process=Process("kafka", config.folder),
        command=[str(java), f"@{home / 'kafka.args'}", "kafka.Kafka", properties],
        answers=server_answers(config)["kafka"],
        listens=[(config.host, config.kafka_port), (config.host, config.kafka_controller_port)],
        prepare=prepare,
    )


def format_storage(java: Path, home: Path, data: Path, properties: str) -> None:
    """Give an empty data folder its cluster id, as KRaft wants before the first start."""
    data.mkdir(parents=True, exist_ok=True)
    # An id that begins with "-" would be taken for an option.
    cluster = "L" + base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")[1:]
    command = [str(java), f"@{home / 'kafka.args'}", "kafka.tools.StorageTool", "format"]
    done = subprocess.run([*command, "-t", cluster, "-c", properties], capture_output=True, text=True)
    if done.returncode:
        raise StartFailed(f"kafka: its storage in {data} could not be formatted:\n{done.stdout}{done.stderr}")


def cassandra(config: Config, java: Path, class_path: list[Path]) -> Service:
    """One node, which is its own seed."""
    home = config.folder / "run" / "cassandra"
    values = {
        "HOST": config.host,
        "CASSANDRA_PORT": config.cassandra_port,
        "CASSANDRA_STORAGE_PORT": config.cassandra_storage_port,
        "HEAP": config.cassandra_heap,
        "DATA": config.folder / "data" / "cassandra",
        "TMP": home / "tmp",
        "CONFIG": home,
        "JAMM": next(jar for jar in class_path if jar.name.startswith("jamm-")),
    }

    def prepare() -> None:
        fill_in("cassandra", home, values)
        (home / "triggers").mkdir(exist_ok=True)
        write_arguments(home / "cassandra.args", home / "jvm.options", class_path)

    return Service(
        process=Process("cassandra", config.folder),
        command=[str(java), f"@{home / 'cassandra.args'}", "org.apache.cassandra.service.CassandraDaemon"],
        answers=server_answers(config)["cassandra"],
        listens=[(config.host, config.cassandra_port), (config.host, config.cassandra_storage_port)],
        prepare=prepare,
        grace=30,
    )


def fill_in(server: str, home: Path, values: Mapping[str, object]) -> None:
    """Write the server's configuration files with their ${...} filled in, and an empty folder for temporary files."""
    home.mkdir(parents=True, exist_ok=True)
    for source in (HERE / server).iterdir():
        if source.suffix in (".properties", ".options", ".yaml") or source.name == "logback.xml":
            (home / source.name).write_text(Template(source.read_text()).substitute(values))
    tmp = home / "tmp"
    tmp.mkdir(exist_ok=True)
    for left in tmp.iterdir():  # native libraries that a killed Java left behind
        if left.is_file():
            left.unlink()


def write_arguments(target: Path, options: Path, class_path: list[Path]) -> None:
    """A file of arguments for `java @file`: the options, then the class path."""
    lines = [line for line in options.read_text().splitlines() if line and not line.startswith("#")]
    lines += ["-cp", ":".join(map(str, class_path))]
    quoted = ('"' + line.replace("\\", "\\\\").replace('"', '\\"') + '"' for line in lines)
    target.write_text("\n".join(quoted) + "\n")
