"""docs/asyncapi.json is AsyncAPI 3.0, and says of records and frames what they are."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fastavro
import pytest
from jsonschema import Draft7Validator, ValidationError

from api.live.frames import KINDS
from api.live.frames import change as change_frame
from changes import change
from described import DOCUMENT, check_frame
from streams.dead_letters import rejected_headers
from streams.messages import STATUS_CHANGED, Headers, cloud_event
from streams.order import Reason
from streams.topics import ALL

SPECIFICATION = json.loads((Path(__file__).parents[1] / "data/asyncapi-3.0.0.json").read_text())
MESSAGES = DOCUMENT["components"]["messages"]


def test_it_is_an_asyncapi_document() -> None:
    errors = [(list(each.path), each.message) for each in Draft7Validator(SPECIFICATION).iter_errors(DOCUMENT)]
    assert errors == []


def references(part: Any) -> Iterator[str]:
    for each in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
        yield from references(each)
    if isinstance(part, dict) and "$ref" in part:
        yield part["$ref"]


def test_each_reference_leads_somewhere() -> None:
    found = set(references(DOCUMENT))
    for reference in found:
        part = DOCUMENT
        for name in reference.removeprefix("#/").split("/"):
            part = part[name]
    assert {f"#/components/messages/{name}" for name in MESSAGES} <= found, "and each message is of some channel"


def test_it_has_every_topic_as_it_is_made() -> None:
    for topic in ALL:
        channel = DOCUMENT["channels"][topic.name]
        made = channel["bindings"]["kafka"]["topicConfiguration"]
        assert {
            "retention.ms": topic.retention_ms,
            "max.message.bytes": topic.max_message_bytes,
        }.items() <= made.items()
        if topic.message:
            schema = MESSAGES[topic.message]["payload"]["schema"]
            assert fastavro.parse_schema(schema)["name"] == f"lacak.v1.{topic.message}"


def headers(message: str, sent: Headers) -> None:
    Draft7Validator(MESSAGES[message]["headers"]).validate({name: value.decode() for name, value in sent})


def test_it_describes_the_headers_of_what_we_send() -> None:
    event = cloud_event(
        STATUS_CHANGED, "7-2", "track", 1_760_000_000_000, b"00-" + b"1" * 32 + b"-" + b"2" * 16 + b"-01"
    )
    headers("OrderStatusChanged", event)
    headers("Rejected", rejected_headers(event, Reason.UNKNOWN_STATUS, "no such", "courier-status-updates", 3, 4))
    with pytest.raises(ValidationError):
        headers("UserNotification", event)


def test_it_describes_every_frame() -> None:
    assert (
        set(DOCUMENT["channels"]["live"]["messages"]) == set(KINDS) == set(DOCUMENT["channels"]["live-sse"]["messages"])
    )
    full = change("delivered", previous_status="in_transit", note="Diterima", latitude=-6.2, longitude=106.8, eta=1)
    for message in (full, change("placed", 1)):
        check_frame(json.loads(change_frame("cursor", message).body))


@pytest.mark.parametrize("wrong", [{"id_order": 7}, {"status": "unknown"}, {"eta": 1}, {"colour": "red"}])
def test_what_is_not_so_is_seen(wrong: dict[str, Any]) -> None:
    frame = json.loads(change_frame("cursor", change("placed", 1)).body)
    frame["order"] |= wrong
    with pytest.raises(ValidationError):
        check_frame(frame)
