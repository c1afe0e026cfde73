"""What is beside orders: the lifecycle, health, metrics, the description, the local stack's routes, errors of HTTP."""

import re
from typing import Any

import pytest

from api.auth import ORDERS_READ, ORDERS_WRITE, Authenticator
from api.limits import UNLIMITED
from api.problem_types import ALL
from rest import Rest, as_described, fields, problem, running
from streams.order import STATUSES, TERMINAL, TRANSITIONS

ORDER: dict[str, Any] = {"id_user": 42, "id_produk": 7, "harga": 125_000, "jumlah": 2}


def test_the_lifecycle_is_the_table(api: Rest) -> None:
    told = api.get("/v1/lifecycle").json()
    assert told["statuses"] == list(STATUSES)
    assert {status: frozenset(to) for status, to in told["transitions"].items()} == TRANSITIONS
    assert set(told["terminal"]) == TERMINAL


def test_it_is_alive_and_ready(api: Rest) -> None:
    assert api.get("/healthz").json() == {"status": "alive"}
    assert api.get("/readyz").json() == {"ready": True, "checks": {"kafka": True, "ids": True, "api_keys": True}}


def metric(api: Rest, line: str) -> float:
    """A metric's value by its name and labels. Its process counts those of other tests too: compare with before."""
    found = re.search(rf"{re.escape(line)} (\S+)", api.get("/metrics").text)
    return float(found[1]) if found else 0.0


def test_requests_are_counted_by_their_route_and_never_by_an_id(api: Rest) -> None:
    line = 'requests_total{method="GET",route="/v1/orders/{id_order}",status="401"}'
    before = metric(api, line)
    for id_order in (5550001, 5550002):
        api.get(f"/v1/orders/{id_order}")
        api.get(f"/no-such-route/{id_order}")
    text = api.get("/metrics").text
    assert metric(api, line) == before + 2
    labels = re.findall(r"{(.*)}", text)  # a number of that many digits has any of them, some day
    assert labels
    assert not [each for each in labels if "555000" in each]
    assert "no-such-route" not in text


def test_records_that_kafka_has_are_counted(api: Rest) -> None:
    line = 'lacak_accepted_total{topic="orders"}'
    before = metric(api, line)
    assert api.post("/v1/orders", {**ORDER, "id_order": 1}, api.headers(ORDERS_WRITE)).status_code == 202
    assert metric(api, line) == before + 1


@pytest.mark.parametrize("path", ["/v1/nothing", "/", "/v1/orders/", "/docs", "/static/page.js", "/v1/live/nothing"])
def test_what_is_not_there_is_a_problem(api: Rest, path: str) -> None:
    problem(api.get(path), 404, "not-found")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [("PUT", "/v1/orders", "POST"), ("GET", "/v1/orders", "POST"), ("DELETE", "/v1/orders/1", "GET")],
)
def test_a_method_that_is_not_there_is_a_problem(api: Rest, method: str, path: str, allowed: str) -> None:
    answer = api.client.request(method, path)
    problem(answer, 405, "method-not-allowed")
    assert allowed in answer.headers["allow"]


def test_the_local_stack_gives_a_customers_token(api: Rest) -> None:
    api.until(lambda: api.get("/local/users").status_code == 200, "connected to Cassandra")
    assert api.get("/local/users").json() == {"users": []}
    answer = api.post("/local/token", {"id_user": 42})
    settings = api.settings
    caller = Authenticator(settings.jwt_secret, settings.jwt_audience, 0).verify(answer.json()["token"])
    assert (caller.id_user, caller.scopes) == (42, frozenset({ORDERS_READ}))
    assert answer.headers["cache-control"] == "no-store"
    assert fields(api.post("/local/token", {"id_user": -1})) == ["id_user"]
    problem(api.post("/local/token", b"x"), 400, "not-json")
    problem(api.client.post("/local/token", data={"id_user": "42"}), 415, "unsupported-media-type")


def test_elsewhere_there_are_no_local_routes(api: Rest) -> None:
    with running("api", api.settings.model_copy(update={"local_stack": False})) as elsewhere:
        problem(elsewhere.get("/local/users"), 404, "not-found")
        problem(elsewhere.post("/local/token", {"id_user": 42}), 404, "not-found")


def references(node: Any) -> set[str]:
    """Every `$ref` in a document."""
    if isinstance(node, dict):
        own = {node["$ref"]} if isinstance(node.get("$ref"), str) else set()
        return own.union(*(references(value) for value in node.values()))
    return set().union(*(references(value) for value in node)) if isinstance(node, list) else set()


def test_the_description_is_whole(api: Rest) -> None:
    document = api.get("/openapi.json").json()
    assert document == api.get("/openapi.json").json(), "asked again, it says the same"
    assert document["info"]["title"] == "Lacak"
    schemas = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    headers = {f"#/components/headers/{name}" for name in document["components"]["headers"]}
    assert references(document) <= schemas | headers
    assert document["components"]["securitySchemes"]["HTTPBearer"]["scheme"] == "bearer"
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            assert operation["summary"] and operation["tags"], (method, path)
            assert ("429" in operation["responses"]) != (path in UNLIMITED), path
            assert ("security" in operation) == path.startswith(("/v1/orders", "/v1/status", "/v1/users", "/v1/produk"))


def test_the_description_shows_bodies_answers_and_problems(api: Rest) -> None:
    document = api.get("/openapi.json").json()
    order = document["paths"]["/v1/orders"]["post"]
    assert order["requestBody"]["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/NewOrder"}
    assert document["components"]["schemas"]["NewOrder"]["examples"]
    assert set(order["responses"]) == {*("202", "400", "401", "403", "408", "409", "413", "415", "422", "429", "503")}
    for status in ("400", "422", "503"):
        assert "application/problem+json" in order["responses"][status]["content"]
    assert "HTTPValidationError" not in str(document)
    assert set(document["paths"]["/v1/status-updates"]["post"]["responses"]) >= {"202", "207"}


def test_an_answer_has_the_fields_that_the_description_says(api: Rest) -> None:
    schemas = api.get("/openapi.json").json()["components"]["schemas"]
    taken = api.post("/v1/orders", {**ORDER, "id_order": 1}, api.headers(ORDERS_WRITE)).json()
    assert set(taken) == set(schemas["OrderTaken"]["properties"])
    refused = api.post("/v1/orders", {}, api.headers(ORDERS_WRITE)).json()
    assert set(refused) == set(schemas["Problem"]["properties"])
    assert refused["type"] in {type_.uri for type_ in ALL}


def test_the_description_tells_the_headers_of_answers(api: Rest) -> None:
    shop = api.headers(ORDERS_WRITE, sub="a-shop")
    keyed, order = shop | {"Idempotency-Key": "described"}, {**ORDER, "id_order": 9}
    first, again = (as_described(api, "/v1/orders", api.post("/v1/orders", order, keyed)) for _ in range(2))
    assert first.headers["location"] == again.headers["location"] == "/v1/orders/9"
    assert again.headers["idempotency-replayed"] == "true"
    assert again.headers["ratelimit"] and again.headers["ratelimit-policy"]
    for headers, status in (({}, 401), (shop, 403), (api.headers(ORDERS_READ, sub="42"), 404)):
        path = "/v1/orders/{id_order}"
        assert as_described(api, path, api.get("/v1/orders/5550003", headers)).status_code == status
    for path in ("/v1/lifecycle", "/registry/subjects", "/readyz", "/metrics"):
        as_described(api, path, api.get(path))
