"""The API when something that it needs is away: what it still does, and what it says."""

import asyncio
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from aiokafka.structs import TopicPartition

import topics_reader
from api.auth import OPS, ORDERS_READ, ORDERS_WRITE, STATUS_WRITE
from api.intake import Intake, Record
from fresh import fresh_settings, without_table
from rest import Rest, as_described, problem, running
from stack import Servers, free_ports
from streams import topics
from streams.kafka import ensure_topics
from streams.settings import Settings
from streams.topics import partition_of
from tables.migrate import migrate

ORDER: dict[str, Any] = {"id_user": 42, "id_produk": 7, "harga": 125_000, "jumlah": 2}
UPDATE: dict[str, Any] = {"status": "in_transit", "courier": "jne", "event_id": "e-1"}


def nobody() -> int:
    """A port where nobody listens."""
    return free_ports("127.0.0.1", 1)[0]


@pytest.fixture(scope="module")
def settings(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """One set of topics and tables: these tests use different keys."""
    return fresh_settings(servers, tmp_path_factory.mktemp("outages"))


@pytest.fixture(scope="module")
def without_cassandra(settings: Settings) -> Iterator[Rest]:
    with running(
        "api", settings.model_copy(update={"cassandra_hosts": "127.0.0.1", "cassandra_port": nobody()})
    ) as api:
        api.until_ready()
        yield api


@pytest.fixture(scope="module")
def without_kafka(settings: Settings) -> Iterator[Rest]:
    with running("api", settings.model_copy(update={"kafka_bootstrap": f"127.0.0.1:{nobody()}"})) as api:
        yield api


def must_retry(answer: httpx.Response, name: str) -> dict[str, Any]:
    assert int(answer.headers["retry-after"]) > 0
    return problem(answer, 503, name)


def test_without_cassandra_updates_and_orders_with_an_id_are_taken(without_cassandra: Rest) -> None:
    api = without_cassandra
    headers = api.headers(ORDERS_WRITE, STATUS_WRITE)
    assert api.post("/v1/orders", {**ORDER, "id_order": 5}, headers).status_code == 202
    assert api.post("/v1/orders/5/status", UPDATE, headers).status_code == 202
    assert values(api.settings, "orders", b"5") and values(api.settings, "courier-status-updates", b"5")


def test_without_cassandra_no_id_is_assigned_and_nothing_is_read(without_cassandra: Rest) -> None:
    api = without_cassandra
    must_retry(api.post("/v1/orders", ORDER, api.headers(ORDERS_WRITE)), "no-ids")
    for path in ("/v1/orders/5", "/v1/orders/5/history", "/v1/users/42/orders"):
        must_retry(api.get(path, api.headers(ORDERS_READ, sub="42")), "store-away")
    must_retry(api.get("/v1/produk/7/orders", api.headers(OPS), day="2026-01-01"), "store-away")


def test_a_table_that_somebody_dropped_is_a_store_that_is_away(settings: Settings) -> None:
    with running("api", settings) as api:
        api.until_ready()
        products = {"headers": api.headers(OPS), "day": "2026-01-01"}
        api.until(lambda: api.get("/v1/produk/7/orders", **products).status_code == 200, "connected")
        with without_table(settings, "orders_by_produk"):
            must_retry(api.get("/v1/produk/7/orders", **products), "store-away")
        assert api.get("/v1/produk/7/orders", **products).status_code == 200


def test_without_cassandra_what_has_an_idempotency_key_is_not_taken(without_cassandra: Rest) -> None:
    api = without_cassandra
    headers = api.headers(ORDERS_WRITE, sub="a-shop") | {"Idempotency-Key": "k"}
    must_retry(api.post("/v1/orders", {**ORDER, "id_order": 6}, headers), "unavailable")
    assert not values(api.settings, "orders", b"6")


def test_without_kafka_the_key_of_what_is_not_taken_keeps_its_ids(without_kafka: Rest, settings: Settings) -> None:
    api = without_kafka
    headers = api.headers(ORDERS_WRITE, STATUS_WRITE, sub="a-shop") | {"Idempotency-Key": "kept"}
    api.until(lambda: api.post("/v1/orders", ORDER, headers).json().get("id_order"), "given an id")
    asked = [must_retry(api.post("/v1/orders", ORDER, headers), "not-taken") for _ in range(3)]
    with running("api", settings) as other:
        other.until_ready()
        other.until(lambda: other.post("/v1/orders", ORDER, headers).status_code == 202, "taken")
        taken = other.post("/v1/orders", ORDER, headers).json()
    assert {one["id_order"] for one in asked} == {taken["id_order"]}


def test_without_kafka_nothing_is_taken_and_the_client_knows_what_to_send_again(without_kafka: Rest) -> None:
    api, headers = without_kafka, without_kafka.headers(ORDERS_WRITE, STATUS_WRITE)
    answer = as_described(api, "/v1/orders", api.post("/v1/orders", {**ORDER, "id_order": 5}, headers))
    assert must_retry(answer, "not-taken")["id_order"] == "5"
    assigned = {name: value for name, value in UPDATE.items() if name != "event_id"}
    again = must_retry(api.post("/v1/orders/5/status", assigned, headers), "not-taken")
    assert again["id_order"] == "5" and len(again["event_id"]) == 32


def test_without_kafka_each_of_a_batch_is_to_be_sent_again(without_kafka: Rest) -> None:
    api = without_kafka
    body = {"updates": [{**UPDATE, "id_order": 5}, {"id_order": 0}]}
    answer = api.post("/v1/status-updates", body, api.headers(STATUS_WRITE))
    assert (answer.status_code, [one["status"] for one in answer.json()["results"]]) == (207, [503, 422])
    assert as_described(api, "/v1/status-updates", answer).headers["retry-after"]
    assert answer.json()["results"][0]["problem"]["event_id"] == "e-1"


def test_without_kafka_the_process_lives_and_is_not_ready(without_kafka: Rest) -> None:
    api = without_kafka
    assert api.get("/healthz").json() == {"status": "alive"}
    found = must_retry(api.get("/readyz"), "unavailable")
    assert (found["ready"], found["checks"]) == (False, {"kafka": False, "ids": True, "api_keys": True})


def test_the_api_waits_for_topics_and_tables_that_are_made_later(settings: Settings) -> None:
    late = settings.model_copy(update={"topic_prefix": "later-" + settings.topic_prefix})
    late = late.model_copy(update={"cassandra_keyspace": "later_" + settings.cassandra_keyspace})
    with running("api", late) as api:
        must_retry(api.get("/readyz"), "unavailable")
        must_retry(api.get("/v1/users/42/orders", api.headers(OPS)), "store-away")
        asyncio.run(ensure_topics(late))
        asyncio.run(migrate(late))
        api.until_ready()
        headers = api.headers(ORDERS_WRITE, OPS)
        api.until(lambda: api.post("/v1/orders", ORDER, headers).status_code == 202, "given a node number")
        assert api.get("/v1/users/42/orders", headers).status_code == 200


def values(settings: Settings, topic: str, key: bytes) -> list[bytes]:
    """The values of a key's records."""
    return [one.value() or b"" for one in topics_reader.read(settings, topic) if one.key() == key]


def record(key: int, number: int) -> Record:
    return Record(topics.UPDATES, key, b"%d" % number, [])


def test_a_producer_that_lost_its_sequence_is_replaced_by_another(settings: Settings) -> None:
    asyncio.run(_lose_the_sequence(settings))
    assert values(settings, topics.UPDATES.name, b"7") == [b"0", b"2"]


async def _lose_the_sequence(settings: Settings) -> None:
    intake = Intake(settings)
    await intake.start()
    try:
        await until_ready(intake)
        assert await intake.take([record(7, 0)]) == [True]
        lost = intake._producer
        assert lost is not None
        # The broker refuses a sequence that is not the next one: OutOfOrderSequenceNumber, for good.
        partition = partition_of(b"7", settings.partitions)
        at = TopicPartition(settings.topic(topics.UPDATES.name), partition)
        lost._txn_manager.increment_sequence_number(at, 5)
        assert await intake.take([record(7, 1)]) == [False]
        await until_ready(intake)
        assert intake._producer is not lost
        assert await intake.take([record(7, 2)]) == [True]
    finally:
        await intake.stop()


def test_what_is_not_confirmed_in_time_is_not_taken_though_kafka_may_have_it_later(settings: Settings) -> None:
    hasty = settings.model_copy(update={"produce_timeout": 0.001})  # less than the producer lingers
    assert asyncio.run(_take_hastily(hasty)) == [False]
    assert values(settings, topics.UPDATES.name, b"8") in ([], [b"0"])


async def _take_hastily(settings: Settings) -> list[bool]:
    intake = Intake(settings)
    await intake.start()
    try:
        async with asyncio.timeout(60):
            while intake._producer is None:
                await asyncio.sleep(0.05)
        return await intake.take([record(8, 0)])
    finally:
        await intake.stop()


def test_each_key_keeps_its_order_and_all_are_confirmed(settings: Settings) -> None:
    asyncio.run(_take_2000(settings))
    keys = [b"%d" % (100 + remainder) for remainder in range(7)]
    sent: dict[bytes | None, list[int]] = {key: [] for key in keys}
    for one in topics_reader.read(settings, topics.UPDATES.name):
        if one.key() in sent:
            sent[one.key()].append(int(one.value() or b""))
    assert sent == {key: list(range(remainder, 2000, 7)) for remainder, key in enumerate(keys)}


async def _take_2000(settings: Settings) -> None:
    intake = Intake(settings)
    await intake.start()
    try:
        await until_ready(intake)
        assert all(await intake.take([record(100 + number % 7, number) for number in range(2000)]))
    finally:
        await intake.stop()


async def until_ready(intake: Intake) -> None:
    async with asyncio.timeout(60):
        while not intake.ready:
            await asyncio.sleep(0.05)
