"""Limits at the API's door: who sends too much is told when to come again, and nobody else notices."""

import os
import re
import signal
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

import topics_reader
from api import backlog, requests
from api.auth import ORDERS_READ, ORDERS_WRITE, STATUS_WRITE
from fresh import fresh_settings
from rest import Rest, as_described, problem, running
from stack import Servers

BOUNDS = {"requests_per_customer": 0.2, "requests_per_system": 2, "requests_per_address": 5}
ORDER = {"id_user": 42, "id_produk": 7, "harga": 1, "jumlah": 1}
UPDATE = {"status": "lost", "courier": "jne"}


@pytest.fixture(scope="module")
def rest(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rest]:
    """An API with narrow bounds: a customer has 2 requests, a system 20, an address 50, for 10 seconds."""
    settings = fresh_settings(servers, tmp_path_factory.mktemp("limits"), **BOUNDS, trusted_proxies="127.0.0.0/8")
    with running("api", settings) as rest:
        rest.until_ready()
        yield rest


def test_a_customer_is_told_what_is_left_and_when_to_come_again(rest: Rest) -> None:
    customer, other = (rest.headers(ORDERS_READ, sub=sub) for sub in ("42", "43"))
    answers = [rest.get("/v1/orders/7", customer) for _ in range(3)]
    assert [answer.headers["RateLimit-Policy"] for answer in answers] == ['"caller";q=2;w=10'] * 3
    assert [re.sub(";t=.*", "", answer.headers["RateLimit"]) for answer in answers] == [
        '"caller";r=1',
        '"caller";r=0',
        '"caller";r=0',
    ]
    assert answers[1].status_code in (404, 503)  # there is no such order; or Cassandra is not there yet
    problem(as_described(rest, "/v1/orders/{id_order}", answers[2]), 429, "too-many")
    assert 1 <= int(answers[2].headers["Retry-After"]) <= 5
    assert rest.get("/v1/orders/7", other).status_code != 429
    assert 'lacak_rate_limited_total{policy="caller"}' in rest.get("/metrics").text


def test_a_batch_costs_a_tenth_of_what_its_updates_would(rest: Rest) -> None:
    courier = rest.headers(STATUS_WRITE, courier="jne")
    batch = {"updates": [{**UPDATE, "id_order": n} for n in range(1, 101)]}
    assert rest.post("/v1/status-updates", batch, courier).status_code == 202
    answer = rest.post("/v1/orders/1/status", UPDATE, courier)
    assert int(re.findall("r=(\\d+)", answer.headers["RateLimit"])[0]) in (9, 10)
    assert rest.post("/v1/status-updates", batch, courier).status_code == 202
    problem(rest.post("/v1/orders/1/status", UPDATE, courier), 429, "too-many")


def test_an_address_is_bounded_before_its_tokens_are_looked_at(rest: Rest) -> None:
    home = {"X-Forwarded-For": "203.0.113.7"}
    codes = [rest.get("/v1/lifecycle", home).status_code for _ in range(100)]
    assert codes[:50] == [200] * 50 and 429 in codes
    answers = [rest.post("/v1/orders", b"{", home) for _ in range(20)]  # as many as come again in 4 seconds
    problem(next(answer for answer in answers if answer.status_code != 401), 429, "too-many")
    assert rest.get("/v1/lifecycle", {"X-Forwarded-For": "203.0.113.8"}).status_code == 200
    for path in ("/healthz", "/readyz", "/metrics"):
        assert rest.get(path, home).status_code == 200


def test_while_kafka_does_not_keep_up_what_would_only_wait_is_refused_before_it_is_read(
    rest: Rest, servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backlog, "BEHIND_SECONDS", 0.2)
    monkeypatch.setattr(backlog, "PROBES", 1)
    shop = rest.headers(ORDERS_WRITE, sub="a-shop")
    pid = servers.services["kafka"].process.pid()
    assert pid is not None
    with ThreadPoolExecutor() as threads:
        os.kill(pid, signal.SIGSTOP)
        try:
            first = threads.submit(rest.post, "/v1/orders", {**ORDER, "id_order": 1}, shop)
            time.sleep(0.5)
            refused = rest.post("/v1/orders", b"{", shop)
        finally:
            os.kill(pid, signal.SIGCONT)
        problem(refused, 503, "overloaded")
        assert 1 <= int(refused.headers["Retry-After"]) <= 5
        assert first.result().status_code == 202, "it was sent, and Kafka has gone on"
    assert rest.post("/v1/orders", {**ORDER, "id_order": 2}, shop).status_code == 202
    assert {record.key() for record in topics_reader.read(rest.settings, "orders")} == {b"1", b"2"}


def test_a_body_that_does_not_come_is_not_waited_for(rest: Rest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests, "BODY_SECONDS", 0.2)
    token = rest.headers(ORDERS_WRITE, sub="a-slow-shop")["Authorization"]
    head = (
        f"POST /v1/orders HTTP/1.1\r\nHost: x\r\nAuthorization: {token}\r\nContent-Type: application/json\r\n"
        'Content-Length: 100\r\n\r\n{"id_user":'
    )
    with socket.create_connection((rest.settings.http_host, rest.client.base_url.port or 0), timeout=20) as slow:
        slow.sendall(head.encode())
        answer = b""
        while part := slow.recv(4096):
            answer += part
    assert answer.startswith(b"HTTP/1.1 408 ") and b"urn:lacak:problem:request-timeout" in answer
