"""SIGTERM to an API: it leaves when those in front have seen it, and each POST under way has its answer before it ends.

The Kafka that is frozen is the session's own, so LACAK_TEST_KAFKA must not be set.
"""

import json
import os
import signal
import socket
from pathlib import Path

import httpx

from api.auth import ORDERS_WRITE
from fresh import fresh_settings
from processes import Process, until
from rest import Rest
from stack import Servers, free_ports

ORDER = {"id_user": 42, "id_produk": 7, "harga": 125_000, "jumlah": 2}


def test_posts_under_way_are_answered_before_the_api_ends_though_kafka_is_frozen(
    servers: Servers, tmp_path: Path
) -> None:
    settings = fresh_settings(servers, tmp_path, http_host="127.0.0.1", http_port=free_ports("127.0.0.1", 1)[0])
    url = f"http://127.0.0.1:{settings.http_port}"
    kafka = servers.services["kafka"].process.pid()
    assert kafka
    with Process("api", settings) as api, httpx.Client(base_url=url, timeout=30) as http:
        headers = Rest(settings, http).headers(ORDERS_WRITE)
        until(lambda: is_ready(http), what="ready")
        os.kill(kafka, signal.SIGSTOP)
        try:
            posts = [under_way(settings.http_port, headers, n) for n in (1, 2, 3)]
            api.stop(20)
        finally:
            os.kill(kafka, signal.SIGCONT)
        answers = [post.recv(65_536) for post in posts]
        for post in posts:
            post.close()
    assert [answer.split(b"\r\n")[0] for answer in answers] == [b"HTTP/1.1 503 Service Unavailable"] * 3


def test_an_api_that_ends_says_so_and_serves_on_until_those_in_front_have_heard_it(
    servers: Servers, tmp_path: Path
) -> None:
    settings = fresh_settings(servers, tmp_path, http_host="127.0.0.1", http_port=free_ports("127.0.0.1", 1)[0])
    url = f"http://127.0.0.1:{settings.http_port}"
    with Process("api", settings) as api, httpx.Client(base_url=url, timeout=30) as http:
        headers = Rest(settings, http).headers(ORDERS_WRITE)
        until(lambda: is_ready(http), what="ready")
        with httpx.Client(base_url=url) as waiting:
            assert "connection" not in waiting.get("/healthz").headers, "it is kept"
            api.signal(signal.SIGTERM)
            until(lambda: not is_ready(http), what="told to send nothing more")
            taken = waiting.post("/v1/orders", headers=headers, json={**ORDER, "id_order": 4})
        assert (taken.status_code, taken.headers["connection"]) == (202, "close")
        assert "ends" in http.get("/readyz").json()["detail"]
        api.stop(20)


def under_way(port: int, headers: dict[str, str], id_order: int) -> socket.socket:
    """A POST that the API is working on: it has asked for the body, and the body is sent."""
    body = json.dumps({**ORDER, "id_order": id_order}).encode()
    post = socket.create_connection(("127.0.0.1", port), 30)
    lines = {"Host": "lacak", "Content-Type": "application/json", "Expect": "100-continue", **headers}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    post.sendall(f"POST /v1/orders HTTP/1.1\r\n{head}Content-Length: {len(body)}\r\n\r\n".encode())
    assert post.recv(100).startswith(b"HTTP/1.1 100 ")
    post.sendall(body)
    return post


def is_ready(http: httpx.Client) -> bool:
    """Whether it answers, and can take traffic."""
    try:
        return http.get("/readyz").status_code == 200
    except httpx.TransportError:
        return False
