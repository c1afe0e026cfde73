"""Requests that two readers could read as two different things, and heads and bodies without end."""

from collections.abc import Callable

from hostile.world import Case, World, get, post, request

ORDER = b'{"id_user":42,"id_produk":7,"harga":1,"jumlah":1}'
_SIZE = f"Content-Length: {len(ORDER)}"
# What a reader that is fooled takes for a request of its own.
_SECOND = b"GET /v1/lifecycle HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


def _raw(*lines: str, body: bytes = b"", first: str = "POST /v1/orders HTTP/1.1") -> Callable[[World], bytes]:
    """A shop's good order, in a head with these lines, as bytes; and one more request after it."""

    def sent(w: World) -> bytes:
        head = [first, "Host: lacak.example", "Content-Type: application/json"]
        head += [f"Authorization: {w.shop()['Authorization']}", *lines, "", ""]
        return "\r\n".join(head).encode("latin-1") + body + _SECOND

    return sent


def _chunks(*parts: bytes) -> Callable[[World], bytes]:
    """The order as chunks, written so."""
    return _raw("Transfer-Encoding: chunked", body=b"".join(parts))


_HEX = b"%x" % len(ORDER)
_WHOLE = _HEX + b"\r\n" + ORDER + b"\r\n0\r\n\r\n"

SMUGGLED: dict[str, Callable[[World], bytes]] = {
    "Content-Length and chunked": _raw(_SIZE, "Transfer-Encoding: chunked", body=_WHOLE),
    "chunked and Content-Length": _raw("Transfer-Encoding: chunked", _SIZE, body=_WHOLE),
    "Content-Length 0 and chunked": _raw("Content-Length: 0", "Transfer-Encoding: chunked", body=_WHOLE),
    "two lengths": _raw(_SIZE, "Content-Length: 0", body=ORDER),
    "two lengths that are the same": _raw(_SIZE, _SIZE, body=ORDER),
    "two lengths in one": _raw(f"{_SIZE}, {len(ORDER)}", body=ORDER),
    "a length with a plus": _raw(f"Content-Length: +{len(ORDER)}", body=ORDER),
    "a negative length": _raw("Content-Length: -1", body=ORDER),
    "a length in hex": _raw(f"Content-Length: 0x{len(ORDER):x}", body=ORDER),
    "a length with a space": _raw("Content-Length: 4 9", body=ORDER),
    "a length of Arabic digits": _raw("Content-Length: \xd9\xa4", body=ORDER),
    "a length over 2^64": _raw("Content-Length: 18446744073709551665", body=ORDER),
    "an empty length": _raw("Content-Length: ", body=ORDER),
    "a length with an underscore": _raw("Content-Length: 4_9", body=ORDER),
    "chunked, identity": _raw("Transfer-Encoding: chunked, identity", body=_WHOLE),
    "xchunked": _raw("Transfer-Encoding: xchunked", body=_WHOLE),
    "chunked twice, and a length": _raw("Transfer-Encoding: chunked", "Transfer-Encoding: cow", _SIZE, body=_WHOLE),
    "a tab before the colon": _raw("Transfer-Encoding\t: chunked", body=_WHOLE),
    "a space before the colon": _raw("Content-Length : 49", body=ORDER),
    "a folded header": _raw("X-Folded: a", " b", _SIZE, body=ORDER),
    "a folded Transfer-Encoding": _raw("Transfer-Encoding:", " chunked", body=_WHOLE),
    "a header that begins with a space": _raw(" Transfer-Encoding: chunked", body=_WHOLE),
    "a header without a name": _raw(": x", _SIZE, body=ORDER),
    "a header without a colon": _raw("Transfer-Encoding chunked", body=_WHOLE),
    "a NUL in a header": _raw("X-A: a\0b", _SIZE, body=ORDER),
    "a NUL in a header's name": _raw("X\0A: a", _SIZE, body=ORDER),
    "a CR in a header": _raw("X-A: a\rTransfer-Encoding: chunked", body=_WHOLE),
    "a control character in a name": _raw("Transfer-Encoding\x0b: chunked", body=_WHOLE),
    "a chunk's size that is none": _chunks(b"zz\r\n", ORDER, b"\r\n0\r\n\r\n"),
    "a chunk's size in 0x": _chunks(b"0x", _WHOLE),
    "a negative chunk": _chunks(b"-1\r\n", ORDER, b"\r\n0\r\n\r\n"),
    "a chunk's size over 2^64": _chunks(b"1" + b"0" * 16 + _WHOLE),
    "a space before a chunk's size": _chunks(b" ", _WHOLE),
    "a chunk that is longer than it says": _chunks(b"2\r\n", ORDER, b"\r\n0\r\n\r\n"),
    "a chunk that ends with LF only": _chunks(_HEX, b"\r\n", ORDER, b"\n0\r\n\r\n"),
    "a chunk's size that ends with LF only": _chunks(_HEX, b"\n", ORDER, b"\r\n0\r\n\r\n"),
    "a NUL in a chunk's extension": _chunks(_HEX, b";a=\0\r\n", ORDER, b"\r\n0\r\n\r\n"),
    "no version": _raw(_SIZE, body=ORDER, first="POST /v1/orders"),
    "version 1.7": _raw(_SIZE, body=ORDER, first="POST /v1/orders HTTP/1.7"),
    "version 3.1": _raw(_SIZE, body=ORDER, first="POST /v1/orders HTTP/3.1"),
    "version in small letters": _raw(_SIZE, body=ORDER, first="POST /v1/orders http/1.1"),
    "a space in the target": _raw(_SIZE, body=ORDER, first="POST /v1/orders x HTTP/1.1"),
    "a NUL in the target": _raw(_SIZE, body=ORDER, first="POST /v1/orders\0 HTTP/1.1"),
    "a tab for a space": _raw(_SIZE, body=ORDER, first="POST\t/v1/orders\tHTTP/1.1"),
    "a method in small letters": _raw(_SIZE, body=ORDER, first="post /v1/orders HTTP/1.1"),
    "a method that is none": _raw(_SIZE, body=ORDER, first="TAKE /v1/orders HTTP/1.1"),
    "HTTP/2 by prior knowledge": lambda _: b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(9),
    "TLS": lambda _: bytes.fromhex("16030100a5010000a10303") + bytes(160),
    "a line that ends with LF only": lambda w: _raw(_SIZE, body=ORDER)(w).replace(b"\r\nHost", b"\nHost", 1),
    "a head of LF only": lambda w: post("/v1/orders", w.shop(), ORDER).replace(b"\r\n", b"\n"),
}

CASES = [
    *(Case(f"smuggling: {name}", sent, 400, "bad-request") for name, sent in SMUGGLED.items()),
    Case("a URL of 70,000 characters", lambda w: get(f"/{'a' * 70_000}", w.ops()), 431, "head-too-large"),
    Case("a header of 70,000 characters", lambda w: get(w.order, {"X": "a" * 70_000}), 431, "head-too-large"),
    Case("10,000 headers", lambda w: get(w.order, [("X-A", "a" * 10)] * 10_000), 431, "head-too-large"),
    Case("a cookie of 70,000 characters", lambda w: get(w.order, {"Cookie": "a" * 70_000}), 431, "head-too-large"),
    # Answered before it has come: what is more would meet a connection that is closed.
    Case(
        "a body that says it has 2 MiB",
        lambda w: request("POST", "/v1/orders", {**w.shop(), "Content-Length": str(2**21)}) + ORDER,
        413,
        "too-large",
    ),
    Case(
        "a body that says it has 1 TiB",
        lambda w: request("POST", "/v1/orders", {**w.shop(), "Content-Length": str(2**40)}) + ORDER,
        413,
        "too-large",
    ),
    Case(
        "chunks of more than 1 MiB in all",
        lambda w: (
            request(
                "POST",
                "/v1/orders",
                {"Content-Type": "application/json", "Transfer-Encoding": "chunked", **w.shop()},
            )
            + (b"10000\r\n" + b" " * 65536 + b"\r\n") * 16
            + b"1\r\n \r\n"
        ),
        413,
        "too-large",
    ),
]
