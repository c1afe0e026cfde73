"""Health is honest: a part that has failed for good asks for a restart, and a bug is answered as a problem."""

import asyncio

import pytest
from fastapi.testclient import TestClient

from api import background
from api.app import create_gateway
from streams.settings import Settings

SETTINGS = Settings(_env_file=None, jwt_secret="a secret of the tests, 32 bytes long or more")  # type: ignore[call-arg]


async def work(error: Exception | None, forever: bool = False) -> None:
    if error is not None:
        raise error
    if forever:
        await asyncio.Event().wait()


async def test_only_what_ended_by_an_error_has_failed() -> None:
    done, failed, running = (
        background.start(work(error, forever), "work")
        for error, forever in ((None, False), (RuntimeError("a bug"), False), (None, True))
    )
    await asyncio.sleep(0.01)
    assert [background.failed(task) for task in (None, done, failed, running)] == [False, False, True, False]
    await background.stop(running)
    assert not background.failed(running), "it was stopped"


def test_a_process_whose_background_work_has_failed_asks_for_a_restart(monkeypatch: pytest.MonkeyPatch) -> None:
    app = create_gateway(SETTINGS)
    client = TestClient(app)
    assert client.get("/healthz").json() == {"status": "alive"}
    monkeypatch.setattr("api.live.gateway.Gateway.failed", property(lambda _: True))
    answer = client.get("/healthz")
    assert (answer.status_code, answer.headers["content-type"]) == (503, "application/problem+json")
    assert "restart" in answer.json()["detail"].lower()
    assert client.get("/readyz").json()["ready"] is False


def test_a_bug_is_a_problem_that_tells_nothing() -> None:
    app = create_gateway(SETTINGS)

    @app.get("/broken")
    async def broken() -> None:
        raise RuntimeError("the secret of the house")

    answer = TestClient(app, raise_server_exceptions=False).get("/broken")
    assert (answer.status_code, answer.headers["content-type"]) == (500, "application/problem+json")
    assert answer.json()["type"] == "urn:lacak:problem:internal"
    assert "secret" not in answer.text
