"""Paths with tricks in them, methods that a resource has not, and bodies of other kinds."""

import json
from typing import Any

from hostile.world import Case, World, get, post, request

ORDER = {"id_user": 42, "id_produk": 7, "harga": 1, "jumlah": 1}
UPDATE = {"status": "lost"}
CORRECTION = {"status": "lost", "corrects": 4, "note": "Salah pindai"}
FORM = b"id_user=42&id_produk=7&harga=1&jumlah=1"
PARTS = b'--x\r\nContent-Disposition: form-data; name="id_user"\r\n\r\n42\r\n--x--\r\n'
XML = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><order>&e;</order>'

# {} is the order's id; an operator asks.
NOT_FOUND = (
    "/v1/orders/../orders/{}",
    "/v1/orders/%2e%2e/orders/{}",
    "/v1/orders/%2e%2e%2forders/{}",
    "/v1/./orders/{}",
    "/v1/%2e/orders/{}",
    "//v1/orders/{}",
    "/v1//orders/{}",
    "/v1/orders//{}",
    "/v1/orders/{}/",
    "/v1/orders/{}//history",
    "/v1/orders/{}%2fhistory",
    "/v1/orders%2f{}",
    "/v1%2forders%2f{}",
    "/v1/orders/{}/history%2f",
    "/v1/orders/{}%2F%2e%2e%2F{}",
    "/v1/users/42%2forders",
    "/registry%2fsubjects",
    "/V1/orders/{}",
    "/v1/Orders/{}",
    "/v1/orders/{}/History",
    "/v1;x/orders/{}",
    "/v1\\orders\\{}",
    "/v1/orders/{}/history/..",
    "/v1/orders/{}/../../../metrics",
    "/static/../app.py",
    "/static/%2e%2e/app.py",
    "/static/%2e%2e%2fapp.py",
    "/static/..%5capp.py",
    "/.env",
    "/.git/config",
    "/docs",
    "/local/token",
    "/local/users",
    "/v1/orders/{}/share-links/x",
)

IDS = (
    "{};x=1",
    "{}%00",
    "%00",
    "{}%0d%0aX-Injected:%20y",
    "{}%20",
    "0{}",
    "+{}",
    "-{}",
    "{}.0",
    "0x10",
    "%D9%A4",
    "%C2%B2",
    "*",
)

METHODS: dict[str, tuple[str, ...]] = {
    "/v1/orders": ("GET", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"),
    "/v1/orders/{}": ("POST", "PUT", "PATCH", "DELETE", "OPTIONS"),
    "/v1/orders/{}/status": ("GET", "PUT", "DELETE"),
    "/v1/orders/{}/history": ("POST", "DELETE"),
    "/v1/orders/{}/cancel": ("GET", "PUT", "DELETE"),
    "/v1/orders/{}/correction": ("GET", "PUT", "PATCH", "DELETE"),
    "/v1/orders/{}/share-links": ("GET", "DELETE"),
    "/v1/status-updates": ("GET", "PUT", "DELETE"),
    "/v1/users/42/orders": ("POST", "DELETE"),
    "/v1/produk/7/orders": ("POST", "DELETE"),
    "/v1/lifecycle": ("POST", "PUT", "DELETE"),
    "/v1/live/tickets": ("GET", "DELETE"),
    "/v1/live/session": ("GET", "DELETE"),
    "/v1/live/sse": ("POST", "DELETE"),
    "/metrics": ("POST", "DELETE"),
    "/registry/subjects": ("POST", "DELETE"),
    "/registry/config": ("PUT",),
}

KINDS: dict[str, tuple[str, bytes]] = {
    "multipart": ("multipart/form-data; boundary=x", PARTS),
    "a form": ("application/x-www-form-urlencoded", FORM),
    "XML": ("application/xml", XML),
    "text": ("text/plain", json.dumps(ORDER).encode()),
    "almost JSON": ("application/jsonp", json.dumps(ORDER).encode()),
    "two types": ("application/json, text/plain", json.dumps(ORDER).encode()),
    "a type with a NUL for a space": ("application/json\xa0", json.dumps(ORDER).encode()),
    "a CloudEvent": ("application/cloudevents+json", json.dumps(ORDER).encode()),
    "Avro": ("application/avro", b"\0\0\0\0\1"),
    "no type": ("", json.dumps(ORDER).encode()),
}

ONE, BATCH = "application/cloudevents+json", "application/cloudevents-batch+json"


def event(**changes: Any) -> dict[str, Any]:
    """A good event; None takes an attribute away."""
    type_ = "lacak.courier.status-update"
    whole = {"specversion": "1.0", "id": "ce-1", "source": "/jne", "type": type_, "data": UPDATE, **changes}
    return {name: value for name, value in whole.items() if value is not None}


EVENTS: dict[str, dict[str, Any]] = {
    "specversion 0.3": event(specversion="0.3"),
    "specversion a number": event(specversion=1.0),
    "no id": event(id=None),
    "an empty id": event(id=""),
    "the id placed": event(id="placed"),
    "an id of 65": event(id="x" * 65),
    "another type": event(type="lacak.order.placed"),
    "no type": event(type=None),
    "an empty source": event(source=""),
    "a time without a zone": event(time="2026-01-01T00:00:00"),
    "data as a text": event(data='{"status":"lost"}'),
    "data_base64": event(data=None, data_base64="eyJzdGF0dXMiOiJsb3N0In0="),
    "data of XML": event(datacontenttype="application/xml"),
    "another order in data": event(data={**UPDATE, "id_order": "1"}),
    "an event in an event": event(data=event()),
}


def _at(w: World, path: str) -> str:
    return path.replace("{}", str(w.id_order)).encode().decode("latin-1")


def _binary(w: World, **changes: str) -> bytes:
    attributes = {f"ce-{name}": str(value) for name, value in event(data=None, **changes).items()}
    return post(f"{w.order}/status", w.courier() | attributes, UPDATE)


CASES = [
    *(Case(f"path {path}", lambda w, p=path: get(_at(w, p), w.ops()), 404, "not-found") for path in NOT_FOUND),
    *(Case(f"id {id_}", lambda w, i=id_: get(_at(w, f"/v1/orders/{i}"), w.ops()), 422, "validation") for id_ in IDS),
    *(
        Case(
            f"id {id_} of a correction",
            lambda w, i=id_: post(_at(w, f"/v1/orders/{i}/correction"), w.corrector(), CORRECTION),
            422,
            "validation",
        )
        for id_ in IDS[:4]
    ),
    *(
        Case(
            f"id {id_} of a status",
            lambda w, i=id_: post(_at(w, f"/v1/orders/{i}/status"), w.courier(), UPDATE),
            422,
            "validation",
        )
        for id_ in IDS[:4]
    ),
    *(
        Case(
            f"{method} {path}",
            lambda w, m=method, p=path: request(m, _at(w, p), w.ops(), b""),
            405,
            "method-not-allowed",
        )
        for path, methods in METHODS.items()
        for method in methods
    ),
    Case(
        "a method that a header names",
        lambda w: request(
            "GET", "/v1/orders", w.shop() | {"X-HTTP-Method-Override": "POST"}, json.dumps(ORDER).encode()
        ),
        405,
        "method-not-allowed",
    ),
    *(
        Case(
            f"{name} for an order",
            lambda w, k=kind: post("/v1/orders", w.shop(), k[1], k[0]),
            415,
            "unsupported-media-type",
        )
        for name, kind in KINDS.items()
    ),
    Case(
        "a batch of events for one order",
        lambda w: post(f"{w.order}/status", w.courier(), [event()], BATCH),
        415,
        "unsupported-media-type",
    ),
    Case(
        "XML for a status",
        lambda w: post(f"{w.order}/status", w.courier(), XML, "text/xml"),
        415,
        "unsupported-media-type",
    ),
    *(
        Case(f"event: {name}", lambda w, e=bad: post(f"{w.order}/status", w.courier(), e, ONE), 422, "validation")
        for name, bad in EVENTS.items()
    ),
    Case(
        "a batch of bad events",
        lambda w: post(
            "/v1/status-updates",
            w.courier(),
            [bad for name, bad in EVENTS.items() if name != "another order in data"],
            BATCH,
        ),
        422,
        "validation",
    ),
    Case("an event's header: specversion 9", lambda w: _binary(w, specversion="9"), 422, "validation"),
    Case("an event's header: id placed", lambda w: _binary(w, id="%70laced"), 422, "validation"),
    Case("an event's header: another type", lambda w: _binary(w, type="x"), 422, "validation"),
    Case("an event's header: time yesterday", lambda w: _binary(w, time="yesterday"), 422, "validation"),
]
