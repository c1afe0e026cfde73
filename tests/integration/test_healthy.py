"""`lacak healthy`: a service in a container tells by an exit code whether it serves."""

from pathlib import Path

import pytest

import stack
from command import lacak
from fresh import drop, fresh_settings
from lacak import ready
from processes import Process, free_port, until
from streams.settings import Settings


def test_a_service_that_serves_is_healthy_and_one_that_is_gone_is_not(servers: stack.Servers, tmp_path: Path) -> None:
    settings = fresh_settings(servers, tmp_path, http_host="0.0.0.0", http_port=free_port())
    api = Process("api", settings)
    with api:
        until(lambda: ready(f"http://127.0.0.1:{settings.http_port}"), what="the API is ready")
        lacak(settings, "healthy", "api")
        api.stop()
        assert "api does not answer" in lacak(settings, "healthy", "api", code=1).stderr
    drop(settings)


def test_a_service_that_waits_for_kafka_is_not_healthy_and_says_what_is_missing(tmp_path: Path) -> None:
    nowhere = Settings(
        _env_file=None,  # type: ignore[call-arg]
        kafka_bootstrap=f"127.0.0.1:{free_port()}",
        cassandra_port=free_port(),
        http_port=free_port(),
        local_dir=tmp_path,
        jwt_secret="a secret of the tests, 32 bytes long or more",
    )
    with Process("api", nowhere):
        until(lambda: b"running" in (tmp_path / "api.log").read_bytes().lower(), what="it listens")
        assert "api is not ready" in lacak(nowhere, "healthy", "api", code=1).stderr


@pytest.mark.parametrize("worker", ["track", "notify"])
def test_a_worker_is_asked_at_its_metrics(worker: str, tmp_path: Path) -> None:
    port = free_port()
    settings = Settings(_env_file=None, local_dir=tmp_path, **{f"{worker}_metrics_port": port})  # type: ignore[call-arg,arg-type]
    told = lacak(settings, "healthy", worker, code=1).stderr
    assert f"{worker} does not answer at 127.0.0.1:{port}/healthz" in told
