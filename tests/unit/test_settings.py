"""The settings that follow from others."""

from pathlib import Path

import pytest

from streams.settings import Settings

PORTS = {"LACAK_LOCAL_HOST": "127.0.0.5", "LACAK_LOCAL_KAFKA_PORT": "9692", "LACAK_LOCAL_CASSANDRA_PORT": "9642"}


def read(monkeypatch: pytest.MonkeyPatch, folder: Path, lines: dict[str, str]) -> Settings:
    """The settings of a process in a folder whose .env has these lines."""
    for name in ("KAFKA_BOOTSTRAP", "CASSANDRA_HOSTS", "CASSANDRA_PORT", *(n.removeprefix("LACAK_") for n in PORTS)):
        monkeypatch.delenv(f"LACAK_{name}", raising=False)
    (folder / ".env").write_text("".join(f"{name}={value}\n" for name, value in lines.items()))
    monkeypatch.chdir(folder)
    return Settings()


def test_commands_talk_to_the_servers_of_the_local_stack(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    settings = read(monkeypatch, tmp_path, PORTS)
    assert settings.kafka_bootstrap == "127.0.0.5:9692"
    assert (settings.cassandra_hosts, settings.cassandra_port) == ("127.0.0.5", 9642)


def test_named_servers_go_before_those_of_the_local_stack(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    named = {"LACAK_KAFKA_BOOTSTRAP": "kafka-1:9092", "LACAK_CASSANDRA_HOSTS": "cassandra-1,cassandra-2"}
    settings = read(monkeypatch, tmp_path, PORTS | named)
    assert settings.kafka_bootstrap == "kafka-1:9092"
    assert (settings.cassandra_hosts, settings.cassandra_port) == ("cassandra-1,cassandra-2", 9042)


def test_an_empty_value_counts_as_absent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    settings = read(monkeypatch, tmp_path, {"LACAK_KAFKA_BOOTSTRAP": "", "LACAK_PARTITIONS": ""})
    assert (settings.kafka_bootstrap, settings.partitions) == ("127.0.0.1:9092", 12)
