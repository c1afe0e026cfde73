"""Updates in a carrier's own words: what lands in Kafka, and what is refused and counted."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

import topics_reader
from api.auth import STATUS_WRITE
from fresh import fresh_settings
from rest import Rest, fields, problem, running
from stack import Servers
from streams.carrier_files import BadMapping

OF_JNE = """
title = "JNE, of the tests"
[[sources]]
title = "Of the tests"
address = "none"
read = "nothing"
[codes]
D01 = "delivered"
"""


@pytest.fixture(scope="module")
def api(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rest]:
    """An API with a mapping of its operator's own."""
    folder = tmp_path_factory.mktemp("carriers")
    (folder / "jne.toml").write_text(OF_JNE)
    with running("api", fresh_settings(servers, folder, carriers_dir=str(folder))) as rest:
        rest.until_ready()
        yield rest


def update(api: Rest, id_order: int, body: dict[str, Any], courier: str | None = "jne", **more: str) -> httpx.Response:
    return api.post(f"/v1/orders/{id_order}/status", body, api.headers(STATUS_WRITE, courier=courier) | more)


def sent(api: Rest, id_order: int) -> list[dict[str, Any]]:
    found = topics_reader.messages(api.settings, "courier-status-updates", "CourierStatusUpdate")
    return [one for one in found if one["id_order"] == id_order]


def test_a_carriers_code_is_sent_on_as_our_status_and_kept_as_the_substatus(api: Rest) -> None:
    code = {"vocabulary": "aftership", "code": "Exception", "subcode": "Exception_010"}
    assert update(api, 1, {"carrier_code": code, "note": "n"}).status_code == 202
    assert update(api, 1, {"carrier_code": code | {"subcode": "Exception_016"}, "substatus": "mine"}).status_code == 202
    first, second = sent(api, 1)
    assert (first["status"], first["substatus"]) == ("returning", "Exception/Exception_010")
    assert (second["status"], second["substatus"]) == ("exception", "mine")
    assert (first["courier"], first["note"]) == ("jne", "n")


def test_without_a_vocabulary_the_couriers_own_is_meant_also_where_the_body_names_the_courier(api: Rest) -> None:
    assert update(api, 2, {"carrier_code": {"code": "d01"}}).status_code == 202
    assert update(api, 2, {"carrier_code": {"code": 200}, "courier": "kiriminaja"}, courier=None).status_code == 202
    assert [(one["courier"], one["status"], one["substatus"]) for one in sent(api, 2)] == [
        ("jne", "delivered", "d01"),
        ("kiriminaja", "delivered", "200"),
    ]


def test_a_code_that_is_in_no_mapping_is_refused_as_an_unknown_status_and_counted(api: Rest) -> None:
    answer = update(api, 3, {"carrier_code": {"code": "D99"}}, courier="JNE")
    told = problem(answer, 422, "unknown-status")
    assert told["errors"] == [{"field": "carrier_code.code", "detail": "'D99' is not known"}]
    assert sent(api, 3) == []
    assert 'lacak_unknown_codes_total{code="D99",courier="JNE"} 1.0' in api.get("/metrics").text.splitlines()


NONE_OF_BOTH: list[tuple[dict[str, Any], str]] = [
    ({}, "status"),
    ({"status": None, "carrier_code": {"code": "D01"}}, "status"),
    ({"status": "delivered", "carrier_code": {"code": "D01"}}, "status"),
    ({"carrier_code": None}, "carrier_code"),
    ({"carrier_code": "D01"}, "carrier_code"),
    ({"carrier_code": {}}, "carrier_code.code"),
    ({"carrier_code": {"code": ""}}, "carrier_code.code"),
    ({"carrier_code": {"code": "x" * 100}}, "carrier_code.code"),
    ({"carrier_code": {"code": True}}, "carrier_code.code"),
    ({"carrier_code": {"code": 1.5}}, "carrier_code.code"),
    ({"carrier_code": {"code": "D01", "subcode": []}}, "carrier_code.subcode"),
    ({"carrier_code": {"code": "D01", "colour": "red"}}, "carrier_code.colour"),
    ({"carrier_code": {"code": "D01", "vocabulary": "nobody"}}, "carrier_code.vocabulary"),
    ({"carrier_code": {"code": "D01", "vocabulary": "../jne"}}, "carrier_code.vocabulary"),
]


@pytest.mark.parametrize(("body", "field"), NONE_OF_BOTH, ids=lambda value: str(value)[:60])
def test_an_update_has_a_status_or_a_code_and_what_is_wrong_with_it_is_named(
    api: Rest, body: dict[str, Any], field: str
) -> None:
    assert fields(update(api, 4, body)) == [field]


def test_nothing_of_what_was_refused_is_sent(api: Rest) -> None:
    for body, _ in NONE_OF_BOTH:
        update(api, 4, body)
    assert sent(api, 4) == []


def test_in_a_batch_each_is_judged_by_itself(api: Rest) -> None:
    codes = [{"code": "D01"}, {"code": "D77"}, {"code": "InTransit", "vocabulary": "AfterShip"}]
    batch = [{"id_order": 5, "event_id": f"{i}", "carrier_code": code} for i, code in enumerate(codes)]
    headers = api.headers(STATUS_WRITE, courier="jne")
    answer = api.post("/v1/status-updates", {"updates": [*batch, {"id_order": 5, "status": "lost"}]}, headers)
    results = answer.json()["results"]
    assert [one["status"] for one in results] == [202, 422, 202, 202]
    assert results[1]["problem"]["type"] == "urn:lacak:problem:unknown-status"
    assert results[1]["problem"]["errors"][0]["field"] == "updates[1].carrier_code.code"
    assert [one["status"] for one in sent(api, 5)] == ["delivered", "in_transit", "lost"]


def test_a_key_does_it_once_and_a_code_that_was_unknown_uses_none(api: Rest) -> None:
    key = {"Idempotency-Key": "k-1"}
    api.until(lambda: update(api, 66, {"status": "lost"}, **key).status_code == 202, "connected to Cassandra")
    key = {"Idempotency-Key": "k-2"}
    problem(update(api, 6, {"carrier_code": {"code": "D88"}}, **key), 422, "unknown-status")
    first, second = (update(api, 6, {"carrier_code": {"code": "D01"}}, **key) for _ in range(2))
    assert first.content == second.content and second.headers["idempotency-replayed"] == "true"
    assert len(sent(api, 6)) == 1


def test_a_bad_mapping_keeps_the_api_from_starting(servers: Servers, tmp_path: Path) -> None:
    (tmp_path / "jne.toml").write_text(OF_JNE.replace("delivered", "gone"))
    settings = fresh_settings(servers, tmp_path, carriers_dir=str(tmp_path))
    with pytest.raises(BadMapping, match=r"jne\.toml: codes\.D01: 'gone' is none of"), running("api", settings):
        pass


def test_the_description_says_that_it_is_one_of_both(api: Rest) -> None:
    document = api.get("/openapi.json").json()
    for name in ("NewStatus", "BatchedStatus"):
        schema = document["components"]["schemas"][name]
        assert schema["oneOf"] == [{"required": ["status"]}, {"required": ["carrier_code"]}]
        assert schema["properties"]["carrier_code"] == {"$ref": "#/components/schemas/CarrierCode"}
    for path in ("/v1/orders/{id_order}/status", "/v1/status-updates"):
        refused = document["paths"][path]["post"]["responses"]["422"]["content"]["application/problem+json"]
        assert "unknown-status" in refused["examples"]
