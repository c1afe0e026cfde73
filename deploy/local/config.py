"""Where the one-machine stack lives and listens.

These scripts run before the project is installed, so they read the environment themselves (streams/settings.py is
the only other reader): variables named `LACAK_…`, and a `.env` file in the working directory that they outrank.
"""

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
ENV_FILE = Path(".env")
FIRST_COMPILER, BOTH_COMPILERS = 1, 4


@dataclass(frozen=True)
class Config:
    """One local stack. Two of them with different ports and folders never touch each other."""

    folder: Path
    cache: Path
    host: str = "127.0.0.1"
    kafka_port: int = 9092
    kafka_controller_port: int = 9093
    kafka_heap: str = "384m"
    cassandra_port: int = 9042
    cassandra_storage_port: int = 7000
    cassandra_heap: str = "512m"
    kafka_metrics_port: int = 0
    """Where Kafka tells Prometheus what it measures; 0: nowhere."""
    cassandra_metrics_port: int = 0
    jit: int = FIRST_COMPILER
    """Of the servers' JVMs (TieredStopAtLevel). With the first compiler they start fastest; under a load that lasts,
    six servers on two cores need both."""
    secure: bool = False
    """TLS, passwords and least rights inside, too: deploy/local/secure.py."""
    kafka_elsewhere: str = ""
    """Bootstrap servers of a Kafka that is not ours: none is started."""
    cassandra_elsewhere: str = ""
    """Contact points of a Cassandra that is not ours: none is started."""
    http_host: str = "127.0.0.1"
    http_port: int = 8000
    metrics_host: str = "127.0.0.1"
    track_metrics_port: int = 8101
    notify_metrics_port: int = 8102

    @property
    def page(self) -> str:
        """The address of the live page."""
        return f"http://{reachable(self.http_host)}:{self.http_port}/"


def reachable(host: str) -> str:
    """The address under which a server that listens on `host` is reached from this machine."""
    return "127.0.0.1" if host in ("0.0.0.0", "::", "") else host  # noqa: S104 - nothing is bound


def read_config(variables: Mapping[str, str]) -> Config:
    """The stack that `variables` (see `read_variables`) describe. Raises ValueError for a port that is no number."""

    def text(name: str, default: str = "") -> str:
        return variables.get(f"LACAK_{name}", "") or default

    def port(name: str, default: int) -> int:
        return int(text(name, str(default)))

    secure = text("LOCAL_SECURE").lower() in ("1", "true", "yes")
    return Config(
        folder=Path(text("LOCAL_DIR", ".lacak/secure" if secure else ".lacak")).absolute(),
        secure=secure,
        cache=cache_folder(variables),
        host=text("LOCAL_HOST", Config.host),
        kafka_port=port("LOCAL_KAFKA_PORT", Config.kafka_port),
        kafka_controller_port=port("LOCAL_KAFKA_CONTROLLER_PORT", Config.kafka_controller_port),
        kafka_heap=text("LOCAL_KAFKA_HEAP", Config.kafka_heap),
        cassandra_port=port("LOCAL_CASSANDRA_PORT", port("CASSANDRA_PORT", Config.cassandra_port)),
        cassandra_storage_port=port("LOCAL_CASSANDRA_STORAGE_PORT", Config.cassandra_storage_port),
        cassandra_heap=text("LOCAL_CASSANDRA_HEAP", Config.cassandra_heap),
        kafka_metrics_port=port("LOCAL_KAFKA_METRICS_PORT", Config.kafka_metrics_port),
        cassandra_metrics_port=port("LOCAL_CASSANDRA_METRICS_PORT", Config.cassandra_metrics_port),
        kafka_elsewhere=text("KAFKA_BOOTSTRAP"),
        cassandra_elsewhere=text("CASSANDRA_HOSTS"),
        http_host=text("HTTP_HOST", Config.http_host),
        http_port=port("HTTP_PORT", Config.http_port),
        metrics_host=text("METRICS_HOST", Config.metrics_host),
        track_metrics_port=port("TRACK_METRICS_PORT", Config.track_metrics_port),
        notify_metrics_port=port("NOTIFY_METRICS_PORT", Config.notify_metrics_port),
    )


def cache_folder(variables: Mapping[str, str]) -> Path:
    """Where downloads are kept: `LACAK_CACHE`, by default `lacak` in the user's cache folder."""
    home = Path(variables.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(variables.get("LACAK_CACHE") or home / "lacak").expanduser().absolute()


def read_variables(env_file: Path = ENV_FILE) -> dict[str, str]:
    """The variables of the environment over those of `env_file`; an empty one counts as absent."""
    values = parse_env(env_file.read_text()) if env_file.exists() else {}
    return values | {name: value for name, value in os.environ.items() if value}


def parse_env(text: str) -> dict[str, str]:
    """The `NAME=value` lines of a .env file: comments, `export` and quotes around a value are allowed."""
    pairs = (line.strip().removeprefix("export ").partition("=") for line in text.splitlines())
    return {
        name.strip(): value.strip().strip("\"'")
        for name, equals, value in pairs
        if equals and value and not name.startswith("#")
    }


def ensure_secret(variables: Mapping[str, str], env_file: Path = ENV_FILE) -> bool:
    """Write a random `LACAK_JWT_SECRET` into `env_file` (readable by its owner only) unless there is one.

    It begins with `local-`, and so is refused elsewhere. Returns whether one was written. Again with what
    `read_variables` then returns, it does nothing.
    """
    if variables.get("LACAK_JWT_SECRET"):
        return False
    before = env_file.read_text() if env_file.exists() else ""
    newline = "\n" if before and not before.endswith("\n") else ""
    env_file.touch(mode=0o600)
    env_file.chmod(0o600)
    with env_file.open("a") as out:
        out.write(f"{newline}LACAK_JWT_SECRET=local-{secrets.token_urlsafe(48)}\n")
    return True
