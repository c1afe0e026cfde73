"""Updates as CloudEvents: structured, binary and batched, as brokers and SDKs send them."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

import topics_reader
from api.auth import STATUS_WRITE
from rest import Rest, fields, named, problem
from streams.messages import header, parse_time

ONE, BATCH = "application/cloudevents+json", "application/cloudevents-batch+json"
MANY = "/v1/status-updates"
TYPE = "lacak.courier.status-update"
TIME = "2026-01-02T10:00:00.5+07:00"
OF_REFUSED = (6, 7, 8)


@pytest.fixture(scope="module", autouse=True)
def nothing_that_was_refused_is_sent(api: Rest) -> Iterator[None]:
    """Whatever the tests of this module send for these orders."""
    yield
    assert [one for id_order in OF_REFUSED for one in sent(api, id_order)] == []


def event(data: Any, **changes: Any) -> dict[str, Any]:
    """One event; None takes an attribute away."""
    whole = {"specversion": "1.0", "id": "ce-1", "source": "/jne/hub", "type": TYPE, "time": TIME, "data": data}
    return {name: value for name, value in (whole | changes).items() if value is not None}


def post(api: Rest, path: str, body: Any, media_type: str = ONE, **headers: str) -> httpx.Response:
    own = api.headers(STATUS_WRITE, courier="jne") | {"Content-Type": media_type} | headers
    return api.client.post(path, content=json.dumps(body), headers=own)


def binary(api: Rest, path: str, body: Any, key: str | None = None, **changes: str | None) -> httpx.Response:
    attributes: dict[str, Any] = event(None) | changes
    headers = {f"ce-{name}": value for name, value in attributes.items() if value is not None}
    return post(api, path, body, "application/json", **headers, **({"Idempotency-Key": key} if key else {}))


def sent(api: Rest, id_order: int) -> list[dict[str, Any]]:
    found = topics_reader.messages(api.settings, "courier-status-updates", "CourierStatusUpdate")
    return [one for one in found if one["id_order"] == id_order]


def test_an_events_id_and_time_are_the_updates_own_in_each_mode_and_on_each_route(api: Rest) -> None:
    answers = [
        post(api, "/v1/orders/1/status", event({"status": "lost"})),
        binary(api, "/v1/orders/1/status", {"status": "lost"}),
        post(api, MANY, event({"status": "lost", "id_order": "1"})),
        binary(api, MANY, {"status": "lost", "id_order": 1}),
    ]
    for answer in answers:
        assert (answer.status_code, answer.json()) == (202, {"event_id": "ce-1", "id_order": "1"})
    batched = post(api, MANY, [event({"status": "lost", "id_order": 1})], BATCH)
    assert batched.status_code == 202
    assert batched.json() == {"results": [{"index": 0, "status": 202, "event_id": "ce-1"}]}
    messages = sent(api, 1)
    assert len(messages) == 5
    for message in messages:
        assert message == messages[0]
    assert (messages[0]["event_id"], messages[0]["occurred_at"]) == ("ce-1", parse_time(TIME))
    assert (messages[0]["courier"], messages[0]["status"]) == ("jne", "lost")


def test_what_the_update_says_itself_comes_first_and_what_nobody_says_is_now(api: Rest) -> None:
    own = {"status": "lost", "event_id": "own", "occurred_at": "2026-03-03T00:00:00Z"}
    assert post(api, "/v1/orders/2/status", event(own, id="x" * 65)).json()["event_id"] == "own"
    assert post(api, "/v1/orders/2/status", event({"status": "lost"}, time=None)).status_code == 202
    first, second = sent(api, 2)
    assert first["occurred_at"] == parse_time("2026-03-03T00:00:00Z")
    assert second["occurred_at"] > parse_time("2026-11-01T00:00:00Z")


def test_the_record_is_an_event_of_ours_whoever_the_source_was(api: Rest) -> None:
    assert post(api, "/v1/orders/3/status", event({"status": "lost"})).status_code == 202
    [record] = [one for one in topics_reader.read(api.settings, "courier-status-updates") if one.key() == b"3"]
    assert header(record.headers(), "ce_source") == b"/lacak/api"
    assert header(record.headers(), "ce_id") == b"3/ce-1"


def test_extensions_and_parameters_of_the_type_are_let_be(api: Rest) -> None:
    more = {
        "traceparent": "00-x",
        "subject": "s",
        "dataschema": "https://x",
        "datacontenttype": "application/json; x=1",
    }
    assert post(api, "/v1/orders/4/status", event({"status": "lost"}, **more), f"{ONE}; charset=UTF-8").is_success
    assert binary(api, "/v1/orders/4/status", {"status": "lost"}, id="a%20b%22", extension="x").is_success
    assert [one["event_id"] for one in sent(api, 4)] == ["ce-1", 'a b"']


def test_an_event_may_speak_a_carriers_own_words(api: Rest) -> None:
    code = {"vocabulary": "shopify", "code": "OUT_FOR_DELIVERY"}
    assert post(api, "/v1/orders/5/status", event({"carrier_code": code})).status_code == 202
    assert [one["status"] for one in sent(api, 5)] == ["out_for_delivery"]
    told = problem(post(api, MANY, event({"carrier_code": code | {"code": "?"}, "id_order": 5})), 422, "unknown-status")
    assert told["errors"][0]["field"] == "carrier_code.code"


BAD_ATTRIBUTES: list[tuple[dict[str, Any], str]] = [
    ({"specversion": None}, "specversion"),
    ({"specversion": "0.3"}, "specversion"),
    ({"type": "lacak.order.placed"}, "type"),
    ({"type": None}, "type"),
    ({"source": None}, "source"),
    ({"source": ""}, "source"),
    ({"id": None}, "id"),
    ({"id": ""}, "id"),
    ({"id": "x" * 65}, "id"),
    ({"id": "placed"}, "id"),
    ({"time": "yesterday"}, "time"),
    ({"time": "2026-01-01T00:00:00"}, "time"),
    ({"time": "1999-01-01T00:00:00Z"}, "time"),
]


@pytest.mark.parametrize(("changes", "name"), BAD_ATTRIBUTES, ids=str)
def test_an_attribute_that_is_wrong_is_named_as_it_was_sent(api: Rest, changes: dict[str, Any], name: str) -> None:
    for path, data in (("/v1/orders/6/status", {"status": "lost"}), (MANY, {"status": "lost", "id_order": 6})):
        assert fields(post(api, path, event(data, **changes))) == [name]
        assert fields(binary(api, path, data, **changes)) == [f"ce-{name}"]
    answer = post(api, MANY, [event({"status": "lost", "id_order": 6}, **changes)], BATCH)
    [result] = answer.json()["results"]
    assert (answer.status_code, result["status"]) == (207, 422)
    assert named(result["problem"]) == [f"[0].{name}"]


BAD_EVENTS: list[tuple[Any, str]] = [
    (event(None), "data"),
    (event("text"), "data"),
    (event([]), "data"),
    (event(None, data_base64="e30="), "data"),
    (event({"status": "lost"}, datacontenttype="text/xml"), "datacontenttype"),
    (event({"status": "lost"}, id=7), "id"),
    (event({"status": "lost"}, time=7), "time"),
    (event({"status": "vanished"}), "status"),
    (event({"status": "lost", "version": 2}), "version"),
    (event({}), "status"),
    ([event({"status": "lost"})], "body"),
    ("text", "body"),
]


@pytest.mark.parametrize(("body", "name"), BAD_EVENTS, ids=lambda value: str(value)[-60:])
def test_an_event_that_brings_no_update_says_why(api: Rest, body: Any, name: str) -> None:
    assert fields(post(api, "/v1/orders/7/status", body)) == [name]


def test_in_binary_mode_the_body_is_the_update(api: Rest) -> None:
    assert fields(binary(api, "/v1/orders/8/status", ["lost"])) == ["body"]
    assert fields(binary(api, "/v1/orders/8/status", event({"status": "lost"}))) != []
    assert fields(binary(api, MANY, {"updates": [{"status": "lost", "id_order": 8}]})) != []


def test_of_a_batch_the_good_are_taken_and_the_bad_named_by_their_place(api: Rest) -> None:
    good = {"status": "in_transit", "id_order": 9}
    batch = [
        event(good, id="a"),
        event(good, id="b", type="other"),
        event({**good, "latitude": 91, "longitude": 0}, id="c"),
        7,
        event(good, id="d"),
        event({"status": "lost"}, id="e"),
    ]
    answer = post(api, MANY, batch, BATCH)
    assert answer.status_code == 207
    results = answer.json()["results"]
    assert [one["status"] for one in results] == [202, 422, 422, 422, 202, 422]
    assert [named(one["problem"]) for one in results if "problem" in one] == [
        ["[1].type"],
        ["[2].latitude"],
        ["[3]"],
        ["[5].id_order"],
    ]
    assert [one["event_id"] for one in sent(api, 9)] == ["a", "d"]


@pytest.mark.parametrize("body", [[], [event({})] * 501, event({}), "x", None])
def test_a_batch_is_an_array_of_1_to_500_events(api: Rest, body: Any) -> None:
    assert fields(post(api, MANY, body, BATCH)) == ["updates"]


@pytest.mark.parametrize(
    ("path", "media_type"),
    [
        ("/v1/orders/10/status", BATCH),
        ("/v1/orders/10/status", "application/cloudevents+avro"),
        (MANY, "application/cloudevents"),
        (MANY, "text/json"),
        ("/v1/orders", ONE),
    ],
)
def test_other_types_are_refused_and_events_where_there_are_none(api: Rest, path: str, media_type: str) -> None:
    headers = api.headers(STATUS_WRITE, "orders:write") | {"Content-Type": media_type}
    told = problem(api.client.post(path, content=b"[]", headers=headers), 415, "unsupported-media-type")
    assert media_type in told["detail"]


def test_an_event_that_is_no_json_or_nobodys_is_refused_as_any_body_is(api: Rest) -> None:
    headers = api.headers(STATUS_WRITE, courier="jne") | {"Content-Type": ONE}
    problem(api.client.post(MANY, content=b'{"id": NaN}', headers=headers), 400, "not-json")
    problem(api.client.post(MANY, content=b"", headers=headers), 400, "not-json")
    problem(api.client.post(MANY, json=event({}), headers={"Content-Type": ONE}), 401, "unauthenticated")
    other = event({"status": "lost", "id_order": 1, "courier": "sicepat"})
    problem(post(api, MANY, other), 403, "forbidden")


def test_a_key_does_an_event_once_and_another_event_with_the_same_data_is_another_request(api: Rest) -> None:
    data = {"status": "lost", "id_order": 11}
    api.until(lambda: binary(api, MANY, data, key="ce-key").status_code == 202, "connected to Cassandra")
    again = binary(api, MANY, data, key="ce-key")
    assert again.headers["idempotency-replayed"] == "true"
    assert again.json() == {"event_id": "ce-1", "id_order": "11"}
    problem(binary(api, MANY, data, key="ce-key", id="ce-2"), 422, "idempotency-key-reused")
    assert len(sent(api, 11)) == 1
    assert fields(binary(api, MANY, data | {"status": "gone"}, key="ce-key-2")) == ["status"]
    assert binary(api, MANY, data, key="ce-key-2").status_code == 202


def test_the_description_shows_each_form_with_an_example(api: Rest) -> None:
    document = api.get("/openapi.json").json()
    one = document["paths"]["/v1/orders/{id_order}/status"]["post"]
    many = document["paths"][MANY]["post"]
    assert set(one["requestBody"]["content"]) == {"application/json", ONE}
    assert set(many["requestBody"]["content"]) == {"application/json", ONE, BATCH}
    for operation in (one, many):
        names = {parameter["name"] for parameter in operation["parameters"]}
        assert {"ce-id", "ce-source", "ce-specversion", "ce-time", "ce-type", "Idempotency-Key"} <= names
    shown = one["requestBody"]["content"][ONE]["example"]
    assert post(api, "/v1/orders/12/status", shown).status_code == 202
    assert post(api, MANY, many["requestBody"]["content"][ONE]["example"]).status_code == 202
    assert post(api, MANY, many["requestBody"]["content"][BATCH]["example"], BATCH).status_code == 202
    assert [one["event_id"] for one in sent(api, 12)] == [shown["id"]]
