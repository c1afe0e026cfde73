"""The order-tracking worker on real Kafka and Cassandra: what it makes of good, bad, misrouted and early records."""

import asyncio
import os
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, Message, TopicPartition

import topics_reader
from logs import T0, correction_message, order_message, update_message
from processes import Process, until
from streams import topics
from streams.codec import Codec
from streams.messages import header
from streams.order import Row
from streams.settings import Settings
from streams.trace import derived, trace_id
from tables.cassandra_orders import CassandraOrders
from tables.orders import StoredOrder, Waiting

ORDER, UPDATE, CHANGED = Codec("OrderPlaced"), Codec("CourierStatusUpdate"), Codec("OrderStatusChanged")


def key(id_order: int) -> bytes:
    return str(id_order).encode()


def orders(*ids: int, **changes: Any) -> list[tuple[bytes, bytes]]:
    return [(key(i), ORDER.encode(order_message(i, id_user=i % 7, **changes))) for i in ids]


def updates(statuses: list[str], *ids: int) -> list[tuple[bytes, bytes]]:
    return [
        (key(i), UPDATE.encode(update_message(status, i, event_id=f"{n}", occurred_at=T0 + n * 1000)))
        for n, status in enumerate(statuses)
        for i in ids
    ]


def stored(settings: Settings, *ids: int) -> list[StoredOrder | None]:
    async def load() -> list[StoredOrder | None]:
        store = await CassandraOrders.connect(settings)
        try:
            return list(await asyncio.gather(*map(store.load, ids)))
        finally:
            await store.close()

    return asyncio.run(load())


def waiting(settings: Settings, id_order: int) -> list[Waiting]:
    async def load() -> list[Waiting]:
        store = await CassandraOrders.connect(settings)
        try:
            return await store.waiting(id_order)
        finally:
            await store.close()

    return asyncio.run(load())


def rows(settings: Settings, id_order: int) -> tuple[Row, ...]:
    order = stored(settings, id_order)[0]
    return order.rows if order else ()


def changes(settings: Settings) -> list[dict[str, Any]]:
    return topics_reader.messages(settings, "order-status-changed", "OrderStatusChanged")


def dead_letters(settings: Settings) -> list[Message]:
    return topics_reader.read(settings, "courier-status-rejected")


def reason(record: Message) -> str:
    return (header(record.headers() or [], "lacak_reason") or b"").decode()


@pytest.fixture
def worker(settings: Settings) -> Iterator[Process]:
    with Process("track", settings) as process:
        yield process


def test_orders_and_updates_become_rows_and_events_with_versions_from_one(settings: Settings, worker: Process) -> None:
    ids = range(1, 51)
    way = ["confirmed", "picked_up", "in_transit", "out_for_delivery", "delivered"]
    topics_reader.write(settings, "orders", orders(*ids))
    topics_reader.write(settings, "courier-status-updates", updates(way, *ids))
    until(lambda: len(changes(settings)) >= 300, what="300 events")
    events = changes(settings)
    for i in ids:
        mine = [event for event in events if event["id_order"] == i]
        assert [event["version"] for event in mine] == [1, 2, 3, 4, 5, 6]
        assert [event["status"] for event in mine] == ["placed", *way]
        assert {event["id_user"] for event in mine} == {i % 7}
    assert all([row.status for row in order.rows] == ["placed", *way] for order in stored(settings, *ids) if order)
    assert all(stored(settings, *ids))


def test_events_have_cloudevents_headers_and_the_couriers_trace(settings: Settings, worker: Process) -> None:
    trace = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    from confluent_kafka import Producer

    producer = Producer({"bootstrap.servers": settings.kafka_bootstrap, "partitioner": "murmur2_random"})
    (one,) = orders(3)
    producer.produce(settings.topic("orders"), one[1], one[0], headers=[("traceparent", trace)])
    producer.flush(30)
    until(lambda: changes(settings))
    headers = dict(topics_reader.read(settings, "order-status-changed")[0].headers() or [])
    (placed,) = topics_reader.read(settings, "orders")
    assert headers["traceparent"] == derived(trace, "orders", placed.partition(), placed.offset())
    assert trace_id(headers["traceparent"]) == trace_id(trace) and headers["ce_id"] == b"3-1"
    assert headers["ce_type"] == b"lacak.order.status-changed" and headers["ce_source"] == b"/lacak/track"


def test_bad_records_go_to_the_dead_letters_as_they_came_and_stop_nothing(settings: Settings, worker: Process) -> None:
    good = update_message("picked_up", 5)
    bad: list[tuple[bytes | None, bytes | None, str]] = [
        (b"5", None, "undecodable"),
        (b"5", b"\xff\xfe", "undecodable"),
        (b"5", b"\0\0\0\0\x63abc", "unknown_schema"),
        (b"5", ORDER.encode(order_message(5)), "unknown_schema"),
        (b"5", UPDATE.encode(good) + b"!", "undecodable"),
        (b"5", UPDATE.encode({**good, "status": "teleported"}), "unknown_status"),
        (b"5", UPDATE.encode({**good, "latitude": float("nan"), "longitude": 1.0}), "invalid_field"),
        (b"5", UPDATE.encode({**good, "occurred_at": 1}), "invalid_field"),
        (None, UPDATE.encode(good), "invalid_field"),
        (b"five", UPDATE.encode(good), "invalid_field"),
        (b"5", UPDATE.encode({**good, "id_order": 6}), "invalid_field"),
    ]
    topics_reader.write(settings, "orders", orders(5))
    until(lambda: changes(settings))
    topics_reader.write(settings, "courier-status-updates", [(k, v) for k, v, _ in bad])
    topics_reader.write(settings, "courier-status-updates", updates(["picked_up"], 5))
    until(lambda: len(changes(settings)) == 2 and len(dead_letters(settings)) >= len(bad))
    got = Counter((record.key(), record.value(), reason(record)) for record in dead_letters(settings))
    assert got == Counter(bad)


def test_records_made_to_stop_a_partition_stop_nothing(settings: Settings, worker: Process, tmp_path: Path) -> None:
    """A header name that is not UTF-8, a trace of a megabyte, and records that are small only while compressed."""
    topics_reader.write(settings, "orders", orders(5))
    until(lambda: changes(settings))
    (tmp_path / "update").write_bytes(UPDATE.encode(update_message("picked_up", 5)))
    kcat = ["kcat", "-P", "-b", settings.kafka_bootstrap, "-t", settings.topic("courier-status-updates"), "-k", "5"]
    bad_name = [*map(os.fsencode, kcat), b"-X", b"topic.partitioner=murmur2_random", b"-H", b"\xff\xfe=1"]
    subprocess.run([*bad_name, os.fsencode(tmp_path / "update")], check=True, timeout=60)
    large = {"compression.type": "gzip", "message.max.bytes": 50_000_000}
    for value in (b"a" * 1_500_000, b"b" * 30_000_000):
        topics_reader.write(settings, "courier-status-updates", [(b"5", value), (b"6", value)], **large)
    trace = [("traceparent", b"0" * 1_000_000)]
    update = UPDATE.encode(update_message("in_transit", 5, occurred_at=T0 + 2000))
    topics_reader.write(settings, "courier-status-updates", [(b"5", update)], trace, **{"message.max.bytes": 2_000_000})
    until(lambda: len(changes(settings)) == 3 and len(dead_letters(settings)) == 4)
    assert [row.status for row in rows(settings, 5)] == ["placed", "picked_up", "in_transit"]
    assert {reason(record) for record in dead_letters(settings)} == {"invalid_field"}
    assert sorted(len(record.value() or b"") for record in dead_letters(settings)) == [0, 0, 1_500_000, 1_500_000]


def test_a_record_that_another_partitioner_put_elsewhere_is_forwarded_and_applied(
    settings: Settings, worker: Process
) -> None:
    """librdkafka's own default is CRC32; couriers' systems need to know nothing of it."""
    ids = range(100, 120)
    topics_reader.write(settings, "orders", orders(*ids), partitioner="consistent_random")
    way = ["picked_up", "in_transit", "delivered"]
    topics_reader.write(settings, "courier-status-updates", updates(way, *ids), partitioner="consistent_random")
    until(lambda: len({(e["id_order"], e["version"]) for e in changes(settings)}) == 80)
    assert all([row.version for row in order.rows] == [1, 2, 3, 4] for order in stored(settings, *ids) if order)


def test_updates_that_come_before_their_order_wait_and_are_judged_right_after_it(
    settings: Settings, worker: Process
) -> None:
    topics_reader.write(settings, "courier-status-updates", updates(["picked_up", "delivered", "in_transit"], 9))
    until(lambda: len(waiting(settings, 9)) == 3)
    assert not changes(settings)
    topics_reader.write(settings, "orders", orders(9))
    until(lambda: len(changes(settings)) == 3)
    assert [(row.status, row.version) for row in rows(settings, 9)] == [
        ("placed", 1),
        ("picked_up", 2),
        ("delivered", 3),
    ]
    assert [reason(record) for record in dead_letters(settings)] == ["illegal_transition"]


def test_duplicates_change_nothing_and_late_scans_are_kept_in_the_history(settings: Settings, worker: Process) -> None:
    topics_reader.write(settings, "orders", orders(4))
    until(lambda: changes(settings))
    scan = update_message("in_transit", 4, event_id="a", occurred_at=T0 + 9000)
    late = update_message("in_transit", 4, event_id="b", occurred_at=T0 + 1000)
    records = [(b"4", UPDATE.encode(each)) for each in (scan, scan, late, {**scan, "status": "delivered"})]
    topics_reader.write(settings, "courier-status-updates", records)
    topics_reader.write(settings, "courier-status-updates", updates(["lost"] * 20 + ["delivered"], 4)[-1:])
    until(lambda: len(changes(settings)) == 3)
    assert [(row.event_id, row.version) for row in rows(settings, 4)] == [
        ("placed", 1),
        ("a", 2),
        ("b", None),
        ("20", 3),
    ]


def test_a_worker_killed_in_the_middle_of_a_load_loses_and_repeats_nothing(settings: Settings, worker: Process) -> None:
    ids = list(range(1, 401))
    way = ["confirmed", "picked_up", "in_transit", "out_for_delivery", "delivered"]
    load = {"orders": orders(*ids), "courier-status-updates": updates(way, *ids)}

    def write_slowly() -> None:
        for topic, records in load.items():
            for at in range(0, len(records), 60):
                topics_reader.write(settings, topic, records[at : at + 60])
                time.sleep(0.5)

    with ThreadPoolExecutor(1) as writer:
        writing = writer.submit(write_slowly)
        for _ in range(3):
            seen = len(changes(settings))
            until(lambda seen=seen: len(changes(settings)) > seen)  # type: ignore[misc]
            assert not writing.done(), "the load is over too soon for this test"
            worker.kill9()
            worker.start()
        writing.result()
    until(lambda: len({(e["id_order"], e["version"]) for e in changes(settings)}) == 2400, 120)
    found = stored(settings, *ids)
    assert all(found) and all([row.status for row in o.rows] == ["placed", *way] for o in found if o)
    firsts: dict[int, list[int]] = {}
    for event in changes(settings):
        if event["version"] > max(firsts.setdefault(event["id_order"], [0])):
            firsts[event["id_order"]].append(event["version"])
    assert set(map(tuple, firsts.values())) == {(0, 1, 2, 3, 4, 5, 6)}, (
        "each version first appears after the one before"
    )
    assert not dead_letters(settings)


def test_workers_come_and_go_under_load_and_every_change_is_there_in_order(settings: Settings, worker: Process) -> None:
    ids = list(range(1, 301))
    way = ["confirmed", "picked_up", "in_transit", "out_for_delivery", "delivered"]
    topics_reader.write(settings, "orders", orders(*ids))
    second = Process("track", settings, "track-2")
    for number, status in enumerate(way):
        records = [(k, v) for k, v in updates(way, *ids) if UPDATE.decode(v)["status"] == status]
        topics_reader.write(settings, "courier-status-updates", records)
        if number % 2 == 0:
            second.start()
            time.sleep(3)  # joins while records flow
        else:
            assert second.stop() == 0
    with second:
        until(lambda: len({(e["id_order"], e["version"]) for e in changes(settings)}) == 1800, 120)
    assert all([row.version for row in o.rows] == [1, 2, 3, 4, 5, 6] for o in stored(settings, *ids) if o)
    assert not dead_letters(settings)


def test_an_operators_correction_travels_the_log_and_read_again_it_publishes_the_same(
    settings: Settings, worker: Process
) -> None:
    topics_reader.write(settings, "orders", orders(4, 5))
    until(lambda: len(changes(settings)) == 2)
    trace = [("traceparent", b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")]
    said = [
        update_message("delivered", 4),
        update_message("out_for_delivery", 4, occurred_at=T0 + 9000),  # rejected now, and legal afterwards
        correction_message("in_transit", 2, 4, occurred_at=T0 + 5000, operator="ani"),
        correction_message("cancelled", 2, 4, occurred_at=T0 + 6000, event_id="too late", operator="budi"),
        update_message("exception", 4, occurred_at=T0 + 7000),
        update_message("cancelled", 5, occurred_at=T0 + 9000),
        correction_message("placed", 2, 5, occurred_at=T0 + 1000),
    ]
    records = [(key(each["id_order"]), UPDATE.encode(each)) for each in said]
    topics_reader.write(settings, "courier-status-updates", records, trace)
    until(lambda: len(changes(settings)) == 7 and len(dead_letters(settings)) == 2)
    topics_reader.write(settings, "courier-status-updates", records[1:2])  # as `lacak rejected replay` does
    until(lambda: len(changes(settings)) == 8)
    assert [(row.status, row.version, row.corrects, row.operator) for row in rows(settings, 4)] == [
        ("placed", 1, None, None),
        ("delivered", 2, None, None),
        ("in_transit", 3, 2, "ani"),
        ("exception", 4, None, None),
        ("out_for_delivery", 5, None, None),
    ]
    assert [(row.status, row.occurred_at - T0) for row in rows(settings, 5)][1:] == [
        ("cancelled", 9000),
        ("placed", 9000),
    ], "a correction turns no time back"
    event = next(each for each in changes(settings) if (each["id_order"], each["version"]) == (4, 3))
    assert (event["corrects"], event["previous_status"], event["note"]) == (2, "delivered", "salah pindai")
    assert "operator" not in event
    [line] = [each for each in worker.log.read_text().splitlines() if "corrected" in each and "id_order=4" in each]
    assert {"version=3", "from=delivered", "to=in_transit", "operator=ani", "event_id=correction-2"} <= {*line.split()}
    first = published(settings)
    assert worker.stop() == 0
    read_again(settings)
    worker.start()
    until(lambda: len(changes(settings)) == 16, what="all of it a second time")
    assert published(settings) == {at: {only} for at, [only] in first.items()}, "to the byte"
    assert {reason(record) for record in dead_letters(settings)} == {"illegal_transition"}
    assert len(rows(settings, 4)) == 5


def published(settings: Settings) -> dict[tuple[int, int], set[Any]]:
    """All that was said of each version: key, value and headers."""
    said: dict[tuple[int, int], set[Any]] = {}
    for record in topics_reader.read(settings, "order-status-changed"):
        event = CHANGED.decode(record.value())
        whole = record.key(), record.value(), tuple(record.headers() or ())
        said.setdefault((event["id_order"], event["version"]), set()).add(whole)
    return said


def read_again(settings: Settings) -> None:
    """Takes the group of the stopped workers back to the beginning of both topics."""
    group = {"group.id": settings.topic(topics.TRACK_GROUP), "enable.auto.commit": False}
    consumer = Consumer({"bootstrap.servers": settings.kafka_bootstrap, **group})
    names = map(settings.topic, (topics.ORDERS.name, topics.UPDATES.name))
    beginning = [TopicPartition(name, number, 0) for name in names for number in range(settings.partitions)]
    consumer.commit(offsets=beginning, asynchronous=False)
    consumer.close()


def test_sigterm_ends_a_worker_with_everything_done_committed(settings: Settings, worker: Process) -> None:
    topics_reader.write(settings, "orders", orders(*range(50)[1:]))
    until(lambda: len(changes(settings)) == 49)
    assert worker.stop() == 0
    worker.start()
    topics_reader.write(settings, "orders", orders(99))
    until(lambda: len(changes(settings)) >= 50)
    assert len(changes(settings)) == 50, "nothing was read again"
