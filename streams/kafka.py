"""How Lacak talks to Kafka besides Faust: producers with the right promises, and the topics made or checked."""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.client import AIOKafkaClient
from aiokafka.conn import AIOKafkaConnection, CloseReason
from aiokafka.errors import (
    GroupAuthorizationFailedError,
    KafkaConnectionError,
    KafkaError,
    TopicAlreadyExistsError,
    TopicAuthorizationFailedError,
    for_code,
)
from aiokafka.protocol.group import HeartbeatRequest

from streams import kafka_refusal, topics
from streams.settings import Settings

CLOSE_SECONDS = 2.0
# A rejected record of 2 MiB with its headers must fit into one request.
MAX_REQUEST = topics.REJECTED.max_message_bytes + 64 * 1024


def _send(connection: Any, request: Any, expect_response: bool = True) -> Any:
    """Aiokafka's, on uvloop too: there a write to a connection that was just reset raises RuntimeError, of which
    aiokafka knows nothing. It ends the client's task for metadata without a word, and a producer then waits for ever.
    """
    try:
        return _aiokafkas_send(connection, request, expect_response)
    except RuntimeError as error:
        connection.close(reason=CloseReason.CONNECTION_BROKEN)
        raise KafkaConnectionError(f"{connection.host}:{connection.port}: {error}") from error


_aiokafkas_send = AIOKafkaConnection.send
AIOKafkaConnection.send = _send
kafka_refusal.install()


def connection(settings: Settings) -> dict[str, Any]:
    """Where every client of aiokafka's connects to, and as whom. Raises KafkaRefused when a file of ours is gone."""
    login, security = settings.kafka_login, settings.kafka_security
    options: dict[str, Any] = {
        "bootstrap_servers": settings.kafka_bootstrap,
        "security_protocol": security.upper().replace("TLS", "SSL"),
    }
    try:
        options["ssl_context"] = login.context()
        if login.username:
            options |= {
                "sasl_mechanism": settings.kafka_mechanism,
                "sasl_plain_username": login.username,
                "sasl_plain_password": login.secret(),
            }
    except OSError as error:
        raise kafka_refusal.KafkaRefused(f"what we show to Kafka cannot be read: {error}") from error
    return options


def producer(settings: Settings, client_id: str, **options: Any) -> AIOKafkaProducer:
    """An idempotent producer with acks=all and Kafka's murmur2 partitioner, not started."""
    return AIOKafkaProducer(
        **connection(settings),
        client_id=client_id,
        acks="all",
        enable_idempotence=True,
        max_request_size=MAX_REQUEST,
        request_timeout_ms=int(settings.kafka_request_timeout * 1000),
        **options,
    )


async def close(producer: AIOKafkaProducer) -> None:
    """Stops a producer. One that cannot flush in CLOSE_SECONDS is torn down, or its sender would go on for ever; what
    is not confirmed by then may or may not be written."""
    with suppress(KafkaError, OSError):
        try:
            await asyncio.wait_for(producer.stop(), CLOSE_SECONDS)
        except TimeoutError:
            for part in (producer.client, producer._sender):
                with suppress(TimeoutError):
                    await asyncio.wait_for(part.close(), CLOSE_SECONDS)


async def closed(closing: Coroutine[Any, Any, None]) -> None:
    """Awaits `close` or `stop` of aiokafka's clients and consumers. They swallow a cancellation that comes meanwhile:
    whoever was cancelled would go on for ever, and so would those who wait for its end. Here it is raised after all."""
    task = asyncio.create_task(closing)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.gather(task, return_exceptions=True)
        raise


def stuck_seconds(settings: Settings) -> float:
    """A producer that confirms nothing for so long has Kafka away, or is stuck: a new one does no harm."""
    return 2 * settings.kafka_request_timeout


def client(settings: Settings, client_id: str) -> AIOKafkaClient:
    """A bare client for metadata, not bootstrapped."""
    return AIOKafkaClient(**connection(settings), client_id=client_id)


def consumer(settings: Settings, client_id: str, **options: Any) -> AIOKafkaConsumer:
    """A consumer in no group, that keeps its own offsets, not started."""
    return AIOKafkaConsumer(
        **connection(settings),
        client_id=client_id,
        group_id=None,
        enable_auto_commit=False,
        request_timeout_ms=int(settings.kafka_request_timeout * 1000),
        **options,
    )


@asynccontextmanager
async def admin(settings: Settings, client_id: str) -> AsyncIterator[AIOKafkaAdminClient]:
    """A started admin client."""
    client = AIOKafkaAdminClient(**connection(settings), client_id=client_id)
    try:
        await client.start()
        yield client
    finally:
        await closed(client.close())


class TopicsDiffer(Exception):
    """A topic is there with another number of partitions than the settings say."""


async def ensure_topics(settings: Settings) -> list[str]:
    """Makes the topics that are missing and gives their names; what is there keeps the settings it has.

    Raises `TopicsDiffer` for one with another number of partitions. Keyed topics are co-partitioned: their number of
    partitions changes only by the runbook, when drained.
    """
    async with admin(settings, "lacak-topics") as asking:
        there = set(await asking.list_topics())
        missing = [topic for topic in topics.ALL if settings.topic(topic.name) not in there]
        await _create(asking, settings, missing)
        await check_partitions(
            asking, settings, [settings.topic(each.name) for each in topics.ALL if each not in missing]
        )
        return [settings.topic(topic.name) for topic in missing]


async def _create(admin: AIOKafkaAdminClient, settings: Settings, missing: list[topics.Topic]) -> None:
    response = await admin.create_topics(
        [
            NewTopic(settings.topic(topic.name), settings.partitions, settings.replication, topic_configs=topic.config)
            for topic in missing
        ]
    )
    for name, code, *_ in response.topic_errors:
        if code and code != TopicAlreadyExistsError.errno:
            raise for_code(code)(name)


async def check_group(admin: AIOKafkaAdminClient, group: str) -> None:
    """Raises GroupAuthorizationFailedError when this process may not be in the group (its name on this Kafka): of that
    aiokafka tells only those who fetch, which Faust does when it is in the group."""
    try:
        coordinator = await admin.find_coordinator(group)
        beat = await admin._send_request(HeartbeatRequest(group, -1, ""), coordinator)  # of nobody: it does nothing
        if beat.error_code == GroupAuthorizationFailedError.errno:
            raise GroupAuthorizationFailedError
    except GroupAuthorizationFailedError:
        raise GroupAuthorizationFailedError(f"{group}: this user may not be in it; see `lacak grants kafka`") from None


def not_allowed(topic: str) -> TopicAuthorizationFailedError:
    """What to raise where this process may not use a topic (its name on this Kafka)."""
    return TopicAuthorizationFailedError(f"{topic}: this user may not use it; see `lacak grants kafka`")


async def check_partitions(admin: AIOKafkaAdminClient, settings: Settings, names: Sequence[str]) -> None:
    """Raises `TopicsDiffer` when one of these topics (names on this Kafka) has not the settings' partitions,
    TopicAuthorizationFailedError when this process may not use one."""
    for described in await admin.describe_topics(list(names)) if names else []:
        if described["error_code"] == TopicAuthorizationFailedError.errno:
            raise not_allowed(described["topic"])
        count = len(described["partitions"])
        if count and count != settings.partitions:  # 0: it is being made
            raise TopicsDiffer(f"{described['topic']} has {count} partitions, the settings say {settings.partitions}")
