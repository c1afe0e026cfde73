"""What two could read in two ways: the gateway and a service read the same, or nothing goes further."""

import httpx
import pytest

import echo
from edge import HEAD, POST, Edge, signed
from rest import problem

H2_SETTINGS = b"\x00\x00\x0c\x04"
CHUNK = b"5\r\nhello\r\n0\r\n\r\n"
INNER = b"GET /metrics HTTP/1.1\r\n" + HEAD


@pytest.mark.parametrize(
    "request_",
    [
        POST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!" + INNER,
        POST + b"Content-Length: 5, 6\r\n\r\nhello!" + INNER,
        POST + b"Content-Length: +5\r\n\r\nhello" + INNER,
        POST + b"Content-Length: 0x5\r\n\r\nhello" + INNER,
        POST + b"Content-Length:\r\n\r\nhello" + INNER,
        POST + b"Transfer-Encoding: xchunked\r\n\r\n" + CHUNK + INNER,
        POST + b"Transfer-Encoding: chunked, identity\r\n\r\n" + CHUNK + INNER,
        POST + b"Transfer-Encoding : chunked\r\n\r\n" + CHUNK + INNER,
        POST + b"Transfer-Encoding: chunked\r\n\r\n5;\r\nhello\r\n-1\r\n\r\n" + INNER,
        POST + b" Transfer-Encoding: chunked\r\n\r\n" + CHUNK + INNER,
        POST + b"X: y\rTransfer-Encoding: chunked\r\n\r\n" + CHUNK + INNER,
        POST + b"X: y\x00z\r\nContent-Length: 0\r\n\r\n" + INNER,
        POST.replace(b"1.1", b"1.0") + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n" + CHUNK + INNER,
        b"GET /v1/orders/7 HTTP/1.1\r\nHost: localhost\r\nHost: evil\r\n\r\n" + INNER,
        b"GET /v1/orders/7 HTTP/1.1\r\n\tHost: localhost\r\n\r\n" + INNER,
        b"GET /v1/orders/7 HTTP/9.9\r\nHost: localhost\r\n\r\n" + INNER,
        b"GET /v1/orders/7\r\nHost: localhost\r\n\r\n" + INNER,
        b"GET /v1/or\x01ders HTTP/1.1\r\nHost: localhost\r\n\r\n" + INNER,
        b"GET /v1/live HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n" + INNER,
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + INNER,
        b"GET /v1/orders/7 HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 20_000 + b"\r\n\r\n" + INNER,
        b"GET /v1/orders/7 HTTP/1.1\r\nHost: localhost\r\n" + b"X: y\r\n" * 200 + b"\r\n" + INNER,
    ],
)
def test_what_two_could_read_in_two_ways_is_refused(request_: bytes, edge: Edge, service: echo.Echo) -> None:
    """What is hidden behind it is never heard as a request of its own."""
    before = len(service.heard)
    answer = edge.raw(request_)
    assert answer.startswith((b"HTTP/1.1 400 ", H2_SETTINGS)) and b" 200 " not in answer, answer
    assert len(service.heard) == before


def test_a_length_beside_chunks_is_dropped_as_the_standard_asks(edge: Edge, service: echo.Echo) -> None:
    """RFC 9112, section 6.1: and the connection ends with it, whatever follows the last chunk."""
    for length in (b"Content-Length: 4\r\n", b"Content-Length: 99\r\n"):
        before = len(service.heard)
        answer = edge.raw(POST + length + b"Transfer-Encoding: chunked\r\n\r\n" + CHUNK + INNER)
        assert [line.split()[1] for line in answer.split(b"\r\n") if line.startswith(b"HTTP/1.1")] == [b"200"]
        assert b"content-length" not in answer.partition(b"headers")[2]
        assert service.heard[before:] == ["POST /v1/orders HTTP/1.1"]


def test_a_chunked_body_arrives_whole(client: httpx.Client) -> None:
    answer = client.post("/v1/orders", content=iter([b"hello ", b"there"]), headers={"Accept": "*/*"})
    assert answer.status_code == 200
    assert dict(answer.json()["headers"])["transfer-encoding"] == "chunked"


def test_other_methods_and_two_callers_are_refused(client: httpx.Client, edge: Edge) -> None:
    problem(client.request("TRACE", "/v1/orders"), 405, "method-not-allowed")
    assert edge.raw(b"CONNECT evil:443 HTTP/1.1\r\nHost: evil:443\r\nConnection: close\r\n\r\n").split()[1] in (
        b"405",
        b"400",
    )
    twice = [("Authorization", f"Bearer {signed()}"), ("Authorization", "Bearer lck_another")]
    problem(client.get("/v1/orders/7", headers=twice), 400, "bad-request")
