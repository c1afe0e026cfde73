"""What became of an update, asked by those who sent it; and orders that the shop cancels."""

from typing import Any

import pytest

from api.auth import OPS, ORDERS_READ, ORDERS_WRITE, STATUS_WRITE
from rest import Rest, problem

ORDER = {"id_user": 42, "id_produk": 7, "harga": 1000, "jumlah": 1, "placed_at": "2026-11-01T08:00:00Z"}


def placed(rest: Rest) -> str:
    """A new order."""
    return str(rest.post("/v1/orders", ORDER, rest.headers(ORDERS_WRITE)).json()["id_order"])


def send(rest: Rest, id_order: str | int, status: str, event_id: str, occurred_at: str) -> None:
    update = {"status": status, "event_id": event_id, "occurred_at": occurred_at}
    answer = rest.post(f"/v1/orders/{id_order}/status", update, rest.headers(STATUS_WRITE, courier="jne"))
    assert answer.status_code == 202


def fate(rest: Rest, id_order: str | int, event_id: str, headers: dict[str, str] | None = None) -> dict[str, Any]:
    """As its courier is told, when it is known."""
    path, headers = f"/v1/orders/{id_order}/updates/{event_id}", headers or rest.headers(STATUS_WRITE, courier="jne")
    rest.until(lambda: rest.get(path, headers).status_code == 200, f"known: {path}")
    told: dict[str, Any] = rest.get(path, headers).json()
    assert (told["id_order"], told["event_id"]) == (str(id_order), event_id)
    return told


def test_a_courier_learns_what_became_of_its_updates(rest: Rest) -> None:
    id_order = placed(rest)
    send(rest, id_order, "in_transit", "a/1", "2026-11-01T10:00:00Z")
    send(rest, id_order, "exception", "a/2", "2026-11-01T09:00:00Z")
    send(rest, id_order, "delivered", "a/3", "2026-11-01T11:00:00Z")
    send(rest, id_order, "lost", "a/4", "2026-11-01T12:00:00Z")
    send(rest, id_order, "lost", "a/1", "2026-11-01T13:00:00Z")
    assert fate(rest, id_order, "a/4")["reason"] == "illegal_transition"
    encoded = rest.get(f"/v1/orders/{id_order}/updates/a%2F4", rest.headers(OPS))
    assert encoded.json()["event_id"] == "a/4"
    told = {event_id: fate(rest, id_order, event_id) for event_id in ("a/1", "a/2", "a/3", "a/4")}
    assert [(each["outcome"], each["status"], each["version"]) for each in told.values()] == [
        ("applied", "in_transit", 2),
        ("late", "exception", None),
        ("applied", "delivered", 3),
        ("rejected", "lost", None),
    ]
    assert {each["courier"] for each in told.values()} == {"jne"}
    assert "delivered" in told["a/4"]["detail"]


def test_an_update_that_came_before_its_order_is_pending_until_it_is_there(rest: Rest) -> None:
    id_order = 8_000_001
    send(rest, id_order, "picked_up", "b-1", "2026-11-01T10:00:00Z")
    assert fate(rest, id_order, "b-1")["outcome"] == "pending"
    assert rest.post("/v1/orders", {**ORDER, "id_order": id_order}, rest.headers(ORDERS_WRITE)).status_code == 202
    rest.until(lambda: fate(rest, id_order, "b-1")["outcome"] == "applied", "applied")


def test_nobody_learns_what_became_of_others_updates(rest: Rest) -> None:
    id_order = placed(rest)
    send(rest, id_order, "picked_up", "c-1", "2026-11-01T10:00:00Z")
    path = f"/v1/orders/{id_order}/updates/c-1"
    for allowed in (rest.headers(OPS), rest.headers(STATUS_WRITE)):
        assert fate(rest, id_order, "c-1", allowed)["outcome"] == "applied"
    problem(rest.get(path, rest.headers(STATUS_WRITE, courier="tiki")), 404, "not-found")
    problem(rest.get(path, rest.headers(ORDERS_WRITE)), 404, "not-found")
    problem(rest.get(path, rest.headers(ORDERS_READ, sub="42")), 403, "forbidden")
    problem(rest.get(path), 401, "unauthenticated")
    problem(rest.get(f"{path}x", rest.headers(OPS)), 404, "not-found")
    problem(rest.get(f"/v1/orders/{id_order}/updates/{'x' * 65}", rest.headers(OPS)), 422, "validation")


def test_only_the_couriers_that_an_order_names_report_on_it(rest: Rest) -> None:
    named = {**ORDER, "couriers": ["tiki", "anteraja"]}
    id_order = rest.post("/v1/orders", named, rest.headers(ORDERS_WRITE)).json()["id_order"]
    send(rest, id_order, "picked_up", "e-1", "2026-11-01T10:00:00Z")
    told = fate(rest, id_order, "e-1")
    assert (told["outcome"], told["reason"]) == ("rejected", "wrong_courier")
    update = {"status": "picked_up", "event_id": "e-2", "occurred_at": "2026-11-01T10:00:00Z"}
    tiki = rest.headers(STATUS_WRITE, courier="tiki")
    assert rest.post(f"/v1/orders/{id_order}/status", update, tiki).status_code == 202
    assert fate(rest, id_order, "e-2", tiki)["outcome"] == "applied"
    read = rest.get(f"/v1/orders/{id_order}", rest.headers(OPS)).json()
    assert (read["courier"], read["couriers"], read["version"]) == ("tiki", ["tiki", "anteraja"], 2)
    other = rest.post("/v1/orders", {**named, "id_order": 8_000_002}, rest.headers(ORDERS_WRITE))
    assert other.status_code == 202
    shop = rest.headers(ORDERS_WRITE)
    cancelled = rest.post("/v1/orders/8000002/cancel", {}, shop).json()["event_id"]
    assert fate(rest, 8_000_002, cancelled, shop)["outcome"] == "applied", "the shop is always heard"


def test_no_courier_speaks_for_the_shop(rest: Rest) -> None:
    update = {"status": "cancelled", "courier": "shop"}
    problem(rest.post("/v1/orders/7/status", update, rest.headers(STATUS_WRITE)), 422, "validation")
    problem(
        rest.post("/v1/orders/7/status", {"status": "lost"}, rest.headers(STATUS_WRITE, courier="shop")),
        422,
        "validation",
    )


@pytest.mark.parametrize("couriers", [[], [""], ["x" * 201], [5], "jne", ["jne"] * 21, [None]])
def test_couriers_that_are_none_are_refused(rest: Rest, couriers: Any) -> None:
    problem(rest.post("/v1/orders", {**ORDER, "couriers": couriers}, rest.headers(ORDERS_WRITE)), 422, "validation")


def test_a_shop_cancels_an_order_that_is_not_on_its_way(rest: Rest) -> None:
    shop, id_order = rest.headers(ORDERS_WRITE, sub="a-shop"), placed(rest)
    answer = rest.post(f"/v1/orders/{id_order}/cancel", {"note": "Stok habis"}, {**shop, "Idempotency-Key": "x"})
    again = rest.post(f"/v1/orders/{id_order}/cancel", {"note": "Stok habis"}, {**shop, "Idempotency-Key": "x"})
    assert answer.status_code == 202 and again.json() == answer.json()
    told = fate(rest, id_order, answer.json()["event_id"], shop)
    assert (told["outcome"], told["status"], told["courier"]) == ("applied", "cancelled", "shop")
    history = rest.get(f"/v1/orders/{id_order}/history", rest.headers(OPS)).json()["items"]
    assert [(row["status"], row["note"]) for row in history] == [("cancelled", "Stok habis"), ("placed", None)]


def test_what_is_on_its_way_cannot_be_cancelled_any_more(rest: Rest) -> None:
    shop, id_order = rest.headers(ORDERS_WRITE, sub="a-shop"), placed(rest)
    send(rest, id_order, "out_for_delivery", "d-1", "2026-11-01T10:00:00Z")
    event_id = rest.post(f"/v1/orders/{id_order}/cancel", {}, shop).json()["event_id"]
    told = fate(rest, id_order, event_id, shop)
    assert (told["outcome"], told["reason"]) == ("rejected", "illegal_transition")
    problem(rest.post(f"/v1/orders/{id_order}/cancel", {}, rest.headers(STATUS_WRITE)), 403, "forbidden")
    problem(rest.post(f"/v1/orders/{id_order}/cancel", {"note": 5}, shop), 422, "validation")
