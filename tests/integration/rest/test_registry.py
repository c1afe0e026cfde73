"""The schemas under /registry, with Confluent's own client, which is not ours."""

import json
import re
import warnings
from collections.abc import Iterator
from typing import Any

import pytest

import topics_reader
from rest import Rest
from streams.codec import Codec, schema_ids, schema_text
from streams.settings import Settings

# The client's OAuth library warns, against all filters, of the HTTP library it uses; that is between the two of them.
with warnings.catch_warnings(record=True):
    from confluent_kafka.schema_registry import Schema, SchemaRegistryClient
    from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
    from confluent_kafka.schema_registry.error import SchemaRegistryError
    from confluent_kafka.serialization import MessageField, SerializationContext

UPDATE: dict[str, Any] = {
    "event_id": "e-1",
    "id_order": 77,
    "status": "picked_up",
    "occurred_at": 1_760_000_000_000,
    "courier": "jne",
    **dict.fromkeys(("substatus", "note", "latitude", "longitude", "eta", "corrects", "operator")),
}


@pytest.fixture
def registry(api: Rest) -> Iterator[SchemaRegistryClient]:
    with SchemaRegistryClient({"url": f"{api.client.base_url}/registry"}) as client:
        yield client


def subject(settings: Settings, topic: str = "courier-status-updates") -> str:
    return settings.topic(topic) + "-value"


def context(settings: Settings) -> SerializationContext:
    return SerializationContext(settings.topic("courier-status-updates"), MessageField.VALUE)


@pytest.mark.parametrize("options", [{}, {"auto.register.schemas": False}, {"use.latest.version": True}], ids=str)
def test_confluents_serializer_writes_what_we_read(
    api: Rest, registry: SchemaRegistryClient, options: dict[str, bool]
) -> None:
    conf = {"auto.register.schemas": False, **options} if options.get("use.latest.version") else options
    serialize = AvroSerializer(registry, schema_text(schema_ids()["CourierStatusUpdate"])[1], conf=conf)
    value = serialize(UPDATE, context(api.settings))
    assert value is not None
    assert Codec("CourierStatusUpdate").decode(value) == UPDATE
    topics_reader.write(api.settings, "courier-status-updates", [(b"77", value)])
    assert UPDATE in topics_reader.messages(api.settings, "courier-status-updates", "CourierStatusUpdate")


def test_confluents_deserializer_reads_what_we_write(api: Rest, registry: SchemaRegistryClient) -> None:
    read = AvroDeserializer(registry)(Codec("CourierStatusUpdate").encode(UPDATE), context(api.settings))
    assert isinstance(read, dict)
    occurred_at = read.pop("occurred_at")
    assert round(occurred_at.timestamp() * 1000) == UPDATE["occurred_at"]
    assert read == {name: value for name, value in UPDATE.items() if name != "occurred_at"}


def test_the_committed_ids_are_served(api: Rest, registry: SchemaRegistryClient) -> None:
    for schema_id in schema_ids().values():
        served = registry.get_schema(schema_id)
        assert (served.schema_type, served.schema_str) == ("AVRO", schema_text(schema_id)[1])
    assert len(registry.get_subjects()) == len(schema_ids())
    latest = registry.get_latest_version(subject(api.settings))
    assert latest.schema_id == schema_ids()["CourierStatusUpdate"]
    assert registry.get_versions(subject(api.settings))[-1] == latest.version


def test_a_schema_is_found_whatever_its_spaces(api: Rest, registry: SchemaRegistryClient) -> None:
    text = json.dumps(json.loads(schema_text(1)[1]), indent=7)
    found = registry.lookup_schema(subject(api.settings, "orders"), Schema(text, "AVRO"))
    assert found.schema_id == 1


def test_nothing_new_is_registered(api: Rest, registry: SchemaRegistryClient) -> None:
    with pytest.raises(SchemaRegistryError) as refused:
        registry.register_schema(subject(api.settings), Schema('"string"', "AVRO"))
    assert (refused.value.http_status_code, refused.value.error_code) == (403, 40301)


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/registry/schemas/ids/9999", 40403),
        ("/registry/subjects/nobody-value/versions", 40401),
        ("/registry/subjects/{subject}/versions/99", 40402),
        ("/registry/subjects/{subject}/versions/x", 42202),
    ],
)
def test_errors_are_a_registrys(api: Rest, path: str, code: int) -> None:
    answer = api.get(path.format(subject=subject(api.settings)))
    assert answer.status_code == code // 100
    assert answer.json()["error_code"] == code


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"schema": 5}', b'{"schema": "{"}', b"\xff"])
def test_a_lookup_of_no_schema_is_invalid(api: Rest, body: bytes) -> None:
    answer = api.post(f"/registry/subjects/{subject(api.settings)}", body)
    assert (answer.status_code, answer.json()["error_code"]) == (422, 42201)


def test_the_same_without_an_envelope(api: Rest) -> None:
    name = subject(api.settings, "orders")
    assert api.get("/registry/schemas/ids/1/schema").text == schema_text(1)[1]
    assert api.get(f"/registry/subjects/{name}/versions/latest/schema").text == schema_text(5)[1]
    assert api.get("/registry/schemas/ids/1/versions").json() == [{"subject": name, "version": 1}]
    assert api.get("/registry/schemas/types").json() == ["AVRO"]
    assert api.get("/registry/mode").json() == {"mode": "READONLY"}
    assert api.get("/registry/config").json() == {"compatibilityLevel": "FULL"}


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/schemas/ids/x", 404, 40403),
        ("GET", "/schemas/ids/01", 404, 40403),
        ("GET", "/schemas/ids/99999999999999999999/schema", 404, 40403),
        ("GET", "/subjects/nobody/versions", 404, 40401),
        ("GET", "/subjects/{subject}/versions/99", 404, 40402),
        ("GET", "/subjects/{subject}/versions/x", 422, 42202),
        ("POST", "/subjects/{subject}", 422, 42201),
    ],
)
def test_errors_have_a_registrys_form_and_are_described(
    api: Rest, method: str, path: str, status: int, code: int
) -> None:
    answer = api.client.request(method, "/registry" + path.format(subject=subject(api.settings)), content=b"{")
    assert (answer.status_code, answer.json()["error_code"]) == (status, code)
    paths = api.get("/openapi.json").json()["paths"]
    template = "/registry" + re.sub("ids/[^/]+", "ids/{schema_id}", path)
    template = re.sub("subjects/[^/]+", "subjects/{subject}", template)
    described = paths[re.sub("versions/[^/]+", "versions/{version}", template)][method.lower()]["responses"]
    assert answer.headers["content-type"] in described[str(status)]["content"]


def test_no_answer_is_described_that_is_never_given(api: Rest) -> None:
    paths = api.get("/openapi.json").json()["paths"]
    assert set(paths["/registry/subjects/{subject}/versions"]["get"]["responses"]) == {"200", "404", "429"}
