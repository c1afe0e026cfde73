"""Bytes that are no request, or one without end: answered, bounded, and nobody else's harm."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPResponse

import orjson
import pytest

from rest import Rest

GET = b"GET /healthz HTTP/1.1\r\nHost: x\r\n"


@contextmanager
def connected(api: Rest) -> Iterator[socket.socket]:
    address = (api.settings.http_host, api.settings.http_port)
    with socket.create_connection(address, timeout=30) as client:
        yield client


def answer(client: socket.socket) -> tuple[int, str, bytes]:
    with HTTPResponse(client) as response:
        response.begin()
        return response.status, response.headers["content-type"], response.read()


def is_refused(client: socket.socket, status: int, name: str) -> None:
    got, media_type, body = answer(client)
    assert (got, media_type) == (status, "application/problem+json")
    assert orjson.loads(body)["type"] == f"urn:lacak:problem:{name}"
    assert client.recv(1) == b"", "and closed"


ENDLESS = {
    "headers": [GET, b"x: " + b"a" * 1000 + b"\r\n"],
    "a header": [GET + b"x: ", b"a" * 1000],
    "a name": [GET, b"a" * 1000],
    "a path": [b"GET /", b"a" * 1000],
}


@pytest.mark.parametrize("parts", ENDLESS.values(), ids=ENDLESS.keys())
def test_a_head_without_end_is_cut_at_64_kib(api: Rest, parts: list[bytes]) -> None:
    with connected(api) as client:
        client.sendall(parts[0])
        # More than the bound and one read of the server: what begins within a read is counted from the next.
        for _ in range(400):
            client.sendall(parts[1])
        is_refused(client, 431, "head-too-large")


def test_trailers_without_end_are_cut_too(api: Rest) -> None:
    with connected(api) as client:
        client.sendall(b"POST /healthz HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n")
        with pytest.raises(ConnectionError):
            while True:
                client.sendall(b"x: " + b"a" * 60_000 + b"\r\n")


def test_a_head_of_60_kb_and_the_next_one_are_read(api: Rest) -> None:
    with connected(api) as client:
        for _ in range(3):
            client.sendall(GET + b"x: " + b"a" * 60_000 + b"\r\n\r\n")
            assert answer(client)[0] == 200


def test_a_body_of_a_megabyte_in_chunks_is_no_head(api: Rest) -> None:
    with connected(api) as client:
        client.sendall(b"POST /v1/orders HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(10):
            client.sendall(b"%x\r\n" % 100_000 + b"a" * 100_000 + b"\r\n")
        client.sendall(b"0\r\n\r\n")
        assert answer(client)[0] == 401


@pytest.mark.parametrize(
    "text",
    [
        b"nonsense\r\n\r\n",
        GET + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n",
        GET + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        GET + b"Content-Length: -1\r\n\r\n",
        GET + b"no colon\r\n\r\n",
    ],
)
def test_what_is_no_request_is_a_problem_too(api: Rest, text: bytes) -> None:
    with connected(api) as client:
        client.sendall(text)
        is_refused(client, 400, "bad-request")


def test_a_connection_on_which_no_head_comes_to_its_end_is_closed(api: Rest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.http_head.HEAD_SECONDS", 0.1)
    for begun in (b"", GET):
        with connected(api) as client:
            client.sendall(begun)
            assert client.recv(1) == b""
