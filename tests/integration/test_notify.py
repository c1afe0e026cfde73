"""The notification worker on real Kafka: what it announces, what it remembers, and when it refuses to run."""

import asyncio
from pathlib import Path

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

import stack
import topics_reader
from changes import change, lives, record, still_open
from notify_worker import (
    CHANGED,
    CHANGELOG,
    NOTIFICATIONS,
    Worker,
    acknowledged,
    announced,
    assert_each_announced,
    kafka_settings,
    on_disk,
    remembered,
    send,
    wait_until_done,
)
from processes import free_port, until
from streams.codec import Codec
from streams.kafka import ensure_topics
from streams.settings import Settings
from streams.topics import partition_of
from streams.trace import derived


@pytest.fixture
def settings(servers: stack.Servers, tmp_path: Path) -> Settings:
    return kafka_settings(servers, tmp_path)


def test_each_change_that_is_news_is_announced_once_and_open_orders_are_remembered(settings: Settings) -> None:
    changes = lives(orders=200, users=30, seed=1)
    send(settings, changes)
    with Worker(settings) as worker:
        wait_until_done(settings)
        assert worker.stop() == 0
    assert assert_each_announced(settings, changes) == 0
    assert remembered(settings) == still_open(changes) == on_disk(worker, settings)


def test_a_notification_is_an_event_of_its_user_with_the_trace_of_its_change(settings: Settings) -> None:
    told = change("delivered", 6, id_order=2**62, id_user=9, note="Diterima satpam")
    trace = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    key, value = record(told)
    producer = Producer({"bootstrap.servers": settings.kafka_bootstrap, "partitioner": "murmur2_random"})
    producer.produce(settings.topic(CHANGED), value, key, headers=[("traceparent", trace)])
    assert producer.flush(30) == 0
    with Worker(settings):
        wait_until_done(settings)
    (sent,) = topics_reader.read(settings, NOTIFICATIONS)
    assert sent.key() == b"9"
    assert sent.partition() == partition_of(b"9", settings.partitions)
    assert dict(sent.headers()) == {
        "ce_specversion": b"1.0",
        "ce_id": f"{2**62}-6".encode(),
        "ce_type": b"lacak.user.notification",
        "ce_source": b"/lacak/notify",
        "ce_time": b"2025-10-09T08:53:20.006Z",
        "content-type": b"application/avro",
        "traceparent": derived(trace, NOTIFICATIONS),
    }
    assert Codec("UserNotification").decode(sent.value()) == {
        "notification_id": f"{2**62}-6",
        "id_user": 9,
        "id_order": 2**62,
        "kind": "status",
        "status": "delivered",
        "version": 6,
        "title": "Paketmu sudah sampai",
        "body": 'Paket "Sepatu Lari" sudah sampai di tujuan. Terima kasih sudah berbelanja! '
        "Catatan kurir: Diterima satpam",
        "title_en": "Your parcel has been delivered",
        "body_en": 'Your parcel "Sepatu Lari" has been delivered. Thank you for your order! '
        "Courier's note: Diterima satpam",
        "created_at": told["recorded_at"],
    }


def test_an_end_that_was_none_is_taken_back_and_the_order_is_open_again(settings: Settings) -> None:
    way = [("placed", None), ("delivered", None), ("in_transit", 2), ("delivered", None)]
    changes = [change(status, n, note="x", corrects=corrects) for n, (status, corrects) in enumerate(way, 1)]
    with Worker(settings) as worker:
        send(settings, changes[:3])
        wait_until_done(settings)
        assert remembered(settings) == {"42": {"7": ["in_transit", 3, 3]}} == still_open(changes[:3])
        send(settings, changes)
        wait_until_done(settings)
        assert worker.metric('lacak_notifications_total{status="in_transit"}') == 1
    assert assert_each_announced(settings, changes) == 0
    assert remembered(settings) == {}


def test_changes_published_again_are_not_announced_again_while_the_order_is_open(settings: Settings) -> None:
    changes = [change(status, n, note="x") for n, status in enumerate(("placed", "picked_up", "out_for_delivery"), 1)]
    send(settings, changes)
    with Worker(settings) as worker:
        wait_until_done(settings)
        send(settings, changes)
        wait_until_done(settings)
        assert worker.metric('lacak_notify_skipped_total{why="seen"}') == 3
    assert assert_each_announced(settings, changes) == 0


def test_what_somebody_else_wrote_into_the_topic_is_counted_and_stops_nobody(settings: Settings) -> None:
    good = [change("picked_up"), change("out_for_delivery", 3)]
    (key, first), (_, second) = map(record, good)
    strange = [
        (key, b"\x00\x00\x00\x00\x01garbage"),
        (key, b"no Avro at all"),
        (key, None),
        (key, first + b"!"),
        (b"43", first),
        (None, first),
        (key, record(change("picked_up", recorded_at=2**62))[1]),
        (key, record(change("picked_up", version=-1))[1]),
        (key, record(change("picked_up", id_order=-1))[1]),
    ]
    topics_reader.write(settings, CHANGED, [(key, first), *strange, (key, second)])
    with Worker(settings) as worker:
        wait_until_done(settings)
        assert worker.metric('lacak_notify_skipped_total{why="unreadable"}') == len(strange)
        assert worker.said("unreadable") and worker.said("offset=")
    assert assert_each_announced(settings, good) == 0


def test_it_waits_for_its_topics_and_says_so(settings: Settings) -> None:
    later = settings.model_copy(update={"topic_prefix": f"{settings.topic_prefix}later-"})
    with Worker(later) as worker:
        until(lambda: worker.said("waiting") and worker.said("lacak topics"))
        asyncio.run(ensure_topics(later))
        send(later, [change("picked_up")])
        wait_until_done(later)
    assert_each_announced(later, [change("picked_up")])


def test_without_kafka_it_waits_and_can_be_stopped(settings: Settings) -> None:
    away = settings.model_copy(update={"kafka_bootstrap": f"127.0.0.1:{free_port()}"})
    with Worker(away) as worker:
        until(lambda: worker.said("waiting_for=kafka"))
        assert worker.stop() == 0


def test_two_workers_do_not_share_a_directory(settings: Settings) -> None:
    one, two = Worker(settings, "one"), Worker(settings, "two")
    two.data_dir = one.data_dir
    with one:
        until(lambda: one.said("assigned"))
        with two:
            assert two.exit_code() != 0
            assert two.said("another worker uses")


def test_a_changelog_with_other_partitions_is_refused(settings: Settings) -> None:
    admin = AdminClient({"bootstrap.servers": settings.kafka_bootstrap})
    name = settings.topic(CHANGELOG)
    admin.create_topics([NewTopic(name, settings.partitions + 1, 1)])[name].result(30)
    with Worker(settings) as worker:
        assert worker.exit_code() != 0
        assert worker.said("TopicsDiffer")


def test_a_bug_crashes_the_worker_and_acknowledges_nothing(settings: Settings) -> None:
    """A table entry that is no JSON stands for any bug: no handler expects it."""
    send(settings, [change("picked_up")])
    admin = AdminClient({"bootstrap.servers": settings.kafka_bootstrap})
    name = settings.topic(CHANGELOG)
    config = {"cleanup.policy": "compact"}
    admin.create_topics([NewTopic(name, settings.partitions, 1, config=config)])[name].result(30)
    topics_reader.write(settings, CHANGELOG, [(b"42", b"no JSON")])
    with Worker(settings) as worker:
        assert worker.exit_code() == 1
    assert sum(acknowledged(settings).values()) == 0
    assert announced(settings) == {}
