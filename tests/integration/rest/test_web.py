"""Everything on one port: the page, the API and live push; and each of the two services by itself."""

import json
import re
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from api.auth import ORDERS_READ, ORDERS_WRITE
from fresh import fresh_settings
from rest import Rest, as_described, problem, running
from stack import Servers
from streams.settings import Settings


@pytest.fixture(scope="module")
def settings(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return fresh_settings(servers, tmp_path_factory.mktemp("web"), drain_seconds=1)


@pytest.fixture(scope="module")
def web(settings: Settings) -> Iterator[Rest]:
    with running("web", settings) as rest:
        rest.until_ready()
        yield rest


def watch(server: Rest, id_user: int = 42) -> ClientConnection:
    url = f"ws://{server.settings.http_host}:{server.settings.http_port}/v1/live"
    return connect(url, subprotocols=["lacak.v1"], additional_headers=server.headers(ORDERS_READ, sub=str(id_user)))  # type: ignore[list-item]


def test_the_page_is_at_the_root_and_loads_nothing_from_elsewhere(web: Rest) -> None:
    page = web.get("/")
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    policy = page.headers["content-security-policy"]
    assert policy.startswith("default-src 'self'; ")
    assert "unsafe" not in policy
    paths = re.findall(r'(?:src|href)="(/[^"]+)"', page.text)
    assert paths
    for path in paths:
        file = web.get(path)
        assert file.status_code == 200, path
        assert file.headers["content-security-policy"] == policy
        assert file.headers["x-content-type-options"] == "nosniff"
        assert web.get(path, {"If-None-Match": file.headers["etag"]}).status_code == 304
    assert not re.search(r'(?:src|href)="(?:https?:)?//', page.text)


@pytest.mark.parametrize("path", ["/static/nothing.js", "/static/../app.py", "/static/%2e%2e/app.py", "/app.py"])
def test_no_other_file_is_served(web: Rest, path: str) -> None:
    problem(web.get(path), 404, "not-found")


def test_it_takes_orders_and_watchers_on_one_port(web: Rest) -> None:
    order = {"id_order": 1, "id_user": 42, "id_produk": 7, "harga": 1, "jumlah": 1}
    assert web.post("/v1/orders", order, web.headers(ORDERS_WRITE)).status_code == 202
    with watch(web) as socket:
        assert json.loads(socket.recv(30))["type"] == "hello"


def test_ready_means_both(web: Rest) -> None:
    assert web.get("/readyz").json() == {
        "ready": True,
        "checks": {"kafka": True, "ids": True, "api_keys": True, "live": True},
    }


def test_without_the_local_stack_the_page_gets_no_token(web: Rest) -> None:
    problem(web.get("/local/users"), 404, "not-found")


def test_the_description_has_both_and_says_which_need_a_token(web: Rest) -> None:
    document = web.get("/openapi.json").json()
    assert {"/v1/orders", "/v1/live/tickets", "/v1/live/sse"} <= set(document["paths"])
    assert document["paths"]["/v1/live/tickets"]["post"]["security"]
    for made in ("/v1/live/tickets", "/v1/live/session"):
        for headers in ({}, web.headers(ORDERS_WRITE), web.headers(ORDERS_READ, sub="42")):
            as_described(web, made, web.post(made, {}, headers))
    assert "/static" not in str(list(document["paths"]))


def test_the_push_gateway_by_itself_pushes_and_does_not_write(settings: Settings) -> None:
    with running("gateway", settings) as gateway:
        gateway.until_ready()
        assert gateway.get("/readyz").json()["checks"] == {"live": True}
        problem(gateway.post("/v1/orders", {}), 404, "not-found")
        problem(gateway.get("/"), 404, "not-found")
        with watch(gateway) as socket:
            assert json.loads(socket.recv(30))["type"] == "hello"


def test_a_server_that_is_told_to_go_says_goodbye_to_each_client_first(settings: Settings) -> None:
    with ExitStack() as clients:
        with running("gateway", settings) as gateway:
            gateway.until_ready()
            gateway.until(lambda: shows_a_snapshot(gateway), "connected to Cassandra")
            sockets = [clients.enter_context(watch(gateway, 42 + n)) for n in range(5)]
            for socket in sockets:  # one that is only shaking hands is refused, and told nothing
                assert [json.loads(socket.recv(30))["type"] for _ in range(2)] == ["hello", "snapshot"]
        for socket in sockets:
            frames, code = until_closed(socket)
            drain = next(frame for frame in frames if frame["type"] == "drain")  # it is served until its moment
            assert 0 <= int(str(drain["reconnect_after_ms"])) <= 1000
            assert code == 1012


def shows_a_snapshot(server: Rest) -> bool:
    with watch(server) as socket:
        try:
            return [json.loads(socket.recv(30))["type"] for _ in range(2)] == ["hello", "snapshot"]
        except ConnectionClosed:
            return False


def until_closed(socket: ClientConnection) -> tuple[list[dict[str, object]], int]:
    """The frames until the server closed, and its close code."""
    frames: list[dict[str, object]] = []
    while True:
        try:
            frames.append(json.loads(socket.recv(30)))
        except ConnectionClosed as closed:
            assert closed.rcvd is not None
            return frames, closed.rcvd.code
