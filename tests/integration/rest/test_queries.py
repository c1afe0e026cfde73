"""Reading orders: what they look like, whose they are, paging, and ETags."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from api.auth import OPS, ORDERS_READ
from rest import Rest, all_pages, as_described, fields, problem
from streams.messages import order_of, rfc3339, update_of
from streams.order import Order, Position, Row, fold, placed
from streams.settings import Settings
from tables.cassandra_orders import CassandraOrders
from tables.orders import Current, OrderWrite, expires_at

DAY_MS = 86_400_000
NOON = 1_790_000_000_000  # 2026-09-21, 13:33:20 UTC
DAY = "2026-09-21"
BIG = 2**63 - 1


def an_order(id_order: int, **changes: Any) -> Order:
    message = {
        "id_order": id_order,
        "id_user": 42,
        "id_produk": 7,
        "harga": 125_000,
        "jumlah": 2,
        "total_harga": 250_000,
        "currency": "IDR",
        "placed_at": NOON,
        "produk_nama": "Kopi Gayo",
        "promised_at": NOON + 3 * DAY_MS,
        **changes,
    }
    return order_of(message, Position("i", 0, id_order % 1000), NOON + DAY_MS)


def updated(rows: list[Row], order: Order, status: str, occurred_at: int, **changes: Any) -> list[Row]:
    message = {
        "event_id": f"{status}-{occurred_at}",
        "id_order": order.id_order,
        "status": status,
        "occurred_at": occurred_at,
        "courier": "jne",
        **dict.fromkeys(("substatus", "note", "latitude", "longitude", "eta")),
        **changes,
    }
    after, _ = fold(rows, update_of(message, Position("i", 0, len(rows)), NOON + DAY_MS))
    return after


def story(order: Order) -> list[Row]:
    """Picked up, on its way, and a scan that came late: version 3 of four rows."""
    rows = updated([placed(order)], order, "picked_up", NOON + 1000, eta=NOON + DAY_MS)
    rows = updated(rows, order, "in_transit", NOON + 3000, latitude=-6.2, longitude=106.8, note="Cakung")
    return updated(rows, order, "exception", NOON + 2000, substatus="hub")


async def fill(settings: Settings, orders: list[tuple[Order, list[Row]]]) -> None:
    store = await CassandraOrders.connect(settings)
    try:
        for order, rows in orders:
            until = expires_at(order, NOON + DAY_MS, 90 * DAY_MS) + 3650 * DAY_MS
            await store.write(OrderWrite(Current.of(order, rows), tuple(rows), until, True), NOON)
    finally:
        await store.close()


@pytest.fixture(scope="module", autouse=True)
def orders(api: Rest) -> Iterator[None]:
    """User 42 has the largest id with a story, and six more; user 43 has one."""
    told = an_order(BIG)
    plain = [an_order(100 + i, placed_at=NOON + i // 2) for i in range(6)]
    foreign = an_order(200, id_user=43, id_produk=8)
    others = [(order, [placed(order)]) for order in [*plain, foreign]]
    asyncio.run(fill(api.settings, [(told, story(told)), *others]))
    api.until(lambda: api.get("/v1/orders/200", api.headers(OPS)).status_code == 200, "connected to Cassandra")
    yield


def customer(api: Rest, id_user: int = 42) -> dict[str, str]:
    return api.headers(ORDERS_READ, sub=str(id_user))


def test_an_order_is_shown_with_its_current_status(api: Rest) -> None:
    answer = api.get(f"/v1/orders/{BIG}", customer(api))
    assert answer.status_code == 200
    assert as_described(api, "/v1/orders/{id_order}", answer).headers["etag"] == '"3"'
    assert answer.json() == {
        "id_order": str(BIG),
        "id_user": 42,
        "id_produk": 7,
        "produk_nama": "Kopi Gayo",
        "harga": 125_000,
        "jumlah": 2,
        "total_harga": 250_000,
        "currency": "IDR",
        "placed_at": rfc3339(NOON),
        "promised_at": rfc3339(NOON + 3 * DAY_MS),
        "status": "in_transit",
        "status_at": rfc3339(NOON + 3000),
        "version": 3,
        "courier": "jne",
        "eta": rfc3339(NOON + DAY_MS),
        "couriers": None,
    }


def test_the_history_has_every_row_newest_first_and_says_which_were_late(api: Rest) -> None:
    answer = api.get(f"/v1/orders/{BIG}/history", customer(api)).json()
    rows = answer["items"]
    assert answer["next"] is None
    assert [(row["status"], row["previous_status"], row["version"], row["applied"]) for row in rows] == [
        ("in_transit", "picked_up", 3, True),
        ("exception", None, None, False),
        ("picked_up", "placed", 2, True),
        ("placed", None, 1, True),
    ]
    assert rows[0] == {
        "id_order_status_history": str((NOON + 3000) << 22 | 3),
        "status": "in_transit",
        "previous_status": "picked_up",
        "version": 3,
        "applied": True,
        "occurred_at": rfc3339(NOON + 3000),
        "recorded_at": rfc3339(NOON + DAY_MS),
        "event_id": f"in_transit-{NOON + 3000}",
        "courier": "jne",
        "substatus": None,
        "note": "Cakung",
        "latitude": -6.2,
        "longitude": 106.8,
        "eta": rfc3339(NOON + DAY_MS),
        "corrects": None,
    }
    assert rows[1]["substatus"] == "hub"


def test_the_history_is_paged_without_a_gap(api: Rest) -> None:
    path, headers = f"/v1/orders/{BIG}/history", customer(api)
    whole = api.get(path, headers).json()["items"]

    def page(cursor: str | None) -> Any:
        return api.get(path, headers, limit=3, **({"cursor": cursor} if cursor else {}))

    pages = list(all_pages(page))
    assert [len(items) for items in pages] == [3, 1]
    assert [row for items in pages for row in items] == whole


def test_an_etag_that_is_still_true_costs_no_body(api: Rest) -> None:
    path, headers = f"/v1/orders/{BIG}", customer(api)
    for tag in ('"3"', 'W/"3"', '"1", "3"', "*"):
        answer = api.get(path, {**headers, "If-None-Match": tag})
        assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", '"3"')
        as_described(api, "/v1/orders/{id_order}", answer)
    for tag in ('"2"', "3", '"33"'):
        assert api.get(path, {**headers, "If-None-Match": tag}).status_code == 200


def test_answers_are_not_kept_by_shared_caches(api: Rest) -> None:
    assert api.get(f"/v1/orders/{BIG}", customer(api)).headers["cache-control"] == "private, no-cache"


@pytest.mark.parametrize("path", ["/v1/orders/200", "/v1/orders/200/history", "/v1/users/43/orders"])
def test_what_is_another_users_is_not_there(api: Rest, path: str) -> None:
    absent = problem(api.get("/v1/orders/999", customer(api)), 404, "not-found")
    assert problem(api.get(path, customer(api)), 404, "not-found") == absent
    assert problem(api.get(path, api.headers(ORDERS_READ)), 404, "not-found") == absent
    assert api.get(path, customer(api, 43)).status_code == 200
    assert api.get(path, api.headers(OPS)).status_code == 200


@pytest.mark.parametrize("path", ["/v1/users/42/orders", f"/v1/produk/7/orders?day={DAY}"])
def test_lists_are_newest_first_and_paged_without_a_gap(api: Rest, path: str) -> None:
    headers, (bare, _, query) = api.headers(OPS), path.partition("?")
    params = dict(part.split("=") for part in query.split("&") if part)

    def page(cursor: str | None, limit: int = 2) -> Any:
        return api.get(bare, headers, limit=limit, **params, **({"cursor": cursor} if cursor else {}))

    whole = page(None, 50).json()
    assert [one["id_order"] for one in whole["items"]] == ["105", "104", "103", "102", str(BIG), "101", "100"]
    assert whole["next"] is None
    assert whole["items"][4]["status"] == "in_transit"
    pages = list(all_pages(page))
    assert [one for items in pages for one in items] == whole["items"]
    assert max(len(items) for items in pages) == 2


def test_a_user_without_orders_has_an_empty_list(api: Rest) -> None:
    assert api.get("/v1/users/44/orders", customer(api, 44)).json() == {"items": [], "next": None}
    empty = api.get("/v1/produk/7/orders", api.headers(OPS), day="2026-09-20")
    assert empty.json() == {"items": [], "next": None}


@pytest.mark.parametrize("cursor", ["", "x", "-1", "9" * 19, "a" * 501, "../..", "AAAA", "é", "0x1", "1.5"])
@pytest.mark.parametrize("path", ["/v1/users/42/orders", f"/v1/orders/{BIG}/history", f"/v1/produk/7/orders?day={DAY}"])
def test_a_forged_cursor_is_refused(api: Rest, path: str, cursor: str) -> None:
    bare, _, query = path.partition("?")
    params = {**dict(part.split("=") for part in query.split("&") if part), "cursor": cursor}
    assert fields(api.get(bare, api.headers(OPS), **params)) == ["cursor"]


def test_a_cursor_of_another_list_shows_nothing_of_it(api: Rest) -> None:
    cursor = api.get("/v1/users/42/orders", customer(api), limit=2).json()["next"]
    answer = api.get("/v1/users/43/orders", customer(api, 43), cursor=cursor)
    assert answer.status_code == 422 or all(one["id_user"] == 43 for one in answer.json()["items"])


@pytest.mark.parametrize("limit", ["0", "201", "-1", "x", "1.5", "1_0", " 1", ""])
def test_a_limit_is_1_to_200(api: Rest, limit: str) -> None:
    assert fields(api.get("/v1/users/42/orders", customer(api), limit=limit)) == ["limit"]


@pytest.mark.parametrize(
    "day", ["2026-13-01", "2026-02-30", "today", "20260921", "1790000000", "2026-09-21T00:00Z", ""]
)
def test_a_day_is_a_date(api: Rest, day: str) -> None:
    assert fields(api.get("/v1/produk/7/orders", api.headers(OPS), day=day)) == ["day"]


def test_a_products_orders_need_a_day(api: Rest) -> None:
    assert fields(api.get("/v1/produk/7/orders", api.headers(OPS))) == ["day"]
