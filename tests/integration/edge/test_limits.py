"""How much one may send, how fast, and for how long."""

from pathlib import Path

import httpx
import pytest

import echo
import edge as edges
from edge import POST, SECRET, Edge, bearer, signed
from processes import until
from rest import problem


def test_a_body_over_a_mebibyte_is_refused_unread(client: httpx.Client, service: echo.Echo) -> None:
    assert client.post("/v1/orders", content=b"x" * 2**20).status_code == 200
    before = len(service.heard)
    problem(client.post("/v1/orders", content=b"x" * (2**20 + 1)), 413, "too-large")
    assert len(service.heard) == before


@pytest.mark.parametrize("slow", [b"GET /v1/orders", POST, POST + b"Content-Length: 9\r\n\r\nhell"])
def test_who_does_not_come_to_the_end_of_a_request_is_sent_away(slow: bytes, edge: Edge, service: echo.Echo) -> None:
    before = len(service.heard)
    answer = edge.raw(slow)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert len(service.heard) == before


def test_a_caller_has_so_many_requests_and_the_others_theirs(service: echo.Echo, tmp_path: Path) -> None:
    settings = {"LACAK_JWT_SECRET": SECRET, "PER_CALLER": 5, "PER_ADDRESS": 100}
    with edges.running(tmp_path, [service.address], [service.address], **settings) as edge, edge.client() as client:

        def served(headers: dict[str, str]) -> int:
            """How many of ten."""
            answers = [client.get("/v1/orders/7", headers=headers) for _ in range(10)]
            refused = [answer for answer in answers if answer.status_code != 200]
            for answer in refused:
                problem(answer, 429, "too-many")
                assert int(answer.headers["retry-after"]) > 0
            return len(answers) - len(refused)

        assert served(bearer(signed(sub="greedy"))) == 5
        assert served(bearer(signed(sub="greedy", exp=4_000_000_001))) == 0, "a new token is the same caller"
        assert served(bearer(signed(sub="modest"))) == 5
        assert served(bearer("lck_a")) == served(bearer("lck_b")) == 5
        assert served({}) == 10, "who is nobody has the address's"


def test_an_address_has_so_many_requests_whoever_asks(service: echo.Echo, tmp_path: Path) -> None:
    with edges.running(tmp_path, [service.address], [service.address], PER_ADDRESS=7) as edge, edge.client() as client:
        answers = [client.get("/v1/orders/7", headers=bearer(f"lck_{n}")) for n in range(10)]
        assert [answer.status_code for answer in answers] == [200] * 7 + [429] * 3
        problem(answers[-1], 429, "too-many")
        assert edge.curl("/v1/orders/7")[0] == 429, "also on another connection"


def test_an_address_has_so_many_connections(service: echo.Echo, tmp_path: Path) -> None:
    with edges.running(tmp_path, [service.address], [service.address], CONNECTIONS=2) as edge:
        with edge.client() as one, edge.client() as two, edge.client() as three:
            assert one.get("/v1/orders/7").status_code == two.get("/v1/orders/7").status_code == 200
            with pytest.raises(httpx.TransportError):
                three.get("/v1/orders/7")
        with edge.client() as four:
            until(lambda: reached(four), 20, "there is room again")


def reached(client: httpx.Client) -> bool:
    try:
        return client.get("/v1/orders/7").status_code == 200
    except httpx.TransportError:
        return False
