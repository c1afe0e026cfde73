"""An operator corrects a mistaken terminal status: what it does, who may, and who sees who did it."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from api.auth import OPS, ORDERS_CORRECT, ORDERS_READ, ORDERS_WRITE, STATUS_WRITE
from rest import Rest, fields, problem
from streams.settings import Settings
from tables.api_keys import new_key
from tables.cassandra_orders import CassandraOrders
from tables.orders import DAY_MS

ORDER = {"id_user": 42, "id_produk": 7, "harga": 1000, "jumlah": 1, "placed_at": "2026-11-01T08:00:00Z"}


def operator(rest: Rest, name: str | None = "ani") -> dict[str, str]:
    return rest.headers(ORDERS_CORRECT, sub=name)


def update(rest: Rest, id_order: str, status: str, event_id: str) -> None:
    """A scan of the courier's, now."""
    courier = rest.headers(STATUS_WRITE, courier="jne")
    answer = rest.post(f"/v1/orders/{id_order}/status", {"status": status, "event_id": event_id}, courier)
    assert answer.status_code == 202
    fate(rest, id_order, event_id)


def fate(rest: Rest, id_order: str, event_id: str, headers: dict[str, str] | None = None) -> dict[str, Any]:
    """What became of it, when it is known."""
    path, headers = f"/v1/orders/{id_order}/updates/{event_id}", headers or rest.headers(OPS)
    rest.until(lambda: rest.get(path, headers).status_code == 200, f"known: {path}")
    told: dict[str, Any] = rest.get(path, headers).json()
    return told


def correct(rest: Rest, id_order: str, status: str, corrects: int, /, **more: Any) -> Any:
    headers = more.pop("headers", None) or operator(rest)
    body = {"status": status, "corrects": corrects, "note": "Salah pindai", **more}
    return rest.post(f"/v1/orders/{id_order}/correction", body, headers)


@pytest.fixture
def delivered(rest: Rest) -> str:
    """An order that is delivered as its version 2."""
    id_order = str(rest.post("/v1/orders", ORDER, rest.headers(ORDERS_WRITE)).json()["id_order"])
    update(rest, id_order, "delivered", "wrong")
    return id_order


def read(rest: Rest, path: str, headers: dict[str, str]) -> Any:
    answer = rest.get(path, headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_mistaken_end_is_corrected_and_the_courier_goes_on(rest: Rest, delivered: str) -> None:
    update(rest, delivered, "out_for_delivery", "in-between")
    assert fate(rest, delivered, "in-between")["reason"] == "illegal_transition"
    answer = correct(rest, delivered, "in_transit", 2)
    assert answer.status_code == 202 and answer.json()["id_order"] == delivered
    told = fate(rest, delivered, answer.json()["event_id"], operator(rest))
    assert (told["outcome"], told["version"], told["status"]) == ("applied", 3, "in_transit")
    update(rest, delivered, "out_for_delivery", "after")
    history = read(rest, f"/v1/orders/{delivered}/history", rest.headers(OPS))["items"]
    assert [(row["status"], row["version"], row["corrects"], row["operator"]) for row in history] == [
        ("out_for_delivery", 4, None, None),
        ("in_transit", 3, 2, "ani"),
        ("delivered", 2, None, None),
        ("placed", 1, None, None),
    ]
    assert (history[1]["courier"], history[1]["note"]) == ("operator", "Salah pindai")


def test_the_customer_sees_that_and_why_and_never_who(rest: Rest, delivered: str) -> None:
    assert correct(rest, delivered, "exception", 2, event_id="c-1").status_code == 202
    fate(rest, delivered, "c-1")
    customer = rest.headers(ORDERS_READ, sub="42")
    row = read(rest, f"/v1/orders/{delivered}/history", customer)["items"][0]
    assert (row["corrects"], row["note"]) == (2, "Salah pindai") and "operator" not in row
    link = rest.post(f"/v1/orders/{delivered}/share-links", {}, customer).json()["path"]
    shown = rest.get(link).json()["history"][0]
    assert (shown["status"], shown["corrects"]) == ("exception", 2) and not {"operator", "note"} & set(shown)
    for path in (f"/v1/orders/{delivered}/history", f"/v1/orders/{delivered}", "/v1/users/42/orders"):
        assert '"ani"' not in rest.get(path, customer).text
    assert '"ani"' not in rest.get(link).text


def test_of_two_who_correct_the_same_at_once_one_is_told_that_the_order_has_gone_on(rest: Rest, delivered: str) -> None:
    with ThreadPoolExecutor(2) as both:
        sent = both.map(lambda name: correct(rest, delivered, "lost", 2, event_id=name), ("first", "second"))
        assert [answer.status_code for answer in sent] == [202, 202]
    told = sorted((fate(rest, delivered, name) for name in ("first", "second")), key=lambda each: each["outcome"])
    assert [each["outcome"] for each in told] == ["applied", "rejected"]
    assert told[1]["reason"] == "illegal_transition"
    assert told[1]["detail"] == "corrects version 2, and the order is at 3"


def test_what_has_not_ended_or_is_so_already_cannot_be_corrected(rest: Rest, delivered: str) -> None:
    assert correct(rest, delivered, "delivered", 2, event_id="same").status_code == 202
    assert fate(rest, delivered, "same")["detail"] == "the order is delivered already"
    assert correct(rest, delivered, "placed", 2, event_id="back").status_code == 202
    assert fate(rest, delivered, "back")["outcome"] == "applied"
    assert correct(rest, delivered, "cancelled", 3, event_id="open").status_code == 202
    assert fate(rest, delivered, "open")["detail"] == "placed is not terminal"


def test_sent_again_it_is_one(rest: Rest, delivered: str) -> None:
    headers = {**operator(rest), "Idempotency-Key": delivered}
    answers = [correct(rest, delivered, "lost", 2, headers=headers) for _ in range(2)]
    assert answers[0].json() == answers[1].json() and answers[1].headers["Idempotency-Replayed"] == "true"
    assert correct(rest, delivered, "lost", 2, event_id=answers[0].json()["event_id"]).status_code == 202
    fate(rest, delivered, answers[0].json()["event_id"])
    assert len(read(rest, f"/v1/orders/{delivered}/history", rest.headers(OPS))["items"]) == 3


def test_only_who_has_the_scope_and_says_who_corrects(rest: Rest, delivered: str) -> None:
    for scope in (OPS, ORDERS_WRITE, STATUS_WRITE, ORDERS_READ):
        problem(correct(rest, delivered, "lost", 2, headers=rest.headers(scope, sub="42")), 403, "forbidden")
    problem(correct(rest, delivered, "lost", 2, headers={"X": "nobody"}), 401, "unauthenticated")
    for name in (None, "", "x" * 65):
        refused = problem(correct(rest, delivered, "lost", 2, headers=operator(rest, name)), 403, "forbidden")
        assert "`sub` of 1 to 64 characters" in refused["detail"]
    problem(rest.get(f"/v1/orders/{delivered}", operator(rest)), 403, "forbidden")


@pytest.mark.parametrize(
    ("bad", "named"),
    [
        ({"note": ""}, "note"),
        ({"note": None}, "note"),
        ({"note": "x" * 501}, "note"),
        ({"corrects": 0}, "corrects"),
        ({"corrects": "2"}, "corrects"),
        ({"corrects": 2.5}, "corrects"),
        ({"corrects": 2**31}, "corrects"),
        ({"status": "teleported"}, "status"),
        ({"event_id": "placed"}, "event_id"),
        ({"operator": "budi"}, "operator"),
        ({"courier": "jne"}, "courier"),
        ({"occurred_at": "2026-11-01T08:00:00Z"}, "occurred_at"),
    ],
)
def test_a_correction_that_says_too_little_or_what_is_not_its_to_say_is_refused(
    rest: Rest, bad: dict[str, Any], named: str
) -> None:
    assert fields(correct(rest, "7", "lost", 2, **bad)) == [named]


def test_what_became_of_it_is_told_to_who_may_correct_and_to_no_courier(rest: Rest, delivered: str) -> None:
    assert correct(rest, delivered, "lost", 2, event_id="c-2").status_code == 202
    assert fate(rest, delivered, "c-2", operator(rest, "budi"))["outcome"] == "applied"
    path = f"/v1/orders/{delivered}/updates/c-2"
    problem(rest.get(path, rest.headers(STATUS_WRITE, courier="jne")), 404, "not-found")
    problem(rest.get(path, rest.headers(ORDERS_WRITE)), 404, "not-found")
    problem(rest.get(f"/v1/orders/{delivered}/updates/wrong", operator(rest)), 404, "not-found")


def test_no_courier_speaks_for_an_operator(rest: Rest) -> None:
    named, known = {"status": "lost", "courier": "operator"}, rest.headers(STATUS_WRITE, courier="operator")
    assert fields(rest.post("/v1/orders/7/status", named, rest.headers(STATUS_WRITE))) == ["courier"]
    assert fields(rest.post("/v1/orders/7/status", {"status": "lost"}, known)) == ["courier"]
    for hidden in ({"corrects": 2}, {"operator": "ani"}):
        update = {"status": "lost", **hidden}
        assert fields(rest.post("/v1/orders/7/status", update, rest.headers(STATUS_WRITE, courier="jne"))) == [*hidden]


def test_an_api_key_corrects_in_its_own_name(rest: Rest, delivered: str) -> None:
    now = int(time.time() * 1000)
    key, kept = new_key("back-office", frozenset({ORDERS_CORRECT}), None, now, "tests", now + DAY_MS)
    asyncio.run(add(rest.settings, kept))
    headers = {"Authorization": f"Bearer {key}"}
    rest.until(lambda: rest.get("/v1/orders/7", headers).status_code == 403, "the key is known")
    assert correct(rest, delivered, "lost", 2, event_id="by-key", headers=headers).status_code == 202
    assert fate(rest, delivered, "by-key", headers)["outcome"] == "applied"
    [row, *_] = read(rest, f"/v1/orders/{delivered}/history", rest.headers(OPS))["items"]
    assert row["operator"] == "back-office"


async def add(settings: Settings, key: Any) -> None:
    store = await CassandraOrders.connect(settings)
    try:
        await store.add_api_key(key)
    finally:
        await store.close()
