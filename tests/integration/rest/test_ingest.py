"""Taking orders and updates: what is answered, and what Kafka then has."""

import time
from typing import Any

import httpx
import pytest

import topics_reader
from api.auth import ORDERS_WRITE, STATUS_WRITE
from rest import Rest, fields, named, problem
from streams.codec import Codec
from streams.messages import header, parse_time
from streams.topics import partition_of

ORDER: dict[str, Any] = {"id_user": 42, "id_produk": 7, "harga": 125_000, "jumlah": 2}
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.fixture(scope="module", autouse=True)
def with_ids(api: Rest) -> None:
    """It is ready before it has leased a node number, without which no id is assigned."""
    api.until(lambda: place(api).status_code == 202, "given a node number")


def place(api: Rest, **changes: Any) -> httpx.Response:
    return api.post("/v1/orders", {**ORDER, **changes}, api.headers(ORDERS_WRITE))


def update(api: Rest, id_order: int | str, courier: str | None = "jne", **body: Any) -> httpx.Response:
    headers = api.headers(STATUS_WRITE, courier=courier)
    return api.post(f"/v1/orders/{id_order}/status", {"status": "picked_up", **body}, headers)


def records(api: Rest, topic: str, id_order: int | str) -> list[Any]:
    return [one for one in topics_reader.read(api.settings, topic) if one.key() == str(id_order).encode()]


def decoded(api: Rest, topic: str, name: str, id_order: int | str) -> list[dict[str, Any]]:
    return [Codec(name).decode(one.value()) for one in records(api, topic, id_order)]


def test_an_order_that_is_taken_is_in_kafka_whole(api: Rest) -> None:
    answer = place(
        api, id_order="9007199254740993", placed_at="2026-01-02T10:00:00.5+07:00", produk_nama="Kopi", currency="USD"
    )
    assert answer.status_code == 202
    assert answer.headers["location"] == "/v1/orders/9007199254740993"
    assert answer.json() == {
        "id_order": "9007199254740993",
        "placed_at": "2026-01-02T03:00:00.500Z",
        "total_harga": 250_000,
    }
    [record] = records(api, "orders", 9007199254740993)
    assert header(record.headers(), "ce_id") == b"9007199254740993"
    assert header(record.headers(), "ce_type") == b"lacak.order.placed"
    assert Codec("OrderPlaced").decode(record.value()) == {
        **ORDER,
        "id_order": 9007199254740993,
        "total_harga": 250_000,
        "currency": "USD",
        "placed_at": parse_time("2026-01-02T03:00:00.500Z"),
        "produk_nama": "Kopi",
        "promised_at": None,
        "couriers": None,
    }


def test_records_lie_where_kafkas_own_partitioner_puts_their_key(api: Rest) -> None:
    ids = range(1000, 1012)
    assert {place(api, id_order=id_order).status_code for id_order in ids} == {202}
    keys = {str(id_order).encode() for id_order in ids}
    found = {record.key(): record.partition() for record in topics_reader.read(api.settings, "orders")}
    assert {key: found[key] for key in keys} == {key: partition_of(key, api.settings.partitions) for key in keys}


def test_records_are_cloud_events_in_the_requests_trace(api: Rest) -> None:
    headers = {**api.headers(STATUS_WRITE, courier="jne"), "traceparent": TRACE}
    assert api.post("/v1/orders/31/status", {"status": "lost", "event_id": "e-1"}, headers).status_code == 202
    [record] = records(api, "courier-status-updates", 31)
    found = dict(record.headers())
    assert parse_time(found.pop("ce_time").decode()) > 0
    assert found == {
        "ce_specversion": b"1.0",
        "ce_id": b"31/e-1",
        "ce_type": b"lacak.courier.status-update",
        "ce_source": b"/lacak/api",
        "content-type": b"application/avro",
        "traceparent": TRACE.encode(),
    }


@pytest.mark.parametrize(
    "invalid",
    [
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        "ff" + TRACE[2:],
        TRACE.upper(),
        "nonsense",
    ],
)
def test_a_traceparent_that_is_none_starts_no_trace(api: Rest, invalid: str) -> None:
    answer = api.post("/v1/orders", ORDER, {**api.headers(ORDERS_WRITE), "traceparent": invalid})
    [record] = records(api, "orders", answer.json()["id_order"])
    assert header(record.headers(), "traceparent") is None


def test_ids_are_assigned_ascending_and_never_twice(api: Rest) -> None:
    ids = [int(place(api).json()["id_order"]) for _ in range(20)]
    assert ids == sorted(set(ids))
    assert all(0 < id_order < 2**63 for id_order in ids)


def test_what_is_left_out_has_its_default(api: Rest) -> None:
    before = time.time_ns() // 1_000_000
    answer = place(api, id_order=32).json()
    [order] = decoded(api, "orders", "OrderPlaced", 32)
    assert before <= order["placed_at"] <= time.time_ns() // 1_000_000
    assert (order["currency"], order["total_harga"], answer["total_harga"]) == ("IDR", 250_000, 250_000)

    answer = update(api, 32).json()
    [message] = decoded(api, "courier-status-updates", "CourierStatusUpdate", 32)
    assert answer == {"event_id": message["event_id"], "id_order": "32"}
    assert before <= message["occurred_at"] <= time.time_ns() // 1_000_000
    assert message["courier"] == "jne"


def test_the_largest_money_fits(api: Rest) -> None:
    largest = 2**31 - 1
    answer = place(api, id_order=2**63 - 1, harga=largest, jumlah=largest)
    assert answer.json()["total_harga"] == largest * largest


def test_an_order_that_exists_is_taken_again_since_the_pipeline_judges(api: Rest) -> None:
    assert place(api, id_order=33).status_code == 202
    assert place(api, id_order=33, harga=1).status_code == 202
    assert len(records(api, "orders", 33)) == 2


def test_a_courier_may_only_send_in_its_own_name(api: Rest) -> None:
    headers = api.headers(STATUS_WRITE, courier="jne")
    answer = api.post("/v1/orders/34/status", {"status": "lost", "courier": "sicepat"}, headers)
    problem(answer, 403, "forbidden")
    assert records(api, "courier-status-updates", 34) == []


def test_a_token_without_a_courier_must_name_one(api: Rest) -> None:
    headers = api.headers(STATUS_WRITE)
    assert fields(api.post("/v1/orders/35/status", {"status": "lost"}, headers)) == ["courier"]
    assert api.post("/v1/orders/35/status", {"status": "lost", "courier": "tiki"}, headers).status_code == 202


def test_a_batch_of_500_is_taken_and_each_orders_updates_stay_in_order(api: Rest) -> None:
    updates = [{"id_order": 2000 + i % 10, "status": "in_transit", "event_id": f"{i}"} for i in range(500)]
    answer = api.post("/v1/status-updates", {"updates": updates}, api.headers(STATUS_WRITE, courier="jne"))
    assert answer.status_code == 202
    assert answer.json()["results"] == [{"index": i, "status": 202, "event_id": f"{i}"} for i in range(500)]
    sent = topics_reader.messages(api.settings, "courier-status-updates", "CourierStatusUpdate")
    for id_order in range(2000, 2010):
        events = [int(one["event_id"]) for one in sent if one["id_order"] == id_order]
        assert events == list(range(id_order - 2000, 500, 10))


def test_a_batch_takes_the_good_and_names_the_bad(api: Rest) -> None:
    good = {"id_order": "3000", "status": "in_transit", "event_id": "good"}
    batch = [
        good,
        {"id_order": 3000, "status": "vanished"},
        {**good, "event_id": "lat", "latitude": 91, "longitude": 0},
        {**good, "event_id": "courier", "courier": "somebody else"},
        "not an object",
        {**good, "event_id": "last"},
        {**good, "event_id": "half", "latitude": 5},
    ]
    answer = api.post("/v1/status-updates", {"updates": batch}, api.headers(STATUS_WRITE, courier="jne"))
    assert answer.status_code == 207
    results = answer.json()["results"]
    assert [one["index"] for one in results] == list(range(7))
    assert [one["status"] for one in results] == [202, 422, 422, 403, 422, 202, 422]
    assert [results[0]["event_id"], results[5]["event_id"]] == ["good", "last"]
    assert named(results[1]["problem"]) == ["updates[1].status"]
    assert named(results[2]["problem"]) == ["updates[2].latitude"]
    assert results[3]["problem"]["type"] == "urn:lacak:problem:forbidden"
    assert named(results[4]["problem"]) == ["updates[4]"]
    assert named(results[6]["problem"]) == ["updates[6].latitude"]
    sent = decoded(api, "courier-status-updates", "CourierStatusUpdate", 3000)
    assert [one["event_id"] for one in sent] == ["good", "last"]
