"""Kafka or Cassandra goes away under a worker: it waits, loses nothing, and goes on by itself.

The servers are the session's own and are really killed, so LACAK_TEST_KAFKA and LACAK_TEST_CASSANDRA must not be set.
"""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

import stack
import topics_reader
from fresh import without_table
from logs import T0, order_message, update_message
from processes import Process, until
from streams.codec import Codec
from streams.settings import Settings

ORDER, UPDATE = Codec("OrderPlaced"), Codec("CourierStatusUpdate")
IDS = range(1, 101)


def changes(settings: Settings) -> list[dict[str, Any]]:
    return topics_reader.messages(settings, "order-status-changed", "OrderStatusChanged")


def versions(settings: Settings) -> set[tuple[int, int]]:
    return {(event["id_order"], event["version"]) for event in changes(settings)}


def write_orders(settings: Settings) -> None:
    topics_reader.write(settings, "orders", [(str(i).encode(), ORDER.encode(order_message(i))) for i in IDS])


def write_updates(settings: Settings, status: str, at: int) -> None:
    message = {"status": status, "occurred_at": T0 + at}
    records = [(str(i).encode(), UPDATE.encode(update_message(**message, id_order=i))) for i in IDS]  # type: ignore[arg-type]
    topics_reader.write(settings, "courier-status-updates", records)


@pytest.fixture
def worker(settings: Settings) -> Iterator[Process]:
    with Process("track", settings) as process:
        yield process


def test_cassandra_is_killed_under_load_and_every_update_is_persisted_when_it_is_back(
    servers: stack.Servers, settings: Settings, worker: Process
) -> None:
    write_orders(settings)
    until(lambda: len(versions(settings)) == 100)
    servers.kill9("cassandra")
    try:
        write_updates(settings, "picked_up", 1)
        write_updates(settings, "delivered", 2)
        until(lambda: b"dependency_away" in worker.log.read_bytes(), what="the worker says what it waits for")
        assert len(versions(settings)) == 100, "nothing is published that is not durable"
    finally:
        servers.restart("cassandra")
    until(lambda: len(versions(settings)) == 300, 120)
    assert worker.child is not None and worker.child.poll() is None


def test_a_table_is_dropped_and_the_worker_waits_until_somebody_makes_it_anew(
    settings: Settings, worker: Process
) -> None:
    write_orders(settings)
    until(lambda: len(versions(settings)) == 100)
    with without_table(settings, "order_status_history"):
        write_updates(settings, "picked_up", 1)
        until(
            lambda: b"order_status_history does not exist" in worker.log.read_bytes(),
            what="the worker says what it waits for",
        )
        assert len(versions(settings)) == 100, "nothing is published that is not durable"
    until(lambda: len(versions(settings)) == 200)
    assert worker.child is not None and worker.child.poll() is None


def test_kafka_is_killed_under_load_and_the_worker_goes_on_when_it_is_back(
    servers: stack.Servers, settings: Settings, worker: Process
) -> None:
    write_orders(settings)
    until(lambda: len(versions(settings)) == 100)
    write_updates(settings, "picked_up", 1)
    servers.kill9("kafka")
    servers.restart("kafka")
    write_updates(settings, "delivered", 2)
    until(lambda: len(versions(settings)) == 300, 120)
    assert worker.child is not None and worker.child.poll() is None


def test_a_worker_that_is_started_before_its_servers_waits_and_says_so(
    servers: stack.Servers, settings: Settings
) -> None:
    write_orders(settings)
    servers.kill9("cassandra")
    servers.kill9("kafka")
    try:
        with Process("track", settings, "early") as early:
            until(lambda: b"waiting" in early.log.read_bytes(), what="the worker says what it waits for")
            alive = httpx.get(f"http://127.0.0.1:{early.metrics_port}/healthz")
            assert alive.json() == {"status": "alive"}, "a restart would help nothing"
            servers.restart("kafka")
            until(lambda: b"dependency_away" in early.log.read_bytes(), what="it waits for Cassandra")
            servers.restart("cassandra")
            until(lambda: len(versions(settings)) == 100, 120)
    finally:
        for name in ("kafka", "cassandra"):
            if not servers.services[name].process.pid():
                servers.restart(name)
