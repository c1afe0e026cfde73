"""A log line tells which request it is about, by the name that the gateway in front gave it."""

import logging

import pytest
from fastapi.testclient import TestClient

from api.app import create_gateway
from streams import log
from streams.settings import Settings

SETTINGS = Settings(_env_file=None, jwt_secret="a secret of the tests, 32 bytes long or more")  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("header", "told"),
    [
        ({"X-Request-Id": "a-request.7"}, True),
        ({}, False),
        ({"X-Request-Id": "short"}, False),
        ({"X-Request-Id": "a\tb c d e f"}, False),
    ],
)
def test_a_line_names_its_request(header: dict[str, str], told: bool, capsys: pytest.CaptureFixture[str]) -> None:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    log.set_up("info", json=True)
    app = create_gateway(SETTINGS)

    @app.get("/speaks")
    async def speaks() -> None:
        log.get("test").info("spoken")

    try:
        assert TestClient(app).get("/speaks", headers=header).status_code == 200
    finally:
        root.handlers, root.level = handlers, level
    [line] = [line for line in capsys.readouterr().err.splitlines() if "spoken" in line]
    assert ('"request_id": "a-request.7"' in line) == told
    assert ("request_id" in line) == told
