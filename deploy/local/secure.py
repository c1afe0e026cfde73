"""The local stack as it should be elsewhere: TLS, and a user of its own for each service (`LACAK_LOCAL_SECURE`).

Certificates, passwords and each service's settings are made once, in `tls/`, `passwords/` and `env/` of the stack's
folder. Only the administrators, who make the users, are there from the start.
"""

import secrets
from pathlib import Path

from deploy.local.config import Config

KAFKA_ADMIN = "admin"
CASSANDRA_ADMIN = "cassandra"  # made by Cassandra itself at its first start, with this password: for local use only
ADMIN = "admin"


def tls(config: Config) -> Path:
    """Where the certificates are."""
    return config.folder / "tls"


def passwords(config: Config) -> Path:
    """Where the passwords are: a file a user, as `lacak grants --passwords` takes them."""
    return config.folder / "passwords"


def kafka_admin_password(config: Config) -> str:
    """The administrator's at Kafka, made when it is first asked for."""
    return password(config.folder / "kafka-admin-password")


def password(path: Path) -> str:
    """The password that is kept there, made when it is first asked for; only its owner reads it."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(24))
    return path.read_text()


def prepare(config: Config) -> None:
    """Certificates, and everybody's password and settings."""
    # Not needed by a stack that is not secure, and slow to load.
    from deploy.local.certificates import make_certificates
    from streams.settings import Settings
    from tables.access import SERVICES

    make_certificates(tls(config), [config.host])
    kafka_admin_password(config)
    password_file = config.folder / "cassandra-admin-password"
    password_file.touch(mode=0o600)
    password_file.write_text(CASSANDRA_ADMIN)
    files = (config.folder / "kafka-admin-password", password_file)
    _write_env(config, ADMIN, _variables(config, (KAFKA_ADMIN, CASSANDRA_ADMIN), files))
    settings = Settings()
    for name, service in SERVICES.items():
        user = service.user(settings)
        path = passwords(config) / user
        password(path)
        _write_env(config, name, _variables(config, (user, user), (path, path)))


def env_file(config: Config, service: str) -> Path:
    """The settings that make a process this service."""
    return config.folder / "env" / f"{service}.env"


def variables(config: Config, service: str) -> dict[str, str]:
    """The same as a dictionary."""
    lines = env_file(config, service).read_text().splitlines()
    return dict(line.split("=", 1) for line in lines)


def _variables(config: Config, users: tuple[str, str], files: tuple[Path, Path]) -> dict[str, str]:
    ca = str(tls(config) / "ca.pem")
    return {
        "LACAK_KAFKA_BOOTSTRAP": f"{config.host}:{config.kafka_port}",
        "LACAK_KAFKA_SECURITY": "sasl_tls",
        "LACAK_KAFKA_CA": ca,
        "LACAK_KAFKA_USERNAME": users[0],
        "LACAK_KAFKA_PASSWORD_FILE": str(files[0]),
        "LACAK_CASSANDRA_HOSTS": config.host,
        "LACAK_CASSANDRA_PORT": str(config.cassandra_port),
        "LACAK_CASSANDRA_TLS": "true",
        "LACAK_CASSANDRA_CA": ca,
        "LACAK_CASSANDRA_USERNAME": users[1],
        "LACAK_CASSANDRA_PASSWORD_FILE": str(files[1]),
    }


def _write_env(config: Config, service: str, values: dict[str, str]) -> None:
    path = env_file(config, service)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.write_text("".join(f"{name}={value}\n" for name, value in values.items()))
