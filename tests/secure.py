"""A Kafka and a Cassandra with TLS and a user for each service, made by Lacak's own commands, for a test module."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import stack
from command import lacak
from deploy.local import secure
from deploy.local.config import Config
from deploy.local.servers import local_servers
from deploy.local.services import Service, start_all, stop_all
from streams.settings import Settings

SECRET = "a secret of the tests, 32 bytes long or more"


@dataclass(frozen=True)
class Secure:
    """The servers, and whoever may use them."""

    config: Config
    services: list[Service]

    def settings(self, service: str, **changes: Any) -> Settings:
        """The settings of a service, or of `admin`, as deploy/local writes them."""
        mine = secure.variables(self.config, service)
        values: dict[str, Any] = {name.removeprefix("LACAK_").lower(): value for name, value in mine.items()}
        values |= {"partitions": 3, "jwt_secret": SECRET, "local_dir": self.config.folder}
        values |= {"data_dir": self.config.folder / "faust", "drain_seconds": 1}
        return Settings(_env_file=None, **{**values, **changes})  # type: ignore[call-arg]

    def run(self, service: str, *words: object, code: int = 0, **changes: Any) -> list[str]:
        """A command of ours as this service; the lines that it prints, or those it complains in."""
        done = lacak(self.settings(service, **changes), *words, code=code)
        return (done.stderr if code else done.stdout).splitlines()

    @property
    def passwords(self) -> Path:
        return secure.passwords(self.config)

    def stop(self) -> None:
        stop_all([(service.process, service.grace) for service in self.services])


def start_secure(folder: Path, variables: Mapping[str, str] = os.environ) -> Secure:
    """Starts both; nobody but the administrators is known to them yet."""
    config = replace(stack.private_config(folder), secure=True)
    servers = Secure(config, local_servers(config, variables))
    try:
        start_all(servers.services, print)
    except BaseException:
        servers.stop()
        raise
    return servers


def set_up(servers: Secure) -> None:
    """Users, topics, tables and grants, in the order that docs/security.md gives."""
    for kind in ("kafka", "cassandra"):
        servers.run("admin", "grants", kind, "--passwords", servers.passwords)
    servers.run("deploy", "topics")
    servers.run("deploy", "migrate")
    servers.run("admin", "grants", "cassandra")
