"""Cookies of strangers: read as they are, and never by Python's own reader of quotes (CVE-2024-7592)."""

from typing import Any

import pytest
from fastapi import Request, WebSocket
from fastapi.testclient import TestClient

from api.app import create_gateway
from api.cookies import cookie
from streams.settings import Settings

SETTINGS = Settings(_env_file=None, jwt_secret="a secret of the tests, 32 bytes long or more")  # type: ignore[call-arg]
HOSTILE = {"Cookie": 'other="' + "\\" * 100 + '"; lacak_live=a.b.c'}


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("", None),
        ("lacak_live=a.b.c", "a.b.c"),
        ("x=1; lacak_live=a.b.c ;y=2", "a.b.c"),
        ("lacak_live=old; lacak_live=new", "new"),
        ("xlacak_live=1; lacak_live", ""),
        ("lacak_live=a=b", "a=b"),
        ('lacak_live="\\141"', '"\\141"'),  # not read as an "a"
    ],
)
def test_a_cookie_is_what_stands_behind_its_name(header: str, value: str | None) -> None:
    assert cookie(header, "lacak_live") == value


@pytest.fixture
def client() -> TestClient:
    """An app's, with routes that tell which cookies they were given."""
    app = create_gateway(SETTINGS)

    @app.get("/told")
    async def told(request: Request) -> Any:
        return request.cookies

    @app.websocket("/told")
    async def told_live(socket: WebSocket) -> None:
        await socket.accept()
        await socket.send_json(socket.cookies)

    return TestClient(app)


def test_no_backslash_comes_as_far_as_a_route(client: TestClient) -> None:
    assert client.get("/told", headers=HOSTILE).json() == {"other": "", "lacak_live": "a.b.c"}
    with client.websocket_connect("/told", headers=HOSTILE) as socket:
        assert socket.receive_json() == {"other": "", "lacak_live": "a.b.c"}
