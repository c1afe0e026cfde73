"""Handshakes of live push that nobody may be let in by, and frames that no client may send."""

import struct
from collections.abc import Callable
from typing import NamedTuple

from api.auth import ORDERS_READ, ORDERS_WRITE
from hostile.world import OWNER, STRANGER, Case, World, claims, get, request, signed, with_token
from live_clients import query

SSE, WEBSOCKET = "/v1/live/sse", "/v1/live"
UPGRADE = {
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
}


def _bearer(w: World) -> str:
    return w.customer(OWNER)["Authorization"].removeprefix("Bearer ")


def _used(w: World) -> str:
    once = w.ticket()
    with w.rest.client.stream("GET", f"{SSE}{query(ticket=once)}") as answer:
        assert answer.status_code == 200
    return once


def _of_audience(audience: str, **more: object) -> str:
    return signed(claims(aud=audience, sub=str(OWNER), scope=None, until=2**33, jti="x", **more))


# What lets nobody in, as a ticket: 401 on SSE, 4001 on WebSocket.
TICKETS: dict[str, Callable[[World], str]] = {
    "empty": lambda _: "",
    "no token": lambda _: "x",
    "a bearer token": _bearer,
    "a session": lambda w: w.session(OWNER),
    "a share link": lambda w: w.link(),
    "an API key": lambda w: w.keys["good"],
    "used": _used,
    "cut short": lambda w: w.ticket()[:-3],
    "of another audience": lambda _: _of_audience("lacak"),
    "for a session": lambda _: _of_audience("lacak-live-session"),
    "expired": lambda _: _of_audience("lacak-live-ticket", exp=1),
    "of another secret": lambda _: signed(
        claims(aud="lacak-live-ticket", sub=str(OWNER), until=2**33, jti="x"), None, b"x" * 32
    ),
    "without an id": lambda _: signed(claims(aud="lacak-live-ticket", sub=str(OWNER), until=2**33)),
}

COOKIES: dict[str, Callable[[World], str]] = {
    "a bearer token": _bearer,
    "a ticket": lambda w: w.ticket(OWNER),
    "empty": lambda _: "",
    "cut short": lambda w: w.session(OWNER)[:-3],
}

ORIGINS = ("https://attacker.example", "null", "", "https://lacak.example.attacker.example", "lacak.example", "*")

HANDSHAKES: dict[str, dict[str, str]] = {
    "no key": {"Sec-WebSocket-Key": ""},
    "a short key": {"Sec-WebSocket-Key": "AAAA"},
    "a key that is no base64": {"Sec-WebSocket-Key": "!" * 24},
    "version 8": {"Sec-WebSocket-Version": "8"},
    "version 13, 8": {"Sec-WebSocket-Version": "13, 8"},
    "no version": {"Sec-WebSocket-Version": ""},
}


def _ids(*orders: object) -> Callable[[World], bytes]:
    return lambda w: get(f"{SSE}{query(orders=orders)}", w.customer())


CASES = [
    *(
        Case(f"SSE, ticket: {name}", lambda w, t=ticket: get(f"{SSE}{query(ticket=t(w))}"), 401, "unauthenticated")
        for name, ticket in TICKETS.items()
    ),
    *(
        Case(
            f"SSE, cookie: {name}",
            lambda w, c=cookie: get(SSE, {"Cookie": f"lacak_live={c(w)}"}),
            401,
            "unauthenticated",
        )
        for name, cookie in COOKIES.items()
    ),
    Case("SSE, nobody", lambda _: get(SSE), 401, "unauthenticated"),
    Case("SSE, Basic", lambda _: get(SSE, {"Authorization": "Basic eA=="}), 401, "unauthenticated"),
    Case("SSE, alg none", lambda _: get(SSE, with_token("eyJhbGciOiJub25lIn0.e30.")), 401, "unauthenticated"),
    Case("SSE, a token in the query", lambda w: get(f"{SSE}?token={_bearer(w)}"), 401, "unauthenticated"),
    Case(
        "SSE, two Authorization headers", lambda w: get(SSE, [*w.customer(OWNER).items()] * 2), 401, "unauthenticated"
    ),
    Case(
        "SSE, a bad ticket beside a good token", lambda w: get(f"{SSE}?ticket=x", w.customer()), 401, "unauthenticated"
    ),
    Case(
        "SSE, two tickets, the last one bad",
        lambda w: get(f"{SSE}?ticket={w.ticket()}&ticket=x"),
        401,
        "unauthenticated",
    ),
    Case("SSE, a shop", lambda w: get(SSE, w.rest.headers(ORDERS_WRITE, sub="42")), 403, "forbidden"),
    Case("SSE, no user", lambda w: get(SSE, w.customer("042")), 403, "forbidden"),
    *(
        Case(f"SSE, Origin {origin!r}", lambda w, o=origin: get(SSE, w.customer() | {"Origin": o}), 403, "forbidden")
        for origin in ORIGINS
    ),
    *(
        Case(
            f"WebSocket, Origin {origin!r}",
            lambda w, o=origin: get(WEBSOCKET, w.customer() | UPGRADE | {"Origin": o}),
            403,
            "forbidden",
        )
        for origin in ORIGINS
    ),
    *(
        Case(f"WebSocket, {name}", lambda w, c=changed: get(WEBSOCKET, w.customer() | UPGRADE | c), 400, "bad-request")
        for name, changed in HANDSHAKES.items()
    ),
    *(
        Case(f"SSE, id_order {text!r}", _ids(text), 422, "validation")
        for text in ("0", "-1", "x", 2**63, "٤", "1\r\nX-Injected: y", "1\0", "")
    ),
    Case("SSE, 201 orders", _ids(*range(1, 202)), 422, "validation"),
    Case("a ticket for a shop", lambda w: get_ticket(w, ORDERS_WRITE, "42"), 403, "forbidden"),
    Case("a ticket for no user", lambda w: get_ticket(w, ORDERS_READ, "*"), 403, "forbidden"),
]


def get_ticket(w: World, scope: str, sub: str) -> bytes:
    return request("POST", "/v1/live/tickets", w.rest.headers(scope, sub=sub), b"")


def masked(first: int, payload: bytes) -> bytes:
    """A client's frame, its mask zeros."""
    size = len(payload)
    length = bytes((0x80 | size,)) if size < 126 else struct.pack(">BH", 0x80 | 126, size)
    return bytes((first,)) + length + bytes(4) + payload


class Sent(NamedTuple):
    """Bytes on a WebSocket that is open, and the code that it must be closed with."""

    name: str
    sent: bytes
    code: int


TEXT, BINARY, CLOSE, PING = 0x81, 0x82, 0x88, 0x89
FRAMES = [
    Sent("a text of 4,097 bytes", masked(TEXT, b"x" * 4097), 1009),
    Sent("4,097 bytes", masked(BINARY, bytes(4097)), 1009),
    Sent("a length of 2^62", bytes((TEXT, 0xFF)) + struct.pack(">Q", 2**62), 1009),
    Sent("a length of 2^63", bytes((TEXT, 0xFF)) + struct.pack(">Q", 2**63), 1002),
    Sent("a length with a zero in front", bytes((TEXT, 0xFE, 0, 5)) + bytes(4) + b"hello", 1002),
    Sent("fragments of 5,000 bytes", masked(0x01, b"x" * 2500) + masked(0x80, b"x" * 2500), 1009),
    Sent("50 frames at once", masked(TEXT, b"{}") * 50, 1008),
    Sent("50 frames of bytes", masked(BINARY, b"\0") * 50, 1008),
    Sent("50 pings", masked(PING, b"") * 50, 1008),
    Sent("50 fragments", masked(0x01, b"x") + masked(0x00, b"x") * 50, 1008),
    Sent("not masked", b"\x81\x02{}", 1002),
    Sent("a reserved bit", masked(0xC1, b"{}"), 1002),
    Sent("an opcode that is none", masked(0x83, b"{}"), 1002),
    Sent("a ping of 126 bytes", masked(PING, b"x" * 126), 1002),
    Sent("half a ping", masked(0x09, b""), 1002),
    Sent("nothing to continue", masked(0x80, b"x"), 1002),
    Sent("a message within a message", masked(0x01, b"x") + masked(TEXT, b"x"), 1002),
    Sent("a text that is none", masked(TEXT, b"\xff\xfe"), 1007),
    Sent("half a character in a text", masked(TEXT, b"\xed\xa0\x80"), 1007),
    Sent("HTTP", b"GET /v1/orders HTTP/1.1\r\n\r\n", 1002),
]

# Whom a WebSocket tells by its close code: a browser sees no status.
TOLD: dict[str, tuple[Callable[[World], str], Callable[[World], dict[str, str]], int]] = {
    **{
        f"ticket: {name}": (lambda w, t=ticket: query(ticket=t(w)), lambda _: {}, 4001)
        for name, ticket in TICKETS.items()
    },
    "nobody": (lambda _: "", lambda _: {}, 4001),
    "Basic": (lambda _: "", lambda _: {"Authorization": "Basic eA=="}, 4001),
    "alg none": (lambda _: "", lambda _: with_token("eyJhbGciOiJub25lIn0.e30."), 4001),
    "a session in the cookie": (lambda _: "", lambda w: {"Cookie": f"lacak_live={w.session(OWNER)}"}, 4001),
    "a shop": (lambda _: "", lambda w: w.rest.headers(ORDERS_WRITE, sub="42"), 4003),
    "no user": (lambda _: "", lambda w: w.customer("042"), 4003),
    "an id that is none": (lambda _: query(orders=["x"]), lambda w: w.customer(STRANGER), 1008),
    "201 orders": (lambda _: query(orders=range(1, 202)), lambda w: w.customer(STRANGER), 1008),
}
