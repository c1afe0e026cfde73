"""Lacak's own processes as services, and the commands that make the schema and the topics before them."""

import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from deploy.local import secure
from deploy.local.config import Config, reachable
from deploy.local.processes import Process
from deploy.local.ready import http_answers
from deploy.local.services import Service, StartFailed

LACAK = Path(sys.executable).with_name("lacak")
SIMULATE = ["simulate", "--forever", "--orders", "60", "--rate", "10"]


def environment(config: Config, service: str) -> dict[str, str]:
    """What a process needs to know of this stack, and where that is secure, who it is; the rest it reads itself."""
    values = {"LACAK_LOCAL_STACK": "true", "LACAK_LOCAL_DIR": str(config.folder)}
    if not config.kafka_elsewhere:
        values["LACAK_KAFKA_BOOTSTRAP"] = f"{config.host}:{config.kafka_port}"
    if not config.cassandra_elsewhere:
        values |= {"LACAK_CASSANDRA_HOSTS": config.host, "LACAK_CASSANDRA_PORT": str(config.cassandra_port)}
    if config.secure:
        values |= secure.variables(config, service)
    # Nobody waits at this gateway for half a minute of polite goodbyes.
    usual = {"LACAK_DATA_DIR": str(config.folder / "data" / "faust"), "LACAK_DRAIN_SECONDS": "1"}
    return {**usual, **os.environ, **values}


def lacak_services(config: Config) -> list[Service]:
    """The two workers, and the order-tracking API with the push gateway on one port."""
    metrics = config.metrics_host
    return [
        _serve(config, "track", metrics, config.track_metrics_port, "/metrics"),
        _serve(config, "notify", metrics, config.notify_metrics_port, "/metrics"),
        _serve(config, "web", config.http_host, config.http_port, "/readyz"),
    ]


def _serve(config: Config, name: str, host: str, port: int, path: str) -> Service:
    return Service(
        process=Process(name, config.folder),
        command=[str(LACAK), "serve", name],
        answers=partial(http_answers, reachable(host), port, path),
        listens=[(host, port)],
        environment=environment(config, name),
    )


def set_up(config: Config, say: Callable[[str], None]) -> None:
    """Schema and topics, and where the stack is secure, users and what they may do. Idempotent.

    Raises StartFailed with the command's own words."""
    if config.secure:
        for kind in ("kafka", "cassandra"):
            _run(config, secure.ADMIN, "grants", kind, "--passwords", str(secure.passwords(config)))
    with ThreadPoolExecutor() as threads:
        list(threads.map(lambda command: _run(config, "deploy", command), ("migrate", "topics")))
    say("schema and topics: there")
    if config.secure:
        _run(config, secure.ADMIN, "grants", "cassandra")
        say(f"users and grants: there; to run a command as one: set -a; . {secure.env_file(config, 'ops')}; set +a")


def _run(config: Config, service: str, *command: str) -> None:
    done = subprocess.run([LACAK, *command], env=environment(config, service), capture_output=True, text=True)
    if done.returncode:
        raise StartFailed(f"`lacak {' '.join(command)}` failed:\n{done.stdout}{done.stderr}")


def simulator(config: Config) -> Process:
    """The simulated couriers of `make run`."""
    return Process("simulate", config.folder)


def start_simulator(config: Config) -> None:
    """Start the couriers with this terminal as theirs, but out of reach of its Ctrl-C, which is ours to handle."""
    simulator(config).start([str(LACAK), *SIMULATE], environment(config, "shop"), terminal=True)
