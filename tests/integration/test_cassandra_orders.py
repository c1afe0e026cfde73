"""What only Cassandra can be asked: lives, tombstones, the tables as others read them, and what happens without it."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest
from cassandra.cluster import Cluster, Session
from cassandra.query import dict_factory

import stack
from conftest import fresh_settings
from order_examples import NOON, a_life, a_row, an_order, written
from streams.order import Position, placed
from streams.settings import Settings
from tables import lifetime
from tables.cassandra_orders import CassandraOrders
from tables.orders import DAY_MS, WAITING_KEPT_MS, StoreUnavailable, Waiting, expires_at

NOW = NOON + DAY_MS


@pytest.fixture(scope="module")
def keyspace(servers: stack.Servers, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return fresh_settings(servers, tmp_path_factory.mktemp("orders"))


@pytest.fixture
async def orders(keyspace: Settings) -> AsyncIterator[CassandraOrders]:
    store = await CassandraOrders.connect(keyspace)
    yield store
    await store.close()


@pytest.fixture(scope="module")
def reader(keyspace: Settings) -> Iterator[Session]:
    """The driver as anybody else uses it."""
    with Cluster([keyspace.cassandra_hosts], port=keyspace.cassandra_port, protocol_version=4) as cluster:
        session = cluster.connect(keyspace.cassandra_keyspace)
        session.row_factory = dict_factory
        yield session


def rows(reader: Session, query: str, *values: object) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = reader.execute(query, values).all()
    return found


async def test_the_tables_are_read_by_anyone(orders: CassandraOrders, reader: Session) -> None:
    order = an_order()
    life = a_life(order)
    await orders.write(written(order, life), NOW)
    [row] = rows(reader, "SELECT * FROM orders WHERE id_order = %s", order.id_order)
    assert (row["harga"], row["jumlah"], row["total_harga"], row["status"]) == (150_000, 2, 300_000, "delivered")
    assert (row["version"], row["courier"], row["placed_offset"]) == (4, "sicepat", 17)
    assert row["placed_at"].isoformat(timespec="milliseconds") == "2026-01-05T12:00:00.000"
    history = rows(reader, "SELECT * FROM order_status_history WHERE id_order = %s", order.id_order)
    assert [row["status"] for row in history] == ["delivered", "picked_up", "confirmed", "placed", "placed"]
    assert [row["applied"] for row in history] == [True, True, True, True, False]
    assert [row["source_topic"] for row in history] == ["courier-status-updates"] * 3 + [
        "orders",
        "courier-status-updates",
    ]


async def test_what_is_absent_leaves_no_tombstone(orders: CassandraOrders, reader: Session) -> None:
    """A null would hide the older value that is put under it here."""
    order = an_order(produk_nama=None, promised_at=None)
    bare = a_row(2, "confirmed", None, courier=None, substatus=None, note=None, latitude=None, longitude=None, eta=None)
    key = (order.id_order, bare.id_order_status_history)
    reader.execute(
        "UPDATE orders USING TIMESTAMP 1 SET produk_nama='old', promised_at=1, courier='old', eta=1 WHERE id_order=%s",
        key[:1],
    )
    reader.execute(
        "UPDATE order_status_history USING TIMESTAMP 1 SET previous_status='old', version=9, courier='old', "
        "substatus='old', note='old', latitude=1, longitude=1, eta=1, corrects=1, operator='old' "
        "WHERE id_order=%s AND id_order_status_history=%s",
        key,
    )
    await orders.write(written(order, [placed(order), bare]), NOW)
    [row] = rows(reader, "SELECT produk_nama, promised_at, courier, eta FROM orders WHERE id_order=%s", *key[:1])
    assert None not in row.values()
    [row] = rows(reader, "SELECT * FROM order_status_history WHERE id_order=%s AND id_order_status_history=%s", *key)
    assert None not in row.values()


def _lives(reader: Session, id_order: int) -> set[int]:
    columns = {"orders": "status", "order_status_history": "event_id"}
    queries = (f"SELECT ttl({column}) AS left FROM {table} WHERE id_order = %s" for table, column in columns.items())
    return {row["left"] for query in queries for row in rows(reader, query, id_order)}


async def test_rows_live_till_the_order_expires_and_longer_when_written_again(
    orders: CassandraOrders, reader: Session
) -> None:
    order = an_order()
    life = a_life(order)
    first = (expires_at(order, life[-1].recorded_at, 90 * DAY_MS) - NOW) // 1000
    for later, days in ((0, 0), (5 * DAY_MS, 5), (2 * DAY_MS, 5)):
        await orders.write(written(order, life, later=later), NOW)
        for ttl in _lives(reader, order.id_order):
            assert first + days * 86_400 - 60 <= ttl <= first + days * 86_400


async def test_a_month_is_listed_as_long_as_its_longest_lived_order(
    orders: CassandraOrders, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The month's row is shared by orders: one that was placed later, but expires sooner, must not take it away."""
    monkeypatch.setattr(lifetime, "SHORTEST_TTL", 1)
    long, short = an_order(id_user=71, recorded_at=NOON + 50), an_order(id_user=71, recorded_at=NOON + 500)
    await orders.write(written(long, [placed(long)], lists=True), NOW)
    await orders.write(replace(written(short, [placed(short)], lists=True), expires_at=NOW + 2_000), NOW)
    async with asyncio.timeout(60):
        while await orders.order(short.id_order) is not None:
            await asyncio.sleep(0.2)
    assert [now.order for now in (await orders.orders_of_user(71, 5)).items] == [long]


async def test_waiting_updates_live_for_three_weeks(orders: CassandraOrders, reader: Session) -> None:
    waiting = Waiting(an_order().id_order, Position("a", 0, 1), NOON, b"value", [("ce_id", b"1")])
    await orders.add_waiting(waiting, NOW)
    await orders.mark_rejected(waiting, NOW)
    [row] = rows(
        reader,
        "SELECT ttl(value) AS value, ttl(rejected_at) AS mark FROM waiting_updates WHERE id_order = %s",
        waiting.id_order,
    )
    left = (WAITING_KEPT_MS - DAY_MS) // 1000
    assert left - 60 <= row["value"] <= left
    assert left - 60 <= row["mark"] <= left


async def test_what_is_left_of_an_expired_order_counts_as_absent(orders: CassandraOrders, reader: Session) -> None:
    id_order = an_order().id_order
    reader.execute("UPDATE orders SET status = 'placed' WHERE id_order = %s", (id_order,))
    assert await orders.order(id_order) is None
    assert await orders.load(id_order) is None


# Without Cassandra


def _closed_port() -> int:
    with closing(socket.socket()) as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


async def test_where_nothing_listens_the_store_is_unavailable() -> None:
    nowhere = Settings(_env_file=None, cassandra_hosts="127.0.0.1", cassandra_port=_closed_port())  # type: ignore[call-arg]
    with pytest.raises(StoreUnavailable):
        await CassandraOrders.connect(nowhere)


async def test_without_tables_the_store_says_what_to_do(keyspace: Settings) -> None:
    with pytest.raises(StoreUnavailable, match="lacak migrate"):
        await CassandraOrders.connect(keyspace.model_copy(update={"cassandra_keyspace": "nobody_made_this"}))


class Wire:
    """A TCP proxy in front of Cassandra that can be frozen or cut."""

    def __init__(self, host: str, port: int) -> None:
        self._target = host, port
        self._flows = asyncio.Event()
        self._flows.set()
        self._writers: list[asyncio.StreamWriter] = []
        self._pipes: set[asyncio.Task[None]] = set()

    async def listen(self, port: int = 0) -> int:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", port)
        return int(self._server.sockets[0].getsockname()[1])

    async def cut(self) -> None:
        self._server.close()
        for writer in self._writers:
            writer.close()
        await asyncio.gather(*self._pipes)
        self._writers.clear()

    def freeze(self) -> None:
        self._flows.clear()

    def thaw(self) -> None:
        self._flows.set()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(*self._target)
        self._writers += [writer, far_writer]
        for source, sink in ((reader, far_writer), (far_reader, writer)):
            pipe = asyncio.create_task(self._pipe(source, sink))
            self._pipes.add(pipe)
            pipe.add_done_callback(self._pipes.discard)

    async def _pipe(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65_536):
                await self._flows.wait()
                writer.write(data)
        except ConnectionError:
            pass
        writer.close()


@pytest.fixture
async def wire(keyspace: Settings) -> AsyncIterator[Wire]:
    wire = Wire(keyspace.cassandra_hosts, keyspace.cassandra_port)
    yield wire
    wire.thaw()
    await wire.cut()


async def _until_it_answers(orders: CassandraOrders) -> None:
    async with asyncio.timeout(60):
        while True:
            try:
                return await orders.ping()
            except StoreUnavailable:
                await asyncio.sleep(0.1)


async def test_a_frozen_cassandra_is_unavailable_and_then_answers_again(keyspace: Settings, wire: Wire) -> None:
    through = {"cassandra_hosts": "127.0.0.1", "cassandra_port": await wire.listen(), "cassandra_request_timeout": 0.8}
    orders = await CassandraOrders.connect(keyspace.model_copy(update=through))
    order = an_order()
    wire.freeze()
    tries = [orders.write(written(order, [placed(order)]), NOW), orders.load(order.id_order), orders.ping()]
    tries += [orders.lease_node("frozen", 4, 5)]
    outcomes = await asyncio.gather(*tries, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [StoreUnavailable] * 4
    wire.thaw()
    await _until_it_answers(orders)
    await orders.write(written(order, [placed(order)]), NOW)
    assert await orders.load(order.id_order) is not None
    await orders.close()


async def test_a_lost_cassandra_is_unavailable_and_found_again(keyspace: Settings, wire: Wire) -> None:
    port = await wire.listen()
    through = {"cassandra_hosts": "127.0.0.1", "cassandra_port": port}
    orders = await CassandraOrders.connect(keyspace.model_copy(update=through))
    order = an_order()
    await wire.cut()
    with pytest.raises(StoreUnavailable):
        await orders.write(written(order, [placed(order)]), NOW)
    await wire.listen(port)
    await _until_it_answers(orders)
    assert await orders.load(order.id_order) is None
    await orders.close()


async def test_closing_gives_up_what_is_open(keyspace: Settings, wire: Wire) -> None:
    through = {"cassandra_hosts": "127.0.0.1", "cassandra_port": await wire.listen()}
    orders = await CassandraOrders.connect(keyspace.model_copy(update=through))
    wire.freeze()
    ping = asyncio.create_task(orders.ping())
    await asyncio.sleep(0)
    await orders.close()
    with pytest.raises(StoreUnavailable):
        await ping
