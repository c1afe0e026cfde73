"""The schemas, in the form of a Confluent schema registry, read-only.

What is registered is what is committed in schemas/avro/released. Registering a schema that is there already gives its
id, as a registry does, so clients work with their defaults too; anything new is refused.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Request
from fastapi.responses import PlainTextResponse, Response
from pydantic import WithJsonSchema

from api.requests import Json
from streams import topics
from streams.codec import released_ids, schema_text
from streams.settings import Settings

LATEST = ("latest", "-1")


class RegistryJson(Json):
    media_type = "application/vnd.schemaregistry.v1+json"


@dataclass(frozen=True, slots=True)
class Version:
    """One version of one subject."""

    subject: str
    version: int
    id: int
    schema: str

    def json(self) -> dict[str, Any]:
        return {"subject": self.subject, "version": self.version, "id": self.id, "schema": self.schema}


class RegistryError(Exception):
    """An error in the registry's own form; the status is the first three digits of the code."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code

    def response(self) -> Response:
        return RegistryJson({"error_code": self.code, "message": str(self)}, self.code // 100)


class Registry:
    """Subjects by Confluent's TopicNameStrategy: `<topic>-value`, with the topic's name on this Kafka."""

    def __init__(self, settings: Settings) -> None:
        self._versions: dict[str, list[Version]] = {}
        for topic in topics.ALL:
            if topic.message is not None:
                subject = settings.topic(topic.name) + "-value"
                self._versions[subject] = list(_versions(subject, topic.message))

    def subjects(self) -> list[str]:
        return sorted(self._versions)

    def versions(self, subject: str) -> list[Version]:
        """Every version, oldest first; raises RegistryError."""
        if subject not in self._versions:
            raise RegistryError(40401, f"Subject '{subject}' not found.")
        return self._versions[subject]

    def version(self, subject: str, version: str) -> Version:
        """One version, by its number or `latest`; raises RegistryError."""
        versions = self.versions(subject)
        if version in LATEST:
            return versions[-1]
        if not (version.isascii() and version.isdecimal()):
            raise RegistryError(42202, f"The specified version '{version}' is not a valid version id.")
        for one in versions:
            if str(one.version) == version:
                return one
        raise RegistryError(40402, f"Version {version} not found.")

    def lookup(self, subject: str, body: bytes) -> Version:
        """The version that has this schema, whatever its spaces; raises RegistryError."""
        versions, schema = self.versions(subject), _schema_of(body)
        for one in versions:
            if json.loads(one.schema) == schema:
                return one
        raise RegistryError(40403, "Schema not found")

    def with_id(self, schema_id: str) -> list[Version]:
        """Where this id is used; raises RegistryError."""
        found = [one for versions in self._versions.values() for one in versions if str(one.id) == schema_id]
        if not found:
            raise RegistryError(40403, f"Schema {schema_id} not found")
        return found


def _versions(subject: str, message: str) -> Iterator[Version]:
    ids = [schema_id for schema_id in released_ids() if schema_text(schema_id)[0] == message]
    for number, schema_id in enumerate(ids, 1):
        yield Version(subject, number, schema_id, schema_text(schema_id)[1])


def _schema_of(body: bytes) -> Any:
    try:
        return orjson.loads(orjson.loads(body)["schema"])
    except (ValueError, KeyError, TypeError) as error:
        raise RegistryError(42201, "Invalid schema") from error


VersionNumber = Annotated[
    str, WithJsonSchema({"type": "string", "pattern": "^(latest|-1|[1-9][0-9]{0,8})$", "examples": ["latest", "1"]})
]
SchemaId = Annotated[str, WithJsonSchema({"type": "integer", "examples": [1]})]
_FORM = {
    "type": "object",
    "required": ["error_code", "message"],
    "properties": {"error_code": {"type": "integer"}, "message": {"type": "string"}},
}


def _refusals(**words: str) -> dict[int | str, dict[str, Any]]:
    """What a route's `responses` say: `_404="..."`."""
    content = {RegistryJson.media_type: {"schema": _FORM}}
    return {int(status[1:]): {"description": text, "content": content} for status, text in words.items()}


def _gives(schema: dict[str, Any]) -> dict[int | str, dict[str, Any]]:
    """The same of what it answers when there is nothing to refuse."""
    return {200: {"content": {RegistryJson.media_type: {"schema": schema}}}}


def _object(**properties: str) -> dict[str, Any]:
    types = {name: {"type": type_} for name, type_ in properties.items()}
    return {"type": "object", "required": list(properties), "properties": types}


def _array(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


_SENT = {"content": {RegistryJson.media_type: {"schema": _object(schema="string")}}, "required": True}
_VERSION = _object(subject="string", version="integer", id="integer", schema="string")
_NAMES, _AVRO = _array({"type": "string"}), {"type": "object"}
_NO_ID = _refusals(_404="There is no such id")
_NO_SUBJECT = _refusals(_404="There is no such subject")
_NO_VERSION = _refusals(_404="There is no such subject or version", _422="Not a version")
_NO_SCHEMA = _refusals(_404="There is no such subject or schema", _422="Not a schema")
_READ_ONLY = _refusals(
    _403="A new schema: this registry is read-only", _404="There is no such subject", _422="Not a schema"
)


def registry_routes(settings: Settings) -> APIRouter:
    """The routes under /registry."""
    registry = Registry(settings)
    router = APIRouter(prefix="/registry", tags=["registry"], default_response_class=RegistryJson)

    @router.get("/schemas/types", summary="The kinds of schemas there are", responses=_gives(_NAMES))
    async def types() -> Response:
        """Avro alone."""
        return RegistryJson(["AVRO"])

    @router.get(
        "/schemas/ids/{schema_id}",
        summary="The schema of an id, as in a record's first five bytes",
        responses={**_NO_ID, **_gives(_object(schema="string"))},
    )
    async def schema(schema_id: SchemaId) -> Response:
        """Its text as one string, as serializers of Confluent's form ask for it. An id never changes its meaning."""
        return RegistryJson({"schema": registry.with_id(schema_id)[0].schema})

    @router.get(
        "/schemas/ids/{schema_id}/schema",
        summary="The same, without an envelope",
        responses={**_NO_ID, **_gives(_AVRO)},
    )
    async def bare_schema(schema_id: SchemaId) -> Response:
        """The Avro schema itself as the whole answer: a file to generate code from."""
        return PlainTextResponse(registry.with_id(schema_id)[0].schema, media_type=RegistryJson.media_type)

    @router.get(
        "/schemas/ids/{schema_id}/versions",
        summary="The subjects and versions that have an id",
        responses={**_NO_ID, **_gives(_array(_object(subject="string", version="integer")))},
    )
    async def versions_of_id(schema_id: SchemaId) -> Response:
        """In which topic's values a record with this id may be met."""
        found = registry.with_id(schema_id)
        return RegistryJson([{"subject": one.subject, "version": one.version} for one in found])

    @router.get("/subjects", summary="The subjects", responses=_gives(_NAMES))
    async def subjects() -> Response:
        """One for each topic with a schema: its name and `-value`, as in Confluent's TopicNameStrategy."""
        return RegistryJson(registry.subjects())

    @router.get(
        "/subjects/{subject}/versions",
        summary="A subject's versions",
        responses={**_NO_SUBJECT, **_gives(_array({"type": "integer"}))},
    )
    async def versions(subject: str) -> Response:
        """Their numbers, oldest first: from 1 without a gap."""
        return RegistryJson([one.version for one in registry.versions(subject)])

    @router.get(
        "/subjects/{subject}/versions/{version}",
        summary="One version, by number or `latest`",
        responses={**_NO_VERSION, **_gives(_VERSION)},
    )
    async def version(subject: str, version: VersionNumber) -> Response:
        """The schema with its id. `latest` is what Lacak writes now."""
        return RegistryJson(registry.version(subject, version).json())

    @router.get(
        "/subjects/{subject}/versions/{version}/schema",
        summary="The same, without an envelope",
        responses={**_NO_VERSION, **_gives(_AVRO)},
    )
    async def bare_version(subject: str, version: VersionNumber) -> Response:
        """The Avro schema itself as the whole answer."""
        return PlainTextResponse(registry.version(subject, version).schema, media_type=RegistryJson.media_type)

    @router.post(
        "/subjects/{subject}",
        summary="Look a schema up",
        openapi_extra={"requestBody": _SENT},
        responses={**_NO_SCHEMA, **_gives(_VERSION)},
    )
    async def lookup(subject: str, request: Request) -> Response:
        """Which version of the subject this schema is, whatever its spaces."""
        return RegistryJson(registry.lookup(subject, await request.body()).json())

    @router.post(
        "/subjects/{subject}/versions",
        summary="The id of a schema that is there; a new one is refused",
        openapi_extra={"requestBody": _SENT},
        responses={**_READ_ONLY, **_gives(_object(id="integer"))},
    )
    async def register(subject: str, request: Request) -> Response:
        """What a serializer with `auto.register.schemas` asks: it gets the id of a schema that Lacak has."""
        try:
            return RegistryJson({"id": registry.lookup(subject, await request.body()).id})
        except RegistryError as error:
            if error.code != 40403:
                raise
            raise RegistryError(40301, "This registry is read-only: schemas are released with Lacak") from error

    @router.get(
        "/config",
        summary="Each schema reads, and is read by, those before it",
        responses=_gives(_object(compatibilityLevel="string")),
    )
    async def config() -> Response:
        """FULL: a reader of any version reads records of any other."""
        return RegistryJson({"compatibilityLevel": "FULL"})

    @router.get("/mode", summary="Nothing is registered here", responses=_gives(_object(mode="string")))
    async def mode() -> Response:
        """READONLY: schemas come with a release of Lacak."""
        return RegistryJson({"mode": "READONLY"})

    return router
