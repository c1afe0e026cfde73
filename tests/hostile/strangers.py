"""Good credentials, and what is another's: each route, each way to say whose it is."""

import base64
import struct
import time
from typing import Any

from api.auth import OPS, ORDERS_READ, ORDERS_WRITE, STATUS_WRITE
from api.shares import ShareLinks
from hostile.paths import BATCH, CORRECTION, ONE, event
from hostile.world import OWNER, STRANGER, Case, World, b64, get, post, with_token

OTHER = "sicepat"  # the token is jne's
UPDATE = {"status": "lost", "courier": OTHER}
CODE = {"carrier_code": {"vocabulary": "aftership", "code": "Delivered"}, "courier": OTHER}
NEW = {"id_user": OWNER, "id_produk": 7, "harga": 1, "jumlah": 1}

READS = ("/v1/orders/{}", "/v1/orders/{}/history", f"/v1/users/{OWNER}/orders", f"/v1/users/{OWNER}/orders?limit=1")
# Who is not user 42, though it looks so.
LIKE_THE_OWNER = ("042", "42 ", " 42", "+42", "42.0", "٤٢", "42\0", "4294967338", "42,43", "*", "")


def _as_system(w: World, scope: str) -> dict[str, str]:
    return w.rest.headers(scope, sub=str(OWNER))


def _post(body: Any, media_type: str = "application/json", path: str = "/v1/status-updates", **headers: str) -> Any:
    return lambda w: post(path.replace("{}", str(w.id_order)), w.courier() | headers, body, media_type)


def _binary(path: str, body: Any) -> Any:
    attributes = {f"ce-{name}": str(value) for name, value in event(data=None).items()}
    return _post(body, path=path, **attributes)


_STATUS = "/v1/orders/{}/status"
IN_ANOTHERS_NAME: dict[str, Any] = {
    "one update": _post(UPDATE, path=_STATUS),
    "a code": _post(CODE, path=_STATUS),
    "in other letters": _post({"status": "lost", "courier": "JNE"}, path=_STATUS),
    "with a space": _post({"status": "lost", "courier": "jne "}, path=_STATUS),
    "a batch": _post({"updates": [{**UPDATE, "id_order": 1}, {**CODE, "id_order": 2}]}),
    "an event": _post(event(data=UPDATE), ONE, _STATUS),
    "an event of its source": _post(event(data=UPDATE, source="/sicepat"), ONE, _STATUS),
    "an event in headers": _binary(_STATUS, UPDATE),
    "an event in headers, to the batch": _binary("/v1/status-updates", {**UPDATE, "id_order": 1}),
    "an event to the batch": _post(event(data={**UPDATE, "id_order": 1}), ONE),
    "a batch of events": _post([event(data={**each, "id_order": 1}) for each in (UPDATE, CODE)], BATCH),
    "by an API key": lambda w: post(f"{w.order}/status", with_token(w.keys["good"]), UPDATE),
    "by an API key, a batch": lambda w: post(
        "/v1/status-updates", with_token(w.keys["good"]), {"updates": [{**UPDATE, "id_order": 1}]}
    ),
    "with an Idempotency-Key": _post(UPDATE, path=_STATUS, **{"Idempotency-Key": "another's"}),
}


def _of_another_order(w: World) -> str:
    """A good link's, with the order's id put into another's."""
    links = ShareLinks(w.rest.settings.jwt_secret, "", lambda: int(time.time()))
    raw = base64.urlsafe_b64decode(links.token(w.id_order + 1, int(time.time()) + 60) + "==")
    return b64(struct.pack(">Q", w.id_order) + raw[8:])


def _longer(w: World) -> str:
    raw = base64.urlsafe_b64decode(w.link() + "==")
    return b64(raw[:8] + b"\xff\xff\xff\xff" + raw[12:])


def _ended(w: World) -> str:
    return ShareLinks(w.rest.settings.jwt_secret, "", lambda: 0).token(w.id_order, int(time.time()) - 1)


def _signed_elsewhere(w: World) -> str:
    return ShareLinks("another secret, of 32 bytes or more than that", "", lambda: 0).token(w.id_order, 2**32 - 1)


def _correction(callers: Any, **more: Any) -> Any:
    return lambda w: post(f"{w.order}/correction", callers(w), CORRECTION | more)


# The order is delivered: from somebody who may, the correction would be good.
WHO_CORRECTS_NOTHING: dict[str, Any] = {
    "an operator who only reads": _correction(lambda w: w.rest.headers(OPS, sub="ani")),
    "the owner": _correction(lambda w: w.customer(OWNER)),
    "a stranger": _correction(lambda w: w.customer()),
    "the shop": _correction(World.shop),
    "the courier": _correction(World.courier),
    "a courier of that name": _correction(lambda w: w.rest.headers(STATUS_WRITE, courier="operator", sub="operator")),
    "an API key of a courier's": _correction(lambda w: with_token(w.keys["good"])),
    "nobody by name": _correction(lambda w: w.corrector(None)),
    "an empty name": _correction(lambda w: w.corrector("")),
    "a name of 65": _correction(lambda w: w.corrector("x" * 65)),
}
NO_CORRECTIONS: dict[str, Any] = {
    "in another's name": _correction(World.corrector, operator="budi"),
    "as a courier": _correction(World.corrector, courier="jne"),
    "of another time": _correction(World.corrector, occurred_at="2026-01-01T00:00:00Z"),
    "without a reason": _correction(World.corrector, note=""),
    "of no version": _correction(World.corrector, corrects=0),
    "of half a version": _correction(World.corrector, corrects=4.5),
    "within an update": _post({**CORRECTION, "courier": "jne"}, path=_STATUS),
    "within a batch": _post({"updates": [{**CORRECTION, "id_order": 1}]}),
    "within an event": _post(event(data={**CORRECTION, "operator": "ani"}), ONE, _STATUS),
}

LINKS: dict[str, tuple[Any, int, str]] = {
    "of another order": (_of_another_order, 404, "not-found"),
    "made longer": (_longer, 404, "not-found"),
    "ended": (_ended, 410, "link-ended"),
    "of another deployment": (_signed_elsewhere, 404, "not-found"),
    "cut short": (lambda w: w.link()[:-1], 404, "not-found"),
    "the order's id": (lambda w: str(w.id_order), 404, "not-found"),
    "a token": (lambda w: w.ops()["Authorization"].removeprefix("Bearer "), 422, "validation"),
    "a header's end": (lambda _: "%0d%0aSet-Cookie:%20x=y", 404, "not-found"),
    "spelled otherwise": (lambda w: w.link()[:-1] + "%3D", 404, "not-found"),
}

CASES = [
    *(
        Case(
            f"a stranger reads {path}",
            lambda w, p=path: get(p.replace("{}", str(w.id_order)), w.customer()),
            404,
            "not-found",
        )
        for path in READS
    ),
    *(
        Case(f"sub {sub!r} reads the order", lambda w, s=sub: get(w.order, w.customer(s)), 404, "not-found")
        for sub in LIKE_THE_OWNER
    ),
    *(
        Case(
            f"sub {sub!r} reads the list",
            lambda w, s=sub: get(f"/v1/users/{OWNER}/orders", w.customer(s)),
            404,
            "not-found",
        )
        for sub in LIKE_THE_OWNER[:3]
    ),
    *(
        Case(
            f"{scope} reads {path}",
            lambda w, s=scope, p=path: get(p.replace("{}", str(w.id_order)), _as_system(w, s)),
            403,
            "forbidden",
        )
        for scope in (ORDERS_WRITE, STATUS_WRITE)
        for path in READS[:3]
    ),
    Case(
        "the owner reads a product's orders",
        lambda w: get("/v1/produk/7/orders?day=2026-01-05", w.customer(OWNER)),
        403,
        "forbidden",
    ),
    Case("a courier's key reads the order", lambda w: get(w.order, with_token(w.keys["good"])), 403, "forbidden"),
    Case("a stranger shares the order", lambda w: post(f"{w.order}/share-links", w.customer(), {}), 404, "not-found"),
    Case("a shop shares the order", lambda w: post(f"{w.order}/share-links", w.shop(), {}), 403, "forbidden"),
    Case("a customer places an order", lambda w: post("/v1/orders", w.customer(OWNER), NEW), 403, "forbidden"),
    Case("a courier places an order", lambda w: post("/v1/orders", w.courier(), NEW), 403, "forbidden"),
    Case("an operator places an order", lambda w: post("/v1/orders", w.ops(), NEW), 403, "forbidden"),
    Case("a shop sends a status", lambda w: post(f"{w.order}/status", w.shop(), UPDATE), 403, "forbidden"),
    Case("a customer sends a status", lambda w: post(f"{w.order}/status", w.customer(OWNER), UPDATE), 403, "forbidden"),
    Case(
        "a customer sends a batch",
        lambda w: post("/v1/status-updates", w.customer(OWNER), {"updates": [UPDATE]}),
        403,
        "forbidden",
    ),
    *(Case(f"corrects: {name}", sent, 403, "forbidden") for name, sent in WHO_CORRECTS_NOTHING.items()),
    *(Case(f"correction {name}", sent, 422, "validation") for name, sent in NO_CORRECTIONS.items()),
    Case("who corrects reads the order", lambda w: get(w.order, w.corrector()), 403, "forbidden"),
    Case("who corrects reads the history", lambda w: get(f"{w.order}/history", w.corrector()), 403, "forbidden"),
    Case("who corrects cancels", lambda w: post(f"{w.order}/cancel", w.corrector(), {}), 403, "forbidden"),
    Case(
        "who corrects asks about a scan", lambda w: get(f"{w.order}/updates/event-5", w.corrector()), 404, "not-found"
    ),
    *(Case(f"in another courier's name: {name}", sent, 403, "forbidden") for name, sent in IN_ANOTHERS_NAME.items()),
    *(
        Case(f"link: {name}", lambda w, m=made: get(f"/v1/shared/{m(w)}"), status, problem)
        for name, (made, status, problem) in LINKS.items()
    ),
    Case(
        "a stranger uses an operator's word", lambda w: get(w.order, w.customer() | {"X-Scope": OPS}), 404, "not-found"
    ),
    Case(
        "a stranger names a user",
        lambda w: get(f"{w.order}?id_user={OWNER}&sub={OWNER}", w.customer(STRANGER)),
        404,
        "not-found",
    ),
    Case("no user at all reads", lambda w: get(w.order, w.rest.headers(ORDERS_READ)), 404, "not-found"),
]
