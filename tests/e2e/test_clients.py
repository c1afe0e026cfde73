"""Programs that we did not write work with Lacak: Confluent's Avro clients, kcat, the driver, websockets, curl."""

import json
import subprocess
import time
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from cassandra.cluster import Cluster
from confluent_kafka import DeserializingConsumer, Producer, SerializingProducer
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.serialization import StringSerializer
from websockets.sync.client import connect

import topics_reader
from lacak import Lacak
from processes import until


@pytest.fixture
def registry(lacak: Lacak) -> Iterator[SchemaRegistryClient]:
    with SchemaRegistryClient({"url": f"{lacak.url}/registry"}) as client:
        yield client


def placed(lacak: Lacak, user: int) -> str:
    id_order = lacak.place(user)
    until(lambda: lacak.order(id_order), what="the order is there")
    return id_order


def consume(lacak: Lacak, registry: SchemaRegistryClient, topic: str) -> Iterator[dict[str, Any]]:
    """A data team's consumer: everything in the topic, decoded by the registry's schemas."""
    consumer = DeserializingConsumer(
        {
            "bootstrap.servers": lacak.settings.kafka_bootstrap,
            "group.id": f"team-{time.monotonic_ns()}",
            "auto.offset.reset": "earliest",
            "value.deserializer": AvroDeserializer(registry),
        }
    )
    consumer.subscribe([lacak.settings.topic(topic)])
    try:
        end = time.monotonic() + 60
        while time.monotonic() < end:
            message = consumer.poll(1)
            if message is not None:
                assert not message.error(), message.error()
                yield message.value()
    finally:
        consumer.close()


def test_a_data_team_consumes_with_confluents_avro_deserializer(lacak: Lacak, registry: SchemaRegistryClient) -> None:
    id_order = placed(lacak, 201)
    lacak.update(id_order, "picked_up", note="sudah diambil")
    seen = []
    for event in consume(lacak, registry, "order-status-changed"):
        if event["id_order"] == int(id_order):
            seen.append((event["version"], event["status"], event["previous_status"], event["note"]))
        if len(seen) == 2:
            break
    assert seen == [(1, "placed", None, None), (2, "picked_up", "placed", "sudah diambil")]


def test_a_courier_produces_with_confluents_avro_serializer_and_librdkafkas_partitioner(
    lacak: Lacak, registry: SchemaRegistryClient
) -> None:
    id_order = placed(lacak, 202)
    subject = f"{lacak.settings.topic('courier-status-updates')}-value"
    schema = registry.get_latest_version(subject).schema
    serializer = AvroSerializer(
        registry, schema.schema_str, conf={"auto.register.schemas": False, "use.latest.version": True}
    )
    producer = SerializingProducer(
        {
            "bootstrap.servers": lacak.settings.kafka_bootstrap,
            "key.serializer": StringSerializer(),
            "value.serializer": serializer,
        }
    )
    update = {"event_id": "k1", "id_order": int(id_order), "status": "in_transit", "courier": "sicepat"}
    update |= {"occurred_at": int(time.time() * 1000)}
    producer.produce(lacak.settings.topic("courier-status-updates"), key=id_order, value=update)
    assert producer.flush(30) == 0
    until(lambda: (lacak.order(id_order) or {})["status"] == "in_transit")


def test_kcat_lists_the_topics_and_reads_a_dead_letter_with_its_reason(lacak: Lacak) -> None:
    producer = Producer({"bootstrap.servers": lacak.settings.kafka_bootstrap})
    producer.produce(lacak.settings.topic("courier-status-updates"), b"garbage", b"77")
    producer.flush(30)
    until(lambda: topics_reader.read(lacak.settings, "courier-status-rejected"))
    broker = ["kcat", "-b", lacak.settings.kafka_bootstrap]
    listed = subprocess.run([*broker, "-L", "-J"], capture_output=True, text=True, check=True, timeout=60)
    names = {topic["topic"]: len(topic["partitions"]) for topic in json.loads(listed.stdout)["topics"]}
    assert names[lacak.settings.topic("order-status-changed")] == lacak.settings.partitions
    topic = lacak.settings.topic("courier-status-rejected")
    read = subprocess.run(
        [*broker, "-C", "-t", topic, "-o", "beginning", "-e", "-q", "-f", "%k %s %h\n"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert "77 garbage" in read.stdout and "lacak_reason=undecodable" in read.stdout


def test_the_driver_reads_the_briefs_two_tables(lacak: Lacak) -> None:
    id_order = placed(lacak, 203)
    lacak.update(id_order, "delivered")
    until(lambda: (lacak.order(id_order) or {})["status"] == "delivered")
    cluster = Cluster([lacak.settings.cassandra_hosts], port=lacak.settings.cassandra_port)
    try:
        session = cluster.connect(lacak.settings.cassandra_keyspace)
        order = session.execute(f"SELECT id_user, status, version FROM orders WHERE id_order = {id_order}").one()
        assert tuple(order) == (203, "delivered", 2)
        history = session.execute(
            f"SELECT id_order_status_history, status FROM order_status_history WHERE id_order = {id_order}"
        ).all()
        assert [row.status for row in history] == ["delivered", "placed"], "newest first"
    finally:
        cluster.shutdown()


def test_a_websocket_client_watches(lacak: Lacak) -> None:
    id_order = placed(lacak, 204)
    url = lacak.url.replace("http", "ws") + "/v1/live"
    with connect(
        url,
        subprotocols=["lacak.v1"],
        additional_headers=lacak.headers("orders:read", sub="204"),  # type: ignore[list-item]
    ) as socket:
        hello, snapshot = (json.loads(socket.recv(20)) for _ in range(2))
        assert (hello["type"], hello["resumed"], hello["heartbeat_seconds"]) == ("hello", False, 25)
        assert [order["id_order"] for order in snapshot["orders"]] == [id_order]
        lacak.update(id_order, "picked_up")
        changes = iter(lambda: json.loads(socket.recv(20)), None)
        assert _first_news(changes, snapshot) == ("change", "picked_up", 2)


def _first_news(frames: Iterable[dict[str, Any]], snapshot: dict[str, Any]) -> tuple[str, str, int]:
    """What comes first after a snapshot of one order. A change may repeat what that showed, and clients drop it."""
    [shown] = snapshot["orders"]
    for frame in frames:
        if (order := frame["order"])["version"] > shown["version"]:
            return frame["type"], order["status"], order["version"]
    raise AssertionError("nothing new came")


def test_curl_watches_the_event_stream(lacak: Lacak) -> None:
    id_order = placed(lacak, 205)
    command = [
        "curl",
        "-sN",
        "--max-time",
        "60",
        "-H",
        f"Authorization: Bearer {lacak.token('orders:read', sub='205')}",
    ]
    with subprocess.Popen([*command, f"{lacak.url}/v1/live/sse"], stdout=subprocess.PIPE, text=True) as curl:
        assert curl.stdout is not None
        events = _events(curl.stdout)
        (hello, _), (shown, snapshot) = next(events), next(events)
        assert (hello, shown) == ("hello", "snapshot")
        lacak.update(id_order, "delivered")
        changes = (frame for _, frame in events)
        assert _first_news(changes, snapshot) == ("change", "delivered", 2)
        curl.kill()


def _events(lines: Iterable[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The name and the data of each event of a stream."""
    event = ""
    for line in lines:
        name, _, value = line.partition(":")
        if name == "event":
            event = value.strip()
        elif name == "data":
            yield event, json.loads(value)


def test_a_person_is_notified_once_of_what_matters(lacak: Lacak, registry: SchemaRegistryClient) -> None:
    id_order = placed(lacak, 206)
    for status in ("confirmed", "picked_up", "in_transit", "delivered"):
        lacak.update(id_order, status)
    seen = []
    for note in consume(lacak, registry, "user-notifications"):
        if note["id_order"] == int(id_order):
            seen.append((note["notification_id"], note["status"]))
        if note["status"] == "delivered" and note["id_order"] == int(id_order):
            break
    assert seen == [(f"{id_order}-3", "picked_up"), (f"{id_order}-5", "delivered")]
