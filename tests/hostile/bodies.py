"""Bodies, ids and header values that say what nobody may say, or nothing."""

import gzip
import json
from typing import Any

from hostile.world import Case, World, get, post, request

ORDER = {"id_user": 42, "id_produk": 7, "harga": 1, "jumlah": 1}
UPDATE = {"status": "lost"}
_ORDER = json.dumps(ORDER).encode()

NOT_JSON: dict[str, bytes] = {
    "NaN": b'{"harga":NaN}',
    "Infinity": b'{"harga":Infinity}',
    "-Infinity": b'{"harga":-Infinity}',
    "1e999": b'{"harga":1e999}',
    "a number of 10,000 digits and a point": b'{"harga":' + b"9" * 10_000 + b".}",
    "a number of 400 digits": b'{"harga":1' + b"0" * 400 + b"}",
    "a leading zero": b'{"harga":01}',
    "hex": b'{"harga":0x10}',
    "Arabic digits": '{"harga":٤٢}'.encode(),
    "full-width digits": '{"harga":４２}'.encode(),
    "invalid UTF-8": b'{"produk_nama":"\xff\xfe"}',
    "overlong UTF-8": b'{"produk_nama":"\xc0\xaf"}',
    "a surrogate in UTF-8": b'{"produk_nama":"\xed\xa0\x80"}',
    "half a character": b'{"produk_nama":"\\ud800"}',
    "half a character as a name": b'{"\\udfff":1}',
    "UTF-16": _ORDER.decode().encode("utf-16"),
    "UTF-16 without a mark": _ORDER.decode().encode("utf-16-le"),
    "UTF-32": _ORDER.decode().encode("utf-32"),
    "a byte order mark": b"\xef\xbb\xbf" + _ORDER,
    "a NUL in a text": b'{"produk_nama":"a\0b"}',
    "a line's end in a text": b'{"produk_nama":"a\nb"}',
    "two values": _ORDER + _ORDER,
    "a NUL after it": _ORDER + b"\0",
    "a comma too many": _ORDER[:-1] + b",}",
    "a comment": b"/* x */" + _ORDER,
    "single quotes": _ORDER.replace(b'"', b"'"),
    "gzip": gzip.compress(_ORDER),
    "nothing": b"",
    "spaces": b"   ",
    "half of it": _ORDER[:-5],
}

TWO_MEANINGS: dict[str, tuple[bytes, int, str]] = {
    "17 deep": (b"[" * 17 + b"]" * 17, 400, "bad-request"),
    "1,000 deep": (b'{"a":' * 1000 + b"1" + b"}" * 1000, 400, "bad-request"),
    "100,000 brackets": (b"[" * 100_000, 413, "too-large"),
    "100,000 members": (b"{" + b",".join(b'"%d":1' % n for n in range(50_000)) + b"}", 413, "too-large"),
    "a member twice": (_ORDER[:-1] + b',"id_user":43}', 400, "bad-request"),
    "a member twice, escaped": (_ORDER[:-1] + b',"id\\u005fuser":43}', 400, "bad-request"),
    "a member twice in one that is not known": (_ORDER[:-1] + b',"x":{"a":1,"a":2}}', 400, "bad-request"),
}

_HUGE = 10**300
ORDERS: dict[str, Any] = {
    "a huge id": {**ORDER, "id_order": _HUGE},
    "an id of 2^63": {**ORDER, "id_order": 2**63},
    "an id of -2^63": {**ORDER, "id_order": -(2**63)},
    "an id as 1e18": {**ORDER, "id_order": 1e18},
    "an id of Arabic digits": {**ORDER, "id_order": "٤٢"},
    "an id of superscript digits": {**ORDER, "id_order": "²"},
    "an id with a line's end": {**ORDER, "id_order": "1\r\nX-Injected: y"},
    "an id with a NUL": {**ORDER, "id_order": "1\0"},
    "an id true": {**ORDER, "id_order": True},
    "an id as an object": {**ORDER, "id_order": {"$gt": 0}},
    "a user of 2^31": {**ORDER, "id_user": 2**31},
    "a user -0.5": {**ORDER, "id_user": -0.5},
    "a price below 0": {**ORDER, "harga": -1},
    "a price as a text": {**ORDER, "harga": "1"},
    "none of it": {**ORDER, "jumlah": 0},
    "a total of 2^63": {**ORDER, "total_harga": 2**63},
    "a currency with a line's end": {**ORDER, "currency": "IDR\n"},
    "a currency of other letters": {**ORDER, "currency": "ІDR"},
    "a name of 1 MB": {**ORDER, "produk_nama": "x" * 1_000_000},
    "a member that is not known": {**ORDER, "is_admin": True},
    "__proto__": {**ORDER, "__proto__": {"status": "delivered"}},
    "a status of its own": {**ORDER, "status": "delivered"},
    "a list": [ORDER],
    "a text": "order",
    "null": None,
    "nothing in it": {},
}

UPDATES: dict[str, Any] = {
    "the order's own event": {**UPDATE, "event_id": "placed"},
    "no event id": {**UPDATE, "event_id": ""},
    "an event id of 65": {**UPDATE, "event_id": "x" * 65},
    "a status that is none": {"status": "hijacked"},
    "a status in capitals": {"status": "LOST"},
    "a status with a NUL": {"status": "lost\0"},
    "a status of other letters": {"status": "lоst"},
    "half a place": {**UPDATE, "latitude": 1},
    "a place off the earth": {**UPDATE, "latitude": 91, "longitude": 0},
    "a place of 1e308": {**UPDATE, "latitude": 1e308, "longitude": 0},
    "a time without a zone": {**UPDATE, "occurred_at": "2026-01-01T00:00:00"},
    "a time in the year 9999": {**UPDATE, "occurred_at": "9999-12-31T23:59:59Z"},
    "a time of Arabic digits": {**UPDATE, "occurred_at": "٢٠٢٦-01-01T00:00:00Z"},
    "a note of 501": {**UPDATE, "note": "x" * 501},
    "another order in the body": {**UPDATE, "id_order": "1"},
    "a version": {**UPDATE, "version": 99},
    "a status and a code": {**UPDATE, "carrier_code": {"vocabulary": "aftership", "code": "Delivered"}},
    "a vocabulary that is a path": {"carrier_code": {"vocabulary": "../../etc/passwd", "code": "x"}},
    "a code as an object": {"carrier_code": {"vocabulary": "aftership", "code": {"a": 1}}},
}

HEADER_VALUES: dict[str, tuple[str, str]] = {
    "Idempotency-Key: empty": ("Idempotency-Key", ""),
    "Idempotency-Key: of 256": ("Idempotency-Key", "x" * 256),
    "Idempotency-Key: half a quote": ("Idempotency-Key", '"abc'),
    "Idempotency-Key: a list": ("Idempotency-Key", '"a", "b"'),
    "Idempotency-Key: a tab": ("Idempotency-Key", "a\tb"),
    "Idempotency-Key: no ASCII": ("Idempotency-Key", "é"),
    "Idempotency-Key: a CR": ("Idempotency-Key", "a\rX-Injected: y"),
    "Idempotency-Key: a NUL": ("Idempotency-Key", "a\0"),
    "traceparent: a CR": ("traceparent", "00-aa\rX-Injected: y"),
    "traceparent: a NUL": ("traceparent", "00-\0"),
    "X-Request-Id: a CR": ("X-Request-Id", "a\rX-Injected: y"),
    "X-Request-Id: a NUL": ("X-Request-Id", "a\0"),
    "ce-id: a NUL": ("ce-id", "a\0"),
}


def _orders(w: World, body: Any) -> bytes:
    return post("/v1/orders", w.shop(), body)


CASES = [
    *(Case(f"body: {name}", lambda w, b=body: _orders(w, b), 400, "not-json") for name, body in NOT_JSON.items()),
    *(
        Case(f"body: {name}", lambda w, b=body: _orders(w, b), status, problem)
        for name, (body, status, problem) in TWO_MEANINGS.items()
    ),
    *(Case(f"order: {name}", lambda w, b=body: _orders(w, b), 422, "validation") for name, body in ORDERS.items()),
    *(
        Case(f"update: {name}", lambda w, b=body: post(f"{w.order}/status", w.courier(), b), 422, "validation")
        for name, body in UPDATES.items()
    ),
    *(
        Case(name, lambda w, h=header: post("/v1/orders", w.shop() | {h[0]: h[1]}, ORDER), 400, "bad-request")
        for name, header in HEADER_VALUES.items()
    ),
    Case(
        "Idempotency-Key: twice",
        lambda w: request(
            "POST",
            "/v1/orders",
            [
                *w.shop().items(),
                ("Content-Type", "application/json"),
                ("Idempotency-Key", "a"),
                ("Idempotency-Key", "b"),
            ],
            _ORDER,
        ),
        400,
        "bad-request",
    ),
    Case(
        "a code that is not known",
        lambda w: post(
            f"{w.order}/status", w.courier(), {"carrier_code": {"vocabulary": "aftership", "code": "\x1b[2J"}}
        ),
        422,
        "unknown-status",
    ),
    Case("a batch of none", lambda w: post("/v1/status-updates", w.courier(), {"updates": []}), 422, "validation"),
    Case(
        "a batch of 501",
        lambda w: post("/v1/status-updates", w.courier(), {"updates": [{**UPDATE, "id_order": 1}] * 501}),
        422,
        "validation",
    ),
    Case(
        "a batch within a batch",
        lambda w: post(
            "/v1/status-updates", w.courier(), {"updates": [{"updates": [UPDATE]}, [UPDATE], None, "x", 1e9]}
        ),
        422,
        "validation",
    ),
    Case(
        "a share link for ever",
        lambda w: post(f"{w.order}/share-links", w.customer(42), {"expires_in": 2**62}),
        422,
        "validation",
    ),
    Case(
        "a share link that has ended",
        lambda w: post(f"{w.order}/share-links", w.customer(42), {"expires_in": -1}),
        422,
        "validation",
    ),
    *(
        Case(
            f"{name} in a query", lambda w, q=query: get(f"/v1/users/42/orders?{q}", w.customer(42)), 422, "validation"
        )
        for name, query in {
            "a limit of 201": "limit=201",
            "a limit of 0": "limit=0",
            "a limit of Arabic digits": "limit=%D9%A4",
            "a limit of 10,000 digits": f"limit={'9' * 10_000}",
            "a cursor that is none": "cursor=%0d%0aX-Injected:%20y",
            "a cursor as SQL": "cursor=%27%20OR%201=1",
            "a cursor of 501": f"cursor={'A' * 501}",
            "a cursor that is no UTF-8": "cursor=%FF%FE",
        }.items()
    ),
    *(
        Case(f"a day {day!r}", lambda w, d=day: get(f"/v1/produk/7/orders?day={d}", w.ops()), 422, "validation")
        for day in ("", "2026-02-30", "2026-W01-1", "9999999999", "%D9%A2026-01-01", "2026-01-01T00:00:00Z")
    ),
]
