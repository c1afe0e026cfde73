"""The settings with which a process shows itself to Kafka and Cassandra: whole, or refused in one line."""

import ssl
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from command import lacak
from deploy.local.certificates import make_certificates
from streams import kafka
from streams.kafka_refusal import KafkaRefused
from streams.settings import Settings
from tables.cassandra_cluster import build_cluster
from tables.orders import StoreRefused

SASL = {"kafka_security": "sasl_tls", "kafka_username": "lacak-api", "kafka_password": "hunter2"}
USER = {"cassandra_username": "lacak-api", "cassandra_password": "hunter2"}


def read(**values: Any) -> Settings:
    return Settings(_env_file=None, **values)


@pytest.fixture(scope="module")
def pem(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ca.pem and node.pem."""
    folder = tmp_path_factory.mktemp("pem")
    make_certificates(folder, ["127.0.0.1"])
    return folder


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"kafka_security": "sasl_tls"}, "needs a LACAK_KAFKA_USERNAME and a password"),
        ({**SASL, "kafka_password": ""}, "LACAK_KAFKA_USERNAME is set without a LACAK_KAFKA_PASSWORD"),
        ({**SASL, "kafka_security": "tls"}, "LACAK_KAFKA_SECURITY=tls shows none"),
        ({"kafka_password": "hunter2"}, "a password is set without a LACAK_KAFKA_USERNAME"),
        ({**SASL, "kafka_security": "sasl_plaintext", "kafka_mechanism": "PLAIN"}, "shows the password to all"),
        ({**SASL, "kafka_password_file": "/etc/hostname"}, "LACAK_KAFKA_PASSWORD_FILE are both set"),
        ({**SASL, "kafka_ca": "/nowhere/ca.pem"}, "LACAK_KAFKA_CA: /nowhere/ca.pem: No such file"),
        ({"kafka_ca": "/etc/hostname"}, "LACAK_KAFKA_CA is set, and with LACAK_KAFKA_SECURITY=plaintext nobody looks"),
        ({"kafka_security": "tls", "kafka_ca": "/etc/hostname"}, "no TLS can be made of /etc/hostname"),
        ({"kafka_security": "tls", "kafka_certificate": "/etc/hostname"}, "LACAK_KAFKA_CERTIFICATE is set without its"),
        ({"cassandra_username": "lacak-api"}, "LACAK_CASSANDRA_USERNAME is set without a LACAK_CASSANDRA_PASSWORD"),
        ({**USER, "cassandra_username": ""}, "a password is set without a LACAK_CASSANDRA_USERNAME"),
        ({"cassandra_ca": "/etc/hostname"}, "with LACAK_CASSANDRA_TLS=false nobody looks at it"),
        ({"cassandra_tls_name": "cassandra"}, "LACAK_CASSANDRA_TLS_NAME is set, and with LACAK_CASSANDRA_TLS=false"),
        ({"cassandra_tls": True, "cassandra_key": "/etc/hostname"}, "LACAK_CASSANDRA_KEY is set without its"),
    ],
)
def test_what_is_not_whole_is_refused_in_one_line(values: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError) as refused:
        read(**values)
    [error] = refused.value.errors()
    assert told in error["msg"] and "\n" not in error["msg"]
    assert "hunter2" not in error["msg"]


def test_a_command_says_it_in_one_line_and_shows_no_password() -> None:
    variables = {f"LACAK_{name.upper()}": value for name, value in {**SASL, "kafka_username": ""}.items()}
    done = lacak(read(), "token", code=2, env=variables)
    wanted = "lacak: LACAK_KAFKA_SECURITY=sasl_tls needs a LACAK_KAFKA_USERNAME and a password"
    assert done.stderr.splitlines() == [wanted]


def test_no_password_shows_itself() -> None:
    settings = read(**SASL, **USER)
    for shown in (repr(settings), str(settings), settings.model_dump_json(), repr(settings.kafka_login)):
        assert "hunter2" not in shown
    assert settings.kafka_login.secret() == settings.cassandra_login.secret() == "hunter2"


def test_a_password_may_be_in_a_file_which_is_read_when_it_is_needed(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("first\n")
    settings = read(**{**SASL, "kafka_password": "", "kafka_password_file": file})
    assert kafka.connection(settings)["sasl_plain_password"] == "first"
    file.write_text("second")
    assert kafka.connection(settings)["sasl_plain_password"] == "second"


def test_the_other_side_is_checked_by_its_certificate_and_its_name(pem: Path) -> None:
    settings = read(**{**SASL, "kafka_ca": pem / "ca.pem"}, cassandra_tls=True, cassandra_ca=pem / "ca.pem")
    for login in (settings.kafka_login, settings.cassandra_login):
        context = login.context()
        assert context is not None
        assert context.check_hostname and context.verify_mode is ssl.CERT_REQUIRED
        assert context.minimum_version >= ssl.TLSVersion.TLSv1_2
        assert len(context.get_ca_certs()) == 1, "ours, and none of the system's"


def test_our_own_certificate_is_shown_where_brokers_ask_for_one(pem: Path) -> None:
    mine = {"kafka_certificate": pem / "node.pem", "kafka_key": pem / "node.pem"}
    options = kafka.connection(read(kafka_security="tls", kafka_ca=pem / "ca.pem", **mine))
    assert options["security_protocol"] == "SSL" and "sasl_mechanism" not in options


def test_without_any_of_it_nothing_is_encrypted_as_on_the_local_stack() -> None:
    settings = read()
    assert kafka.connection(settings)["security_protocol"] == "PLAINTEXT"
    assert settings.kafka_login.context() is settings.cassandra_login.context() is None


def test_two_authorities_in_one_file_are_both_trusted_while_one_follows_the_other(pem: Path, tmp_path: Path) -> None:
    make_certificates(tmp_path / "next", ["127.0.0.1"])
    bundle = tmp_path / "ca.pem"
    bundle.write_bytes((pem / "ca.pem").read_bytes() + (tmp_path / "next" / "ca.pem").read_bytes())
    context = read(kafka_security="tls", kafka_ca=bundle).kafka_login.context()
    assert context is not None and len(context.get_ca_certs()) == 2


def test_a_file_that_is_gone_since_the_start_is_told_as_a_refusal(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("first")
    settings = read(
        **{**SASL, "kafka_password": "", "kafka_password_file": file},
        cassandra_username="lacak-api",
        cassandra_password_file=file,
    )
    file.unlink()
    with pytest.raises(KafkaRefused, match="cannot be read"):
        kafka.connection(settings)
    with pytest.raises(StoreRefused, match="cannot be read"):
        build_cluster(settings)
