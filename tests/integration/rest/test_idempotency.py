"""Idempotency-Key: sent again, a POST is done once, and answered the same."""

import asyncio
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

import retries
import topics_reader
from api import idempotency
from api.auth import ORDERS_WRITE, STATUS_WRITE
from fresh import fresh_settings
from rest import Rest, fields, problem
from stack import Servers
from streams.codec import Codec
from streams.messages import rfc3339
from tables.cassandra_orders import CassandraOrders
from tables.idempotency import Hold

ORDER: dict[str, Any] = {"id_user": 42, "id_produk": 7, "harga": 125_000, "jumlah": 2}
REPLAYED = "idempotency-replayed"
BEGAN_AT = 1_795_000_000_000


@pytest.fixture(scope="module", autouse=True)
def with_cassandra(api: Rest) -> None:
    """It is ready without."""
    api.until(lambda: post(api, "first", ORDER).status_code == 202, "connected to Cassandra")


def post(api: Rest, key: str | None, body: Any, path: str = "/v1/orders", **caller: Any) -> httpx.Response:
    headers = api.headers(ORDERS_WRITE, STATUS_WRITE, **{"sub": "a-shop", **caller})
    return api.post(path, body, headers | ({} if key is None else {"Idempotency-Key": key}))


def values(api: Rest, topic: str, id_order: int | str) -> list[dict[str, Any]]:
    codec = Codec("OrderPlaced" if topic == "orders" else "CourierStatusUpdate")
    found = [one.value() for one in topics_reader.read(api.settings, topic) if one.key() == str(id_order).encode()]
    return [codec.decode(value) for value in found if value is not None]


def test_sent_again_an_order_is_placed_once_and_answered_the_same(api: Rest) -> None:
    first = post(api, "o-1", ORDER)
    again = [post(api, "o-1", ORDER), post(api, '"o-1"', dict(reversed(ORDER.items())))]
    assert first.status_code == 202 and REPLAYED not in first.headers
    for one in again:
        assert (one.status_code, one.content, one.headers[REPLAYED]) == (202, first.content, "true")
        assert all(one.headers[name] == first.headers[name] for name in ("location", "content-type"))
    assert len(values(api, "orders", first.json()["id_order"])) == 1


def test_without_a_key_and_with_another_it_is_another_order(api: Rest) -> None:
    answers = [post(api, key, ORDER) for key in ("o-2", "o-3", None, None)]
    answers.append(post(api, "o-2", ORDER, sub="another-shop"))
    answers.append(post(api, "o-2", ORDER, courier="jne"))
    assert len({answer.json()["id_order"] for answer in answers}) == 6


def test_a_key_is_good_for_one_request(api: Rest) -> None:
    update = {"status": "picked_up", "courier": "jne"}
    assert post(api, "o-4", ORDER).status_code == 202
    problem(post(api, "o-4", {**ORDER, "jumlah": 3}), 422, "idempotency-key-reused")
    problem(post(api, "o-4", update, "/v1/orders/7/status"), 422, "idempotency-key-reused")


def test_what_is_refused_uses_no_key(api: Rest) -> None:
    assert fields(post(api, "o-5", {**ORDER, "jumlah": 0})) == ["jumlah"]
    assert fields(post(api, "o-5", {"status": "picked_up"}, "/v1/orders/7/status")) == ["courier"]
    assert post(api, "o-5", ORDER).status_code == 202


def test_an_update_keeps_its_event_id(api: Rest) -> None:
    path, body = "/v1/orders/60001/status", {"status": "picked_up", "courier": "jne"}
    answers = [post(api, "u-1", body, path) for _ in range(3)]
    assert {answer.content for answer in answers} == {answers[0].content}
    assert len(answers[0].json()["event_id"]) == 32
    other = post(api, "u-2", body, path)
    sent = [update["event_id"] for update in values(api, "courier-status-updates", 60001)]
    assert sent == [answers[0].json()["event_id"], other.json()["event_id"]]


def test_a_batch_is_answered_the_same_with_what_was_refused_in_it(api: Rest) -> None:
    update = {"id_order": 60002, "status": "picked_up", "courier": "jne"}
    body = {"updates": [update, {**update, "status": "vanished"}, {**update, "status": "delivered"}]}
    first, again = (post(api, "b-1", body, "/v1/status-updates") for _ in range(2))
    assert (first.status_code, again.status_code, again.content) == (207, 207, first.content)
    ids = [result.get("event_id") for result in first.json()["results"]]
    assert ids[1] is None and ids[0] != ids[2]
    assert [sent["event_id"] for sent in values(api, "courier-status-updates", 60002)] == [ids[0], ids[2]]


def test_a_long_answer_is_not_kept_and_is_made_again_from_the_same_ids(api: Rest) -> None:
    update = {"id_order": 60005, "status": "picked_up", "courier": "jne"}
    body = {"updates": [update, *[{"id_order": 0}] * 499]}
    first, again = (post(api, "b-3", body, "/v1/status-updates") for _ in range(2))
    assert len(first.content) > idempotency.MAX_KEPT
    assert again.content == first.content and REPLAYED not in again.headers
    assert len({sent["event_id"] for sent in values(api, "courier-status-updates", 60005)}) == 1


@pytest.mark.parametrize("key", ["", '"', '""', '"a', '"a"b"', "x" * 256, "é"])
def test_a_key_that_is_none_is_refused(api: Rest, key: str) -> None:
    headers = {name: value.encode("latin-1") for name, value in api.headers(ORDERS_WRITE, sub="a-shop").items()}
    headers["Idempotency-Key"] = key.encode("latin-1")
    problem(api.client.post("/v1/orders", json=ORDER, headers=headers), 400, "bad-request")


def test_a_key_of_somebody_unnamed_is_refused(api: Rest) -> None:
    """All such tokens would share their keys, and hear each other's answers."""
    problem(post(api, "o-8", ORDER, sub=None), 400, "bad-request")


def test_two_keys_are_refused(api: Rest) -> None:
    headers = [*api.headers(ORDERS_WRITE, sub="a-shop").items(), ("Idempotency-Key", "a"), ("Idempotency-Key", "b")]
    problem(api.client.post("/v1/orders", json=ORDER, headers=headers), 400, "bad-request")


def test_what_a_dead_process_began_is_ended_with_the_same_id(api: Rest) -> None:
    """It held the key, and died: whether Kafka has the order, nobody knows."""
    key = idempotency._digest(["a-shop", None, "o-6"])
    request = idempotency._digest(["POST", "/v1/orders", ORDER])
    id_order = 60003
    hold(api, Hold(key, request, "somebody", BEGAN_AT, now() - 60_000, id_order))
    answer = post(api, "o-6", ORDER)
    assert answer.status_code == 202 and REPLAYED not in answer.headers
    assert answer.json() == {"id_order": str(id_order), "placed_at": rfc3339(BEGAN_AT), "total_harga": 250_000}
    assert post(api, "o-6", ORDER).headers[REPLAYED] == "true"
    [placed] = values(api, "orders", id_order)
    assert placed["placed_at"] == BEGAN_AT


def test_one_that_is_still_worked_on_is_to_be_tried_again(api: Rest) -> None:
    key = idempotency._digest(["a-shop", None, "o-7"])
    hold(api, Hold(key, idempotency._digest(["POST", "/v1/orders", ORDER]), "somebody", BEGAN_AT, now(), 60004))
    answer = post(api, "o-7", ORDER)
    problem(answer, 409, "in-progress")
    assert int(answer.headers["retry-after"]) > 0
    problem(post(api, "o-7", {**ORDER, "jumlah": 3}), 422, "idempotency-key-reused")


def now() -> int:
    return time.time_ns() // 1_000_000


def hold(api: Rest, one: Hold) -> None:
    async def held() -> None:
        orders = await CassandraOrders.connect(api.settings)
        try:
            assert await orders.hold_key(one, 1000) == one
        finally:
            await orders.close()

    asyncio.run(held())


def test_orders_that_are_sent_until_they_are_answered_are_placed_once_though_the_api_is_killed(
    servers: Servers, tmp_path: Path
) -> None:
    """The soak of tests/soak/retries.py, short."""
    told = retries.story(fresh_settings(servers, tmp_path), orders=300, kills=2)
    assert all(len(set(answers)) == 1 for answers in told.answered)
    assert len(told.ids) == 300
    assert told.placed == told.ids, "and no other was placed"
