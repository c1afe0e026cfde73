"""Orders that go their way through the topics, a scan at a time, and all that Cassandra then has of them."""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from cassandra.cluster import Session

import topics_reader
from logs import order_message, update_message
from streams.codec import Codec
from streams.settings import Settings
from tables.cassandra_cluster import build_cluster

CODECS = {"orders": Codec("OrderPlaced"), "courier-status-updates": Codec("CourierStatusUpdate")}
LISTS = ("orders_by_user", "orders_by_produk", "months_by_user")
WRITTEN = {"orders": ", WRITETIME(status) AS written", "order_status_history": ", WRITETIME(event_id) AS written"}
USERS = 7

Rows = dict[str, list[tuple[Any, ...]]]


def now() -> int:
    return time.time_ns() // 1_000_000


def place(settings: Settings, ids: Iterable[int]) -> None:
    """Orders of some users."""
    _send(settings, "orders", (order_message(each, id_user=each % USERS, placed_at=now()) for each in ids))


def scan(settings: Settings, ids: Iterable[int], *statuses: str) -> None:
    """A courier scans each of them, as each of these."""
    for status in statuses:
        updates = (update_message(status, each, occurred_at=now()) for each in ids)
        _send(settings, "courier-status-updates", updates)


def _send(settings: Settings, topic: str, messages: Iterable[dict[str, Any]]) -> None:
    records = ((str(each["id_order"]).encode(), CODECS[topic].encode(each)) for each in messages)
    topics_reader.write(settings, topic, records)


@contextmanager
def cassandra(settings: Settings) -> Iterator[Session]:
    """Its tables, as anybody else sees them."""
    with build_cluster(settings) as cluster:
        yield cluster.connect(settings.cassandra_keyspace)


def versions(session: Session) -> dict[int, int]:
    """The version of each order."""
    return dict(tuple(row) for row in session.execute("SELECT id_order, version FROM orders"))


def everything(session: Session) -> Rows:
    """Every row of the orders' tables, and when it was written: what doing all again must give again."""
    return {table: _all(session, table) for table in (*WRITTEN, *LISTS)}


def _all(session: Session, table: str) -> list[tuple[Any, ...]]:
    columns = session.cluster.metadata.keyspaces[session.keyspace].tables[table].columns
    names = ", ".join(columns)
    rows = session.execute(f"SELECT {names}{WRITTEN.get(table, '')} FROM {table}")
    return sorted((tuple(row) for row in rows), key=repr)


def lose(session: Session, tables: Iterable[str]) -> None:
    """Empties them, as an accident does."""
    for table in tables:
        session.execute(f"TRUNCATE {table}", timeout=60)
