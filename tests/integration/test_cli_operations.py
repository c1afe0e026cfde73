"""The operator's commands on real servers: dead letters are replayed once, and updates without an order given up."""

import asyncio
import os
import subprocess
import time
from collections import Counter
from collections.abc import Iterable

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from cli.progress import read_until
from command import headers_of, lacak, started
from logs import T0, order_message, update_message
from order_examples import RETENTION_MS, an_order
from processes import Process, until
from streams import topics
from streams.codec import Codec
from streams.dead_letters import REPLAYED, rejected_headers
from streams.messages import Headers, header
from streams.order import Position, Reason, placed
from streams.settings import Settings
from streams.topics import partition_of
from tables.cassandra_orders import CassandraOrders
from tables.orders import DAY_MS, WAITS_MS, Current, OrderWrite, Waiting, expires_at
from topics_reader import messages, read, write

REJECTED, UPDATES, ORDERS = topics.REJECTED.name, topics.UPDATES.name, topics.ORDERS.name
ORIGINAL: Headers = [("ce_id", b"1"), ("traceparent", b"00-ab")]
UPDATE = dict.fromkeys(("substatus", "note", "latitude", "longitude", "eta")) | {
    "event_id": "e1",
    "id_order": 5,
    "status": "teleported",
    "occurred_at": 1_760_000_000_000,
    "courier": "jne",
}


def reject(settings: Settings, letters: Iterable[tuple[bytes | None, bytes | None, Reason]]) -> None:
    """Dead letters as the worker writes them."""
    producer = Producer({"bootstrap.servers": settings.kafka_bootstrap, "acks": "all"})
    for offset, (key, value, reason) in enumerate(letters):
        headers = rejected_headers(ORIGINAL, reason, "because", settings.topic(UPDATES), 1, offset)
        producer.produce(settings.topic(REJECTED), value, key, headers=headers)
    assert producer.flush(30) == 0


def values(settings: Settings, topic: str) -> list[bytes | None]:
    return sorted((record.value() for record in read(settings, topic)), key=repr)


def test_dead_letters_are_listed_and_shown(settings: Settings) -> None:
    teleported = Codec("CourierStatusUpdate").encode(UPDATE)
    reject(settings, [(b"5", teleported, Reason.UNKNOWN_STATUS), (b"6", b"\x00junk\xff", Reason.UNDECODABLE)])
    listed = lacak(settings, "rejected", "list")
    assert "2 dead letters" in listed.stderr and len(listed.stdout.splitlines()) == 2
    (line,) = lacak(settings, "rejected", "list", "--reason", "unknown_status").stdout.splitlines()
    assert "teleported" in line and f"{settings.topic(UPDATES)}:1:0" in line
    shown = lacak(settings, "rejected", "show", line.split("\t")[0]).stdout
    assert "unknown_status: because" in shown and '"status": "teleported"' in shown and "traceparent: 00-ab" in shown
    assert len(lacak(settings, "rejected", "list", "--limit", 1).stdout.splitlines()) == 1
    assert lacak(settings, "rejected", "list", "--since", "2038-01-01T00:00:00Z").stdout == ""
    assert "no dead letter at 0:99" in lacak(settings, "rejected", "show", "0:99", code=1).stderr


def test_a_replay_sends_the_original_once_and_a_second_one_nothing(settings: Settings) -> None:
    big = b"x" * 900_000
    reject(
        settings,
        [
            (b"5", b"one", Reason.UNKNOWN_STATUS),
            (None, big, Reason.UNDECODABLE),
            (b"7", None, Reason.UNDECODABLE),
            (None, None, Reason.UNDECODABLE),
        ],
    )
    assert "3 would be sent" in lacak(settings, "rejected", "replay", "--dry-run").stdout
    assert read(settings, UPDATES) == []
    assert "1 sent again" in lacak(settings, "rejected", "replay", "--reason", "unknown_status").stdout
    assert "2 sent again, 1 were before, 1 cannot be sent" in lacak(settings, "rejected", "replay").stdout
    assert "0 sent again, 3 were before" in lacak(settings, "rejected", "replay").stdout
    records = {record.value(): record for record in read(settings, UPDATES)}
    assert set(records) == {b"one", big, None}
    one = records[b"one"]
    assert one.key() == b"5" and one.partition() == partition_of(b"5", settings.partitions)
    assert one.headers()[:-1] == ORIGINAL
    name, mark = one.headers()[-1]
    assert name == REPLAYED and mark.startswith(settings.topic(REJECTED).encode() + b":")


def test_a_replay_has_the_original_bytes_whatever_they_are(settings: Settings) -> None:
    headers: Headers = [("b", b"\xff"), ("a", b""), ("b", b"\xff"), ("none", None), ("\\xff", b"1"), ("b", b"0")]
    originals = [
        (b"5", b"x" * 1_040_000),  # with what is around it, as large as a record may be
        (b"", b"an empty key"),
        (b"\xff\x00", b""),
        (None, b"no key"),
        (b"7", None),
    ]
    too_large = (b"6", b"y" * 1_500_000)
    producer = Producer({"bootstrap.servers": settings.kafka_bootstrap, "message.max.bytes": 2_000_000})
    for offset, (key, value) in enumerate([*originals, too_large]):
        gained = rejected_headers(headers, Reason.UNDECODABLE, "because", settings.topic(UPDATES), 0, offset)
        producer.produce(settings.topic(REJECTED), value, key, headers=gained)
    assert producer.flush(30) == 0
    badly_named(settings)
    assert "5 sent again, 0 were before, 1 cannot be sent" in lacak(settings, "rejected", "replay").stdout
    assert "0 sent again, 5 were before, 1 cannot be sent" in lacak(settings, "rejected", "replay").stdout
    records = [each for each in read(settings, UPDATES) if each.value() != b"update"]
    assert Counter((each.key(), each.value()) for each in records) == Counter(originals)
    assert all(headers_of(each)[:-1] == headers for each in records)


def badly_named(settings: Settings) -> None:
    """An update with a header name that is not UTF-8: brokers take it, and aiokafka by itself cannot read it."""
    kcat = ["kcat", "-P", "-b", settings.kafka_bootstrap, "-t", settings.topic(UPDATES), "-k", "5"]
    subprocess.run([*map(os.fsencode, kcat), b"-H", b"\xff\xfe=1"], input=b"update", check=True, timeout=60)


def test_a_replay_that_is_killed_is_finished_by_the_next_one(settings: Settings) -> None:
    count = 3000
    reject(settings, [(b"%d" % number, b"%d" % number, Reason.UNDECODABLE) for number in range(count)])
    with started(settings, "rejected", "replay") as first:
        until(lambda: read(settings, UPDATES) or first.poll() is not None, what="the first are sent")
        first.kill()
    lacak(settings, "rejected", "replay")
    assert f"0 sent again, {count} were before" in lacak(settings, "rejected", "replay").stdout
    assert Counter(values(settings, UPDATES)) == Counter(b"%d" % number for number in range(count))


def test_what_was_rejected_is_applied_when_its_cause_is_gone_and_a_second_replay_changes_nothing(
    settings: Settings,
) -> None:
    update, order = Codec("CourierStatusUpdate"), Codec("OrderPlaced")
    returned = update_message("returned", 5, occurred_at=T0 + 9000)
    with Process("track", settings):
        write(settings, ORDERS, [(b"5", order.encode(order_message(5)))])
        write(settings, UPDATES, [(b"5", update.encode(returned))])
        until(
            lambda: lacak(settings, "rejected", "list", "--reason", "illegal_transition").stdout, what="a dead letter"
        )
        assert "1 sent again" in lacak(settings, "rejected", "replay").stdout
        until(lambda: len(read(settings, REJECTED)) == 2, what="it is rejected again")
        write(settings, UPDATES, [(b"5", update.encode(update_message("exception", 5, occurred_at=T0 + 2000)))])
        until(lambda: versions(settings) == [1, 2], what="the missing scan is applied")
        assert "1 sent again" in lacak(settings, "rejected", "replay", "--again").stdout
        until(lambda: versions(settings) == [1, 2, 3], what="the replayed update is applied")
        assert "0 sent again, 2 were before" in lacak(settings, "rejected", "replay", "--again").stdout
        write(settings, UPDATES, [(b"5", update.encode(returned))])  # as if it had been sent once more all the same
        write(settings, UPDATES, [(b"5", b"the last")])
        until(lambda: len(read(settings, REJECTED)) == 3, what="all is judged")
    assert versions(settings) == [1, 2, 3]
    first, second, _ = lacak(settings, "rejected", "list").stdout.splitlines()
    assert (first.split("\t")[3], second.split("\t")[3]) == ("0", "1")
    shown = lacak(settings, "rejected", "show", second.split("\t")[0]).stdout
    assert "replays  2\n" in shown and f"of this one, to {settings.topic(UPDATES)}:" in shown


def versions(settings: Settings) -> list[int]:
    """The versions of what was published, in its order."""
    return [each["version"] for each in messages(settings, topics.CHANGED.name, "OrderStatusChanged")]


def test_one_that_is_rejected_again_is_left_alone_until_asked_for(settings: Settings) -> None:
    reject(settings, [(b"5", b"one", Reason.UNDECODABLE)])
    lacak(settings, "rejected", "replay")
    (record,) = read(settings, UPDATES)
    headers = rejected_headers(record.headers(), Reason.UNDECODABLE, "still", settings.topic(UPDATES), 1, 0)
    producer = Producer({"bootstrap.servers": settings.kafka_bootstrap})
    producer.produce(settings.topic(REJECTED), b"one", b"5", headers=headers)
    assert producer.flush(30) == 0
    again = lacak(settings, "rejected", "replay").stdout
    assert "0 sent again, 1 were before, 1 were rejected again after it" in again
    assert "1 sent again" in lacak(settings, "rejected", "replay", "--again").stdout
    assert "0 sent again, 2 were before" in lacak(settings, "rejected", "replay", "--again").stdout
    assert values(settings, UPDATES) == [b"one", b"one"]


@pytest.fixture
def now() -> int:
    return time.time_ns() // 1_000_000


def waiting(id_order: int, recorded_at: int, offset: int = 0) -> Waiting:
    value = Codec("CourierStatusUpdate").encode(UPDATE | {"id_order": id_order, "status": "delivered"})
    return Waiting(id_order, Position("updates", 2, offset), recorded_at, value, ORIGINAL)


def keep(settings: Settings, updates: Iterable[Waiting], writes: Iterable[OrderWrite], now: int) -> None:
    async def store() -> None:
        orders = await CassandraOrders.connect(settings)
        for update in updates:
            await orders.add_waiting(update, now)
        for one in writes:
            await orders.write(one, now)
        await orders.close()

    asyncio.run(store())


def an_order_of(id_order: int, recorded_at: int) -> OrderWrite:
    order = an_order(id_order=id_order, recorded_at=recorded_at, placed_at=recorded_at)
    rows = (placed(order),)
    return OrderWrite(Current.of(order, rows), rows, expires_at(order, recorded_at, RETENTION_MS), lists=False)


def test_only_what_waited_seven_days_in_vain_is_rejected_and_only_once(settings: Settings, now: int) -> None:
    old, recent = now - 8 * DAY_MS, now - 6 * DAY_MS
    updates = [waiting(1, old), waiting(2, recent), waiting(3, old), waiting(4, old)]
    orders = [an_order_of(3, old + WAITS_MS), an_order_of(4, old + WAITS_MS + 1)]  # in time, and too late
    keep(settings, updates, orders, now)
    listed = lacak(settings, "waiting", "list")
    assert sorted(line.split("\t")[0] for line in listed.stdout.splitlines()) == ["1", "2", "4"]
    assert "2 rejected as unknown_order, 1 still wait" in lacak(settings, "waiting", "expire").stdout
    assert "0 rejected as unknown_order, 1 still wait" in lacak(settings, "waiting", "expire").stdout
    records = {record.key(): record for record in read(settings, REJECTED)}
    assert set(records) == {b"1", b"4"}
    one = records[b"1"]
    assert one.value() == updates[0].value and one.headers()[:2] == ORIGINAL
    assert header(one.headers(), "lacak_reason") == b"unknown_order"
    assert header(one.headers(), "lacak_topic") == settings.topic(UPDATES).encode()
    assert (header(one.headers(), "lacak_partition"), header(one.headers(), "lacak_offset")) == (b"2", b"0")


def test_an_expired_update_can_be_replayed_when_its_order_comes_after_all(settings: Settings, now: int) -> None:
    update = waiting(1, now - 8 * DAY_MS)
    keep(settings, [update], [], now)
    lacak(settings, "waiting", "expire")
    assert "1 sent again" in lacak(settings, "rejected", "replay").stdout
    (record,) = read(settings, UPDATES)
    assert (record.key(), record.value(), record.headers()[:2]) == (b"1", update.value, ORIGINAL)


def test_what_the_worker_has_not_acknowledged_is_not_taken_as_read(settings: Settings, now: int) -> None:
    key = b"77"
    partition = partition_of(key, settings.partitions)
    assert asyncio.run(read_until(settings, now)) == dict.fromkeys(range(settings.partitions), now)
    write(settings, ORDERS, [(key, b"first"), (key, b"second")])
    first, second = read(settings, ORDERS)
    until = asyncio.run(read_until(settings, now))
    assert until[partition] == first.timestamp()[1]
    assert all(until[other] == now for other in range(settings.partitions) if other != partition)
    commit(settings, partition, 1)
    assert asyncio.run(read_until(settings, now))[partition] == second.timestamp()[1]
    commit(settings, partition, 2)
    assert asyncio.run(read_until(settings, now))[partition] == now


def commit(settings: Settings, partition: int, offset: int) -> None:
    """As the order-tracking worker acknowledges."""
    group = settings.topic(topics.TRACK_GROUP)
    consumer = Consumer({"bootstrap.servers": settings.kafka_bootstrap, "group.id": group})
    consumer.commit(offsets=[TopicPartition(settings.topic(ORDERS), partition, offset)], asynchronous=False)
    consumer.close()
