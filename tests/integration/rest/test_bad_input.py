"""Bad input at the door: each gets a clear answer that names what is wrong, and nothing of it reaches Kafka."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

import topics_reader
from api.auth import OPS, ORDERS_READ, ORDERS_WRITE, STATUS_WRITE
from rest import Rest, fields, problem

ORDER: dict[str, Any] = {"id_order": 1, "id_user": 42, "id_produk": 7, "harga": 125_000, "jumlah": 2}
UPDATE: dict[str, Any] = {"status": "in_transit", "courier": "jne"}
BIG = 2**63
ORDERS = "/v1/orders"
STATUS = "/v1/orders/1/status"
BATCH = "/v1/status-updates"


@pytest.fixture(scope="module", autouse=True)
def nothing_reaches_kafka(api: Rest) -> Iterator[None]:
    """Whatever the tests of this module send."""
    yield
    assert topics_reader.read(api.settings, "orders") == []
    assert topics_reader.read(api.settings, "courier-status-updates") == []


def test_an_answer_is_no_echo_of_what_was_sent(api: Rest) -> None:
    answer = api.post(ORDERS, {**ORDER, "placed_at": "x" * 100_000}, writer(api))
    assert fields(answer) == ["placed_at"]
    assert len(answer.content) < 2_000


def writer(api: Rest) -> dict[str, str]:
    return api.headers(ORDERS_WRITE, STATUS_WRITE)


BAD_ORDERS: list[tuple[dict[str, Any], str]] = [
    ({"id_order": 0}, "id_order"),
    ({"id_order": -1}, "id_order"),
    ({"id_order": BIG}, "id_order"),
    ({"id_order": BIG * 2}, "id_order"),
    ({"id_order": str(BIG)}, "id_order"),
    ({"id_order": "9" * 30}, "id_order"),
    ({"id_order": "0x10"}, "id_order"),
    ({"id_order": " 1"}, "id_order"),
    ({"id_order": "01"}, "id_order"),
    ({"id_order": "+1"}, "id_order"),
    ({"id_order": "1_0"}, "id_order"),
    ({"id_order": "٤"}, "id_order"),
    ({"id_order": ""}, "id_order"),
    ({"id_order": 1.5}, "id_order"),
    ({"id_order": 1e18}, "id_order"),
    ({"id_order": True}, "id_order"),
    ({"id_order": [1]}, "id_order"),
    ({"id_user": None}, "id_user"),
    ({"id_user": -1}, "id_user"),
    ({"id_user": 2**31}, "id_user"),
    ({"id_user": "abc"}, "id_user"),
    ({"id_user": False}, "id_user"),
    ({"id_produk": 2**31}, "id_produk"),
    ({"id_produk": {}}, "id_produk"),
    ({"harga": -1}, "harga"),
    ({"harga": 2**31}, "harga"),
    ({"harga": 0.5}, "harga"),
    ({"harga": "125000"}, "harga"),
    ({"jumlah": 0}, "jumlah"),
    ({"jumlah": -3}, "jumlah"),
    ({"jumlah": 2**31}, "jumlah"),
    ({"jumlah": True}, "jumlah"),
    ({"total_harga": -1}, "total_harga"),
    ({"total_harga": BIG}, "total_harga"),
    ({"total_harga": 2**64}, "total_harga"),
    ({"currency": "idr"}, "currency"),
    ({"currency": "IDR\n"}, "currency"),
    ({"currency": "RUPIAH"}, "currency"),
    ({"currency": None}, "currency"),
    ({"produk_nama": "x" * 501}, "produk_nama"),
    ({"produk_nama": 5}, "produk_nama"),
    ({"placed_at": "2026-01-01T00:00:00"}, "placed_at"),
    ({"placed_at": "2026-01-01"}, "placed_at"),
    ({"placed_at": "1999-12-31T23:59:59.999Z"}, "placed_at"),
    ({"placed_at": "2039-01-01T00:00:00Z"}, "placed_at"),
    ({"placed_at": "2039-01-01T00:00:00+07:00", "promised_at": "9999-12-31T23:59:59Z"}, "promised_at"),
    ({"placed_at": "yesterday"}, "placed_at"),
    ({"placed_at": 1_760_000_000_000}, "placed_at"),
    ({"promised_at": "0001-01-01T00:00:00+14:00"}, "promised_at"),
    ({"warna": "merah"}, "warna"),
    ({"status": "placed"}, "status"),
]


@pytest.mark.parametrize(("changes", "field"), BAD_ORDERS, ids=lambda value: str(value)[:50])
def test_a_bad_order_is_refused_by_the_name_of_its_field(api: Rest, changes: dict[str, Any], field: str) -> None:
    assert fields(api.post(ORDERS, {**ORDER, **changes}, writer(api))) == [field]


BAD_UPDATES: list[tuple[dict[str, Any], str]] = [
    ({"status": "vanished"}, "status"),
    ({"status": "DELIVERED"}, "status"),
    ({"status": ""}, "status"),
    ({"status": None}, "status"),
    ({"status": 5}, "status"),
    ({"event_id": ""}, "event_id"),
    ({"event_id": "x" * 65}, "event_id"),
    ({"event_id": "placed"}, "event_id"),
    ({"event_id": 7}, "event_id"),
    ({"occurred_at": "2026-01-01T00:00:00"}, "occurred_at"),
    ({"occurred_at": "1970-01-01T00:00:00Z"}, "occurred_at"),
    ({"occurred_at": "2100-01-01T00:00:00Z"}, "occurred_at"),
    ({"courier": ""}, "courier"),
    ({"courier": "x" * 201}, "courier"),
    ({"courier": 1}, "courier"),
    ({"substatus": "x" * 201}, "substatus"),
    ({"note": "x" * 501}, "note"),
    ({"note": ["a"]}, "note"),
    ({"latitude": 90.1, "longitude": 0}, "latitude"),
    ({"latitude": 0, "longitude": -180.1}, "longitude"),
    ({"latitude": "5", "longitude": 5}, "latitude"),
    ({"latitude": "NaN", "longitude": 5}, "latitude"),
    ({"latitude": True, "longitude": 5}, "latitude"),
    ({"latitude": 5}, "latitude"),
    ({"longitude": 5}, "latitude"),
    ({"eta": "tomorrow"}, "eta"),
    ({"eta": "2039-01-01T00:00:00Z"}, "eta"),
    ({"id_order": 1}, "id_order"),
    ({"version": 2}, "version"),
]


@pytest.mark.parametrize(("changes", "field"), BAD_UPDATES, ids=lambda value: str(value)[:50])
def test_a_bad_update_is_refused_by_the_name_of_its_field(api: Rest, changes: dict[str, Any], field: str) -> None:
    assert fields(api.post(STATUS, {**UPDATE, **changes}, writer(api))) == [field]


def test_every_bad_field_is_named(api: Rest) -> None:
    answer = api.post(ORDERS, {"id_order": 0, "jumlah": 0, "harga": 1, "id_produk": 1}, writer(api))
    assert fields(answer) == ["id_order", "id_user", "jumlah"]


def test_an_answer_is_no_echo_of_a_body_of_10_000_unknown_fields_or_of_a_name_without_end(api: Rest) -> None:
    many = {**ORDER, **{f"f{n}": 1 for n in range(10_000)}}
    answer = api.post(ORDERS, many, writer(api))
    assert len(fields(answer)) == 50
    long = api.post(ORDERS, {**ORDER, "x" * 1_000_000: 1}, writer(api))
    assert fields(long) == ["x" * 200]
    assert len(answer.content) + len(long.content) < 20_000
    batch = api.post(BATCH, {"updates": [{**UPDATE, "id_order": 1, **{f"f{n}": 1 for n in range(1000)}}]}, writer(api))
    assert len(batch.json()["results"][0]["problem"]["errors"]) == 50


@pytest.mark.parametrize("id_order", ["0", "abc", "1.0", str(BIG), "-1", "01", "1_0", "%20", "%FF"])
def test_an_id_in_a_path_that_is_none_is_named_too(api: Rest, id_order: str) -> None:
    assert fields(api.post(f"/v1/orders/{id_order}/status", UPDATE, writer(api))) == ["id_order"]
    assert fields(api.get(f"/v1/orders/{id_order}", api.headers(OPS))) == ["id_order"]


@pytest.mark.parametrize("updates", [[], [{**UPDATE, "id_order": 1}] * 501, None, {}, "x"])
def test_a_batch_has_1_to_500_updates(api: Rest, updates: Any) -> None:
    assert fields(api.post(BATCH, {"updates": updates}, writer(api))) == ["updates"]


def test_a_batch_of_nothing_good_takes_nothing(api: Rest) -> None:
    answer = api.post(BATCH, {"updates": [{}, {"id_order": 1}]}, writer(api))
    assert answer.status_code == 207
    assert [one["status"] for one in answer.json()["results"]] == [422, 422]


NOT_JSON = {
    "nothing": b"",
    "half": b'{"id_user": ',
    "text": b"id_user=42",
    "invalid UTF-8": b'{"produk_nama": "\xff\xfe"}',
    "a lone surrogate": b'{"produk_nama": "\\ud800"}',
    "UTF-16": '{"id_user": 42}'.encode("utf-16"),
    "NaN": b'{"latitude": NaN, "longitude": 1}',
    "Infinity": b'{"latitude": 1, "longitude": -Infinity}',
    "a number without end": b'{"latitude": 1e999}',
    "brackets that do not end": b"[" * 10,
}


@pytest.mark.parametrize("path", [ORDERS, STATUS, BATCH])
@pytest.mark.parametrize("body", NOT_JSON.values(), ids=NOT_JSON.keys())
def test_what_is_not_json_is_said_to_be_none(api: Rest, path: str, body: bytes) -> None:
    problem(api.post(path, body, writer(api)), 400, "not-json")


TOO_MUCH: dict[str, tuple[bytes, int, str]] = {
    "brackets without end": (b"[" * 100_000, 413, "too-large"),
    "members without end": (b'{"a":1' + b',"a":1' * 80_000 + b"}", 413, "too-large"),
    "nested deeply": (b'{"a":' * 900 + b"1" + b"}" * 900, 400, "bad-request"),
    "a member twice": (b'{"status": "lost", "courier": "jne", "status": "delivered"}', 400, "bad-request"),
    "a member twice, escaped": (rb'{"id_user": 1, "id\u005fuser": 2}', 400, "bad-request"),
}


@pytest.mark.parametrize("path", [ORDERS, STATUS, BATCH])
@pytest.mark.parametrize(("body", "status", "name"), TOO_MUCH.values(), ids=TOO_MUCH)
def test_json_without_bounds_or_with_two_meanings_is_refused(
    api: Rest, path: str, body: bytes, status: int, name: str
) -> None:
    problem(api.post(path, body, writer(api)), status, name)


@pytest.mark.parametrize("body", [b"[]", b"5", b"null", b'"x"'])
@pytest.mark.parametrize("path", [ORDERS, STATUS, BATCH])
def test_json_that_is_no_object_is_not_valid(api: Rest, path: str, body: bytes) -> None:
    assert fields(api.post(path, body, writer(api))) == ["body"]


def test_a_body_of_2_mb_is_too_large_whether_it_says_so_or_not(api: Rest) -> None:
    body = b'{"note": "' + b"x" * 2_000_000 + b'"}'
    problem(api.post(STATUS, body, writer(api)), 413, "too-large")

    def parts() -> Iterator[bytes]:
        for start in range(0, len(body), 65_536):
            yield body[start : start + 65_536]

    headers = {**writer(api), "Content-Type": "application/json"}
    problem(api.client.post(STATUS, content=parts(), headers=headers), 413, "too-large")
    problem(api.post(STATUS, body), 413, "too-large")


@pytest.mark.parametrize("media_type", ["text/plain", "application/xml", "multipart/form-data; boundary=x", ""])
def test_a_body_of_another_type_is_not_taken(api: Rest, media_type: str) -> None:
    answer = api.client.post(ORDERS, content=b"{}", headers={**writer(api), "Content-Type": media_type})
    problem(answer, 415, "unsupported-media-type")


def test_json_may_name_its_charset(api: Rest) -> None:
    headers = {**writer(api), "Content-Type": "application/json; charset=utf-8"}
    assert "id_user" in fields(api.client.post(ORDERS, content=b"{}", headers=headers))


READS = ["/v1/orders/1", "/v1/orders/1/history", "/v1/users/42/orders", "/v1/produk/7/orders?day=2026-01-01"]


def calls(api: Rest, headers: dict[str, str] | None) -> list[httpx.Response]:
    writes = [api.post(path, b"not even json", headers) for path in (ORDERS, STATUS, BATCH)]
    return writes + [api.get(path, headers) for path in READS]


@pytest.mark.parametrize("authorization", [None, "Basic dXNlcjpwdw==", "Bearer", "Bearer nonsense", "Bearer a.b.c"])
def test_without_a_valid_token_nothing_is_read(api: Rest, authorization: str | None) -> None:
    for answer in calls(api, {"Authorization": authorization} if authorization else None):
        problem(answer, 401, "unauthenticated")
        assert answer.headers["www-authenticate"].startswith("Bearer ")


def test_an_expired_and_an_unsigned_token_are_none(api: Rest) -> None:
    unsigned = "eyJhbGciOiJub25lIn0.eyJhdWQiOiJsYWNhayIsImV4cCI6NDEwMjQ0NDgwMCwic2NvcGUiOiJvcHMifQ."
    for headers in (api.headers(OPS, ttl=-60), {"Authorization": f"Bearer {unsigned}"}):
        for answer in calls(api, headers):
            problem(answer, 401, "unauthenticated")
            assert 'error="invalid_token"' in answer.headers["www-authenticate"]


def test_a_token_opens_only_what_its_scopes_say(api: Rest) -> None:
    reader, shop, courier = api.headers(ORDERS_READ, sub="42"), api.headers(ORDERS_WRITE), api.headers(STATUS_WRITE)
    for path, body, headers in (
        (ORDERS, ORDER, reader),
        (ORDERS, ORDER, courier),
        (ORDERS, ORDER, api.headers(OPS)),
        (STATUS, UPDATE, shop),
        (BATCH, {"updates": [{**UPDATE, "id_order": 1}]}, reader),
    ):
        problem(api.post(path, body, headers), 403, "forbidden")
    for path in READS:
        problem(api.get(path, shop), 403, "forbidden")
    problem(api.get(READS[3], reader), 403, "forbidden")
