"""The notification worker as a child process, and what it did as a client that is not ours sees it."""

import asyncio
import itertools
import json
import os
import subprocess
import sys
import urllib.request
from collections import defaultdict
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from rocksdict import AccessType, Options, Rdict

import stack
import topics_reader
from changes import news, record
from fresh import environment
from processes import Process, free_port, until
from streams.kafka import ensure_topics
from streams.messages import Message
from streams.settings import Settings

CHANGED, NOTIFICATIONS = "order-status-changed", "user-notifications"
CHANGELOG = "lacak-notify-users-changelog"
_CODE = "from agents.notify import main; from streams.settings import Settings; main(Settings(_env_file=None))"
_MOMENTARY = (
    KafkaError.NOT_COORDINATOR,
    KafkaError.COORDINATOR_NOT_AVAILABLE,
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.LEADER_NOT_AVAILABLE,
)
_numbers = itertools.count(1)


def kafka_settings(servers: stack.Servers, tmp_path: Path) -> Settings:
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
                cwd=Path(__file__).parents[1],
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
    except KafkaException as error:
        return _none_yet(error)
    finally:
        reader.close()


def acknowledged(settings: Settings) -> dict[int, int]:
    """What the workers have committed, of each partition."""
    group = settings.topic("lacak-notify")
    reader = Consumer({"bootstrap.servers": settings.kafka_bootstrap, "group.id": group})
    try:
        asked = [TopicPartition(settings.topic(CHANGED), p) for p in range(settings.partitions)]
        return {each.partition: max(0, each.offset) for each in reader.committed(asked, 20)}
    except KafkaException as error:
        return _none_yet(error)
    finally:
        reader.close()


def _none_yet(error: KafkaException) -> dict[int, int]:
    """A broker that has just started takes a moment to find leaders and coordinators."""
    if error.args[0].retriable() or error.args[0].code() in _MOMENTARY:
        return {}
    raise error


def wait_until_done(settings: Settings, sent: int = 1) -> None:
    """Until all `sent` changes are acknowledged.

    A broker that was killed shows its topics as empty until it has read them: then nothing acknowledged looks like all.
    """

    def done() -> bool:
        there = ends(settings, CHANGED)
        return bool(there) and sum(there.values()) >= sent and acknowledged(settings) == there

    until(done, 60, "all changes are acknowledged")


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
    for path in worker.data_dir.glob("notify/v1/tables/users-*.db"):
        database = Rdict(str(path), Options(raw_mode=True), access_type=AccessType.read_only())
        found.update({key.decode(): _orders(value) for key, value in database.items() if not key.startswith(b"__")})
        database.close()
    return found


def _orders(value: bytes) -> dict[str, list[Any]]:
    return {id_order: fields[:3] for id_order, fields in json.loads(value).items()}


def assert_each_announced(settings: Settings, changes: list[Message]) -> int:
    """Who drops repeated ids sees each announced change once, in order; gives the number of repeated ones."""
    found = announced(settings)
    said = {id_: messages[0]["status"] for id_, messages in found.items()}
    wanted = news(changes)
    assert said == wanted, (len(wanted.keys() - said), len(said.keys() - wanted), sorted(wanted.keys() - said)[:5])
    for messages in found.values():
        assert all(each == messages[0] for each in messages), "said differently the second time"
    versions = defaultdict(list)
    for messages in found.values():
        versions[messages[0]["id_order"]].append(messages[0]["version"])
    assert all(each == sorted(each) for each in versions.values())
    return sum(map(len, found.values())) - len(found)
