"""The notification worker through crashes, empty disks, rebalances, freezes and outages: each change once."""

import shutil
import signal
import threading
import time
from pathlib import Path

import pytest

import stack
from changes import lives, still_open
from notify_worker import (
    CHANGED,
    NOTIFICATIONS,
    Worker,
    acknowledged,
    assert_each_announced,
    ends,
    kafka_settings,
    on_disk,
    remembered,
    send,
    wait_until_done,
)
from processes import running, until
from streams.settings import Settings


@pytest.fixture
def settings(servers: stack.Servers, tmp_path: Path) -> Settings:
    return kafka_settings(servers, tmp_path)


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
        wait_until_done(settings, len(changes))
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
        wait_until_done(settings, len(changes))
    assert_each_announced(settings, changes)
    assert remembered(settings) == still_open(changes)
