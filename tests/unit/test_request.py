"""Whatever the doorstep takes for a usual request, httptools reads as the same one."""

import httptools
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from api.http_head import MAX_HEAD
from api.live.request import BODY, Request

UPGRADE = b"Upgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"


class Parsed:
    """What httptools says of a head."""

    def __init__(self, data: bytes) -> None:
        self.url, self.whole, self.upgrades = b"", False, False
        self.headers: list[tuple[bytes, bytes]] = []
        parser = httptools.HttpRequestParser(self)
        try:
            parser.feed_data(data)
        except httptools.HttpParserUpgrade as end:
            assert end.args[0] == len(data)
            self.upgrades = True
        self.get = (parser.get_method(), parser.get_http_version()) == (b"GET", "1.1")

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value))

    def on_message_complete(self) -> None:
        assert not self.whole, "one request"
        self.whole = True


def check(data: bytes) -> Request | None:
    """What is read of it; raises what httptools does, and AssertionError where the two differ."""
    read = Request.read(data)
    if read is not None:
        parsed = Parsed(data)
        path, _, query = parsed.url.partition(b"?")
        assert parsed.get and parsed.whole
        assert (path, read.upgrades) == ((b"/v1/live", True) if parsed.upgrades else (b"/v1/live/sse", False))
        assert (read.query, read.headers) == (query, parsed.headers)
        assert read.upgrades == parsed.upgrades
        assert not BODY & {name for name, _ in read.headers}
    return read


PIECES = st.sampled_from(
    [
        b"GET ",
        b"POST ",
        b"/v1/live",
        b"/v1/live/sse",
        b"?cursor=x",
        b"#",
        b"%41",
        b" HTTP/1.1",
        b" HTTP/1.0",
        b"\r\n",
        b"\r\n\r\n",
        b"\n",
        b"\r",
        b" ",
        b"\t",
        b":",
        b",",
        b"\0",
        b"\xe9",
        b"Host: lacak\r\n",
        b"Upgrade: websocket\r\n",
        b"upgrade: WebSocket\r\n",
        b"Upgrade: h2c\r\n",
        b"Connection: Upgrade\r\n",
        b"Connection: close\r\n",
        b"Connection: keep-alive , upgrade \t\r\n",
        b"Connection: upgraded\r\n",
        b"Content-Length: 0\r\n",
        b"Content-Length: 5\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"X: \r\n",
        b"X:\ty\t \r\n",
        b" folded\r\n",
        b"X y: z\r\n",
        b"X : z\r\n",
        b": z\r\n",
    ]
)
ODD = st.lists(PIECES | st.binary(max_size=3), max_size=4).map(b"".join)


@settings(max_examples=3000, deadline=None)
@given(
    stream=st.booleans(),
    query=st.sampled_from([b"", b"?cursor=WGsz"]),
    lines=st.lists(PIECES.filter(lambda piece: piece.endswith(b"\r\n")), max_size=4),
    odd=ODD,
    places=st.lists(st.integers(0, 200), max_size=1),
)
@example(stream=False, query=b"", lines=[], odd=b" ", places=[3])
def test_what_is_read_here_is_what_httptools_reads(
    stream: bool, query: bytes, lines: list[bytes], odd: bytes, places: list[int]
) -> None:
    begins = b"GET /v1/live/sse" if stream else b"GET /v1/live"
    rest = b"" if stream else UPGRADE
    data = begins + query + b" HTTP/1.1\r\nHost: lacak\r\n" + rest + b"".join(lines) + b"\r\n"
    for place in places:
        data = data[:place] + odd + data[place:]
    check(data)


@pytest.mark.parametrize(
    ("data", "upgrades", "query"),
    [
        (b"GET /v1/live?cursor=x HTTP/1.1\r\nHost: lacak\r\n" + UPGRADE + b"\r\n", True, b"cursor=x"),
        (b"GET /v1/live HTTP/1.1\r\nHOST:lacak\r\nupgrade:WebSocket\r\nConnection: upgrade \r\n\r\n", True, b""),
        (b"GET /v1/live/sse?a=?b HTTP/1.1\r\nHost: lacak\r\nX: \r\n\r\n", False, b"a=?b"),
    ],
)
def test_the_usual_ones_are_read_here(data: bytes, upgrades: bool, query: bytes) -> None:
    read = check(data)
    assert read is not None
    assert (read.upgrades, read.query) == (upgrades, query)


def a_stream(more: bytes = b"", target: bytes = b"/v1/live/sse", version: bytes = b"1.1") -> bytes:
    return b"GET " + target + b" HTTP/" + version + b"\r\nHost: lacak\r\n" + more + b"\r\n"


UNUSUAL: dict[str, bytes] = {
    "another route": a_stream(target=b"/v1/live/session"),
    "no upgrade": a_stream(target=b"/v1/live"),
    "percent": a_stream(target=b"/v1/live%2Fsse"),
    "a fragment": a_stream(target=b"/v1/live/sse#x"),
    "a space in the target": a_stream(target=b"/v1/live/sse x"),
    "not ASCII": a_stream(target=b"/v1/live/sse?\xe9"),
    "an older HTTP": a_stream(version=b"1.0"),
    "a body of no bytes": a_stream(b"Content-Length: 0\r\n"),
    "chunks": a_stream(b"Transfer-Encoding: chunked\r\n"),
    "a folded line": a_stream(b"X: y\r\n z\r\n"),
    "a space before the colon": a_stream(b"X : y\r\n"),
    "no colon": a_stream(b"X\r\n"),
    "no name": a_stream(b": y\r\n"),
    "a bare line feed": a_stream(b"X: y\nZ: w\r\n"),
    "a bare carriage return": a_stream(b"X: y\rZ: w\r\n"),
    "a zero": a_stream(b"X: \0\r\n"),
    "two upgrades": a_stream(UPGRADE + b"Upgrade: websocket\r\n", b"/v1/live"),
    "an upgrade without Connection": a_stream(b"Upgrade: websocket\r\n", b"/v1/live"),
    "an upgrade to something else": a_stream(b"Upgrade: h2c\r\nConnection: upgrade\r\n", b"/v1/live"),
    "two requests": a_stream() + a_stream(),
    "half": a_stream()[:-2],
    "too long": a_stream(b"X: " + b"y" * MAX_HEAD + b"\r\n"),
}


@pytest.mark.parametrize("data", UNUSUAL.values(), ids=UNUSUAL.keys())
def test_the_unusual_ones_are_left_to_httptools(data: bytes) -> None:
    assert Request.read(data) is None
