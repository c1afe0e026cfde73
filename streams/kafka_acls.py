"""Kafka's ACLs and SCRAM passwords, of which aiokafka's admin client knows nothing: a few requests of its protocol."""

import hashlib
import secrets
from collections.abc import Iterable
from typing import Any, NamedTuple

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import for_code
from aiokafka.protocol.admin import CreateAclsRequest, DeleteAclsRequest, DescribeAclsRequest
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import CompactArray, CompactBytes, Int8, Int16, Int32, Schema

from streams.protocol import NAME, TAGS

# Kafka's numbers for its words.
_KINDS = {"Topic": 2, "Group": 3, "Cluster": 4, "TransactionalId": 5}
_PATTERNS = {"literal": 3, "prefixed": 4}
_OPERATIONS = {
    **{"All": 2, "Read": 3, "Write": 4, "Create": 5, "Delete": 6, "Alter": 7, "Describe": 8, "ClusterAction": 9},
    **{"DescribeConfigs": 10, "AlterConfigs": 11, "IdempotentWrite": 12},
}
_ANY, _ALLOW, _ANY_HOST = 1, 3, "*"
_SCRAM_SHA_512, ITERATIONS = 2, 8192


class Acl(NamedTuple):
    """One thing that a user is allowed, from any host."""

    kind: str
    name: str
    pattern: str
    operation: str

    def __str__(self) -> str:
        return f"{self.operation} {self.kind} {self.name}{'*' if self.pattern == 'prefixed' else ''}"


async def acls_of(client: AIOKafkaClient, user: str) -> set[Acl]:
    """What this user is allowed by name. Raises KafkaError, as all here."""
    found = await _send(client, DescribeAclsRequest(_ANY, None, _ANY, f"User:{user}", None, _ANY, _ALLOW))
    if found.error_code:
        raise for_code(found.error_code)(found.error_message)
    kinds, patterns, operations = ({n: word for word, n in words.items()} for words in (_KINDS, _PATTERNS, _OPERATIONS))
    return {
        Acl(kinds[kind], name, patterns[pattern], operations[operation])
        for kind, name, pattern, acls in found.resources
        for _, host, operation, _ in acls
        if kind in kinds and pattern in patterns and operation in operations and host == _ANY_HOST
    }


async def allow(client: AIOKafkaClient, user: str, acls: Iterable[Acl]) -> None:
    """Allows it. Done again, it changes nothing."""
    for acl in acls:
        made = await _send(client, CreateAclsRequest(*_numbers(user, acl)))
        _check(made.creation_responses)


async def forbid(client: AIOKafkaClient, user: str, acls: Iterable[Acl]) -> None:
    """Takes back what was allowed."""
    for acl in acls:
        gone = await _send(client, DeleteAclsRequest(*_numbers(user, acl)))
        _check([answer[:2] for answer in gone.filter_responses])


async def set_password(client: AIOKafkaClient, user: str, password: str) -> None:
    """Makes the user, or gives it another password, for SCRAM-SHA-512. What is sent is the salted hash."""
    salt = secrets.token_bytes(32)
    salted = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, ITERATIONS)
    set_ = await _send(client, _AlterScram((user, _SCRAM_SHA_512, ITERATIONS, salt, salted, {})))
    _check([result[1:3] for result in set_.results])


def _numbers(user: str, acl: Acl) -> tuple[Any, ...]:
    where = (_KINDS[acl.kind], acl.name, _PATTERNS[acl.pattern])
    return (*where, f"User:{user}", _ANY_HOST, _OPERATIONS[acl.operation], _ALLOW)


async def _send(client: AIOKafkaClient, request: Request[Any]) -> Any:
    return await client.send(client.get_random_node(), request)  # whichever it is, it forwards to the controller


def _check(answers: Iterable[Any]) -> None:
    for code, message in answers:
        if code:
            raise for_code(code)(message)


class _AlterScramResponse(Response):
    API_KEY = 51
    API_VERSION = 0
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        ("results", CompactArray(("user", NAME), ("error_code", Int16), ("error_message", NAME), TAGS)),
        TAGS,
    )


class _AlterScramStruct(RequestStruct):
    API_KEY = 51
    API_VERSION = 0
    FLEXIBLE_VERSION = True
    RESPONSE_TYPE = _AlterScramResponse
    SCHEMA = Schema(
        ("deletions", CompactArray(("name", NAME), ("mechanism", Int8), TAGS)),
        (
            "upsertions",
            CompactArray(
                ("name", NAME),
                ("mechanism", Int8),
                ("iterations", Int32),
                ("salt", CompactBytes),
                ("salted_password", CompactBytes),
                TAGS,
            ),
        ),
        TAGS,
    )


class _AlterScram(Request[_AlterScramStruct]):
    API_KEY = 51

    def __init__(self, upsertion: tuple[Any, ...]) -> None:
        self._upsertion = upsertion

    def build(self, request_struct_class: type[_AlterScramStruct]) -> _AlterScramStruct:
        return request_struct_class([], [self._upsertion], {})
