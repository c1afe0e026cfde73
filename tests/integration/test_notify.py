"""The notification worker on real Kafka: each announced change once, through crashes, empty disks and rebalances."""

import asyncio
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from rocksdict import AccessType, Options, Rdict

import stack
import topics_reader
from changes import change, lives, news, record, still_open
from fresh import environment
from processes import Process, free_port, running, until
from streams.codec import Codec
from streams.kafka import ensure_topics
from streams.messages import Message
from streams.settings import Settings
from streams.topics import partition_of

CHANGED, NOTIFICATIONS = "order-status-changed", "user-notifications"
_numbers = itertools.count(1)
CHANGELOG = "lacak-notify-users-changelog"
_CODE = "from agents.notify import main; from streams.settings import Settings; main(Settings(_env_file=None))"


@pytest.fixture
def settings(servers: stack.Servers, tmp_path: Path) -> Settings:
    """Topics that nobody else uses. This worker needs no Cassandra."""
    settings = Settings(
        _env_file=None,  # type: ignore[call-arg]
        kafka_bootstrap=servers.kafka_bootstrap,
        topic_prefix=f"n{os.getpid()}-{next(_numbers)}-",
        partitions=4,
        data_dir=tmp_path / "faust",
        local_dir=tmp_path,
    )
    asyncio.run(ensure_topics(settings))
    return settings


class Worker(Process):
    """The notification worker by itself, with a data directory of its own."""

    def __init__(self, settings: Settings, name: str = "notify") -> None:
        super().__init__("notify", settings, name)
        self.data_dir = Path(settings.data_dir) / name
        self.port = free_port()

    def start(self) -> "Worker":
        own = {"LACAK_DATA_DIR": str(self.data_dir), "LACAK_NOTIFY_METRICS_PORT": str(self.port)}
        with self.log.open("ab") as out:
            self.child = subprocess.Popen(
                [sys.executable, "-c", _CODE],
                env={**environment(self.settings), **own},
                cwd=Path(__file__).parents[2],
                stdout=out,
                stderr=out,
            )
        return self

    def metric(self, line: str) -> float:
        """A metric's value; `line` is its name and labels."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics") as answer:
            lines = dict(each.rsplit(" ", 1) for each in answer.read().decode().splitlines() if each[0] != "#")
        return float(lines.get(line, 0))

    def said(self, text: str) -> bool:
        return text in self.log.read_text()

    def exit_code(self) -> int:
        """Of a worker that ends by itself."""
        assert self.child is not None
        return self.child.wait(60)


def ends(settings: Settings, topic: str) -> dict[int, int]:
    """The offset after the last record, of each partition."""
    reader = Consumer({"bootstrap.servers": settings.kafka_bootstrap, "group.id": "ends"})
    try:
        name = settings.topic(topic)
        return {p: reader.get_watermark_offsets(TopicPartition(name, p), 20)[1] for p in range(settings.partitions)}
    finally:
        reader.close()


def acknowledged(settings: Settings) -> dict[int, int]:
    """What the workers have committed, of each partition."""
    group = settings.topic("lacak-notify")
    reader = Consumer({"bootstrap.servers": settings.kafka_bootstrap, "group.id": group})
    try:
        asked = [TopicPartition(settings.topic(CHANGED), p) for p in range(settings.partitions)]
        return {each.partition: max(0, each.offset) for each in reader.committed(asked, 20)}
    except KafkaException as error:  # a new broker takes a moment to find a group's coordinator
        if error.args[0].code() in (KafkaError.NOT_COORDINATOR, KafkaError.COORDINATOR_NOT_AVAILABLE):
            return {}
        raise
    finally:
        reader.close()


def wait_until_done(settings: Settings) -> None:
    """Until everything in the topic is acknowledged."""
    until(lambda: acknowledged(settings) == ends(settings, CHANGED), 60, "all changes are acknowledged")


def send(settings: Settings, changes: list[Message]) -> None:
    topics_reader.write(settings, CHANGED, map(record, changes))


def announced(settings: Settings) -> dict[str, list[Message]]:
    """By notification_id: every notification that was sent, repeated ones too, in their order."""
    found = defaultdict(list)
    for message in topics_reader.messages(settings, NOTIFICATIONS, "UserNotification"):
        found[message["notification_id"]].append(message)
    return found


def remembered(settings: Settings) -> dict[str, dict[str, list[Any]]]:
    """The table as its changelog has it, in the form of `still_open`."""
    latest = {each.key(): each.value() for each in topics_reader.read(settings, CHANGELOG)}
    return {key.decode(): _orders(value) for key, value in latest.items() if value is not None}


def on_disk(worker: Worker, settings: Settings) -> dict[str, dict[str, list[Any]]]:
    """The table as a stopped worker's RocksDB has it."""
    found = {}
    for path in worker.data_dir.glob("v1/tables/users-*.db"):
        database = Rdict(str(path), Options(raw_mode=True), access_type=AccessType.read_only())
        found.update({key.decode(): _orders(value) for key, value in database.items() if not key.startswith(b"__")})
        database.close()
    return found


def _orders(value: bytes) -> dict[str, list[Any]]:
    return {id_order: fields[:3] for id_order, fields in json.loads(value).items()}


def assert_each_announced(settings: Settings, changes: list[Message]) -> int:
    """Who drops repeated ids sees each announced change once, in order; gives the number of repeated ones."""
    found = announced(settings)
    assert {id_: messages[0]["status"] for id_, messages in found.items()} == news(changes)
    for messages in found.values():
        assert all(each == messages[0] for each in messages), "said differently the second time"
    versions = defaultdict(list)
    for messages in found.values():
        versions[messages[0]["id_order"]].append(messages[0]["version"])
    assert all(each == sorted(each) for each in versions.values())
    return sum(map(len, found.values())) - len(found)


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
        "traceparent": trace,
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


@pytest.mark.parametrize("disk", ["kept", "empty"])
def test_kill_9_in_the_middle_of_a_load_loses_nothing(settings: Settings, disk: str) -> None:
    changes = lives(orders=900, users=150, seed=2)
    first, rest = changes[:1500], changes[1500:]
    send(settings, first)
    worker = Worker(settings)
    loading = threading.Thread(target=send, args=(settings, rest))
    with worker:
        until(lambda: sum(ends(settings, NOTIFICATIONS).values()) > 100, what="it announces")
        loading.start()
        worker.kill9()
        loading.join()
        assert acknowledged(settings) != ends(settings, CHANGED), "it was killed too late to prove anything"
        if disk == "empty":
            shutil.rmtree(worker.data_dir)
        worker.start()
        wait_until_done(settings)
        assert worker.stop() == 0
    assert_each_announced(settings, changes)
    assert remembered(settings) == still_open(changes) == on_disk(worker, settings)


def test_a_table_that_is_recovered_from_the_changelog_still_knows_what_was_announced(settings: Settings) -> None:
    changes = [each for each in lives(orders=60, users=12, seed=3) if each["version"] < 9]
    opened = [each for each in changes if str(each["id_order"]) in still_open(changes).get(str(each["id_user"]), {})]
    send(settings, changes)
    with Worker(settings) as worker:
        wait_until_done(settings)
        worker.kill9()
        shutil.rmtree(worker.data_dir)
        send(settings, opened)
        worker.start()
        wait_until_done(settings)
        assert worker.metric('lacak_notify_skipped_total{why="seen"}') == len(opened) > 0
    assert assert_each_announced(settings, changes) == 0


def test_workers_come_and_go_while_changes_stream_in(settings: Settings) -> None:
    changes = lives(orders=1200, users=200, seed=4)
    quarter = len(changes) // 4
    one, two = Worker(settings, "one"), Worker(settings, "two")
    with running(one):
        send(settings, changes[:quarter])
        until(lambda: one.said("assigned"))
        with running(two):
            send(settings, changes[quarter : 2 * quarter])
            until(lambda: two.said("assigned"))
            send(settings, changes[2 * quarter : 3 * quarter])
            assert one.stop() == 0
            send(settings, changes[3 * quarter :])
            two.kill9()
            one.start()
            wait_until_done(settings)
    assert_each_announced(settings, changes)
    assert remembered(settings) == still_open(changes)


def test_a_worker_that_was_frozen_and_thought_dead_does_no_harm_when_it_comes_back(settings: Settings) -> None:
    changes = lives(orders=900, users=150, seed=5)
    frozen, other = Worker(settings, "frozen"), Worker(settings, "other")
    with running(frozen):
        until(lambda: frozen.said("assigned"))
        loading = threading.Thread(target=send, args=(settings, changes))
        loading.start()
        until(lambda: sum(ends(settings, NOTIFICATIONS).values()) > 100, what="it announces")
        frozen.signal(signal.SIGSTOP)
        loading.join()
        with running(other):
            wait_until_done(settings)
            frozen.signal(signal.SIGCONT)
            until(lambda: frozen.log.read_text().count("assigned") > 1, what="it is back in the group")
            assert frozen.stop() == 0
            assert other.stop() == 0
    assert_each_announced(settings, changes)


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


def test_kafka_is_killed_under_load_and_the_worker_goes_on_when_it_is_back(
    servers: stack.Servers, settings: Settings
) -> None:
    """The session's own Kafka is really killed, so LACAK_TEST_KAFKA must not be set."""
    changes = lives(orders=900, users=150, seed=6)
    send(settings, changes)
    with Worker(settings) as worker:
        until(lambda: sum(ends(settings, NOTIFICATIONS).values()) > 100, what="it announces")
        servers.kill9("kafka")
        try:
            time.sleep(3)  # long enough for tries to fail
        finally:
            servers.restart("kafka")
        wait_until_done(settings)
        assert worker.child is not None and worker.child.poll() is None
    assert_each_announced(settings, changes)
    assert remembered(settings) == still_open(changes)


def test_it_can_be_stopped_while_kafka_is_away(servers: stack.Servers, settings: Settings) -> None:
    changes = lives(orders=900, users=150, seed=7)
    send(settings, changes)
    with Worker(settings) as worker:
        until(lambda: sum(ends(settings, NOTIFICATIONS).values()) > 100, what="it announces")
        servers.kill9("kafka")
        try:
            worker.stop(15)
        finally:
            servers.restart("kafka")
        worker.start()
        wait_until_done(settings)
    assert_each_announced(settings, changes)
    assert remembered(settings) == still_open(changes)
