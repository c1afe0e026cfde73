"""Kafka and Cassandra with TLS, passwords and least rights: all works, and nobody may do what is not its own."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiokafka.admin import NewTopic
from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    CorruptRecordException,
    GroupAuthorizationFailedError,
    TopicAuthorizationFailedError,
)
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.protocol.produce import ProduceRequest
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from cassandra import Unauthorized
from cassandra.cluster import Session
from confluent_kafka import Consumer, Producer
from websockets.sync.client import connect

from lacak import Lacak, ready
from processes import Process, free_port, running, until
from secure import Secure, set_up, start_secure
from streams import kafka
from streams.codec import Codec
from streams.kafka_acls import Acl, acls_of, allow, set_password
from streams.settings import Settings
from tables.access import DATA, GROUPS, MODIFY, READ, SELECT, SERVICES, TABLES, TOPICS, WRITE
from tables.cassandra_cluster import build_cluster, translated
from tables.orders import StoreRefused

NONE_OF_ANY = {"int": -1, "bigint": -1, "text": "nobody", "blob": b"nobody", "date": "1970-01-01"}  # keys of no row


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secure]:
    """Servers of this module's own, with all users and grants."""
    servers = start_secure(tmp_path_factory.mktemp("secure"))
    try:
        set_up(servers)
        yield servers
    finally:
        servers.stop()


@pytest.fixture(scope="module")
def system(servers: Secure) -> Iterator[tuple[Lacak, str]]:
    """Each process as its own user; the API as Lacak, and the gateway's address."""
    api_port, gateway_port = free_port(), free_port()
    settings = servers.settings("api", http_port=api_port)
    track, api = Process("track", servers.settings("track")), Process("api", settings)
    gateway = Process("gateway", servers.settings("gateway", http_port=gateway_port))
    with running(track, Process("notify", servers.settings("notify")), api, gateway):
        address = f"127.0.0.1:{gateway_port}"
        url = f"http://127.0.0.1:{api_port}"
        until(lambda: ready(url) and ready(f"http://{address}"), what="/readyz")
        for process in (api, gateway):
            until(lambda log=process.log: "store_connected" in log.read_text(), what="Cassandra")
        yield Lacak(settings, track, api, url), address


def test_an_order_goes_from_a_shop_to_the_customers_screen(system: tuple[Lacak, str]) -> None:
    lacak, gateway = system
    with watch(lacak, gateway, "42") as socket:
        assert frame(socket)["type"] == "hello"
        assert frame(socket)["orders"] == []
        id_order = lacak.place(42)
        lacak.update(id_order, "picked_up")
        changes = [frame(socket)["order"] for _ in range(2)]
    assert [(each["id_order"], each["status"]) for each in changes] == [(id_order, "placed"), (id_order, "picked_up")]
    with watch(lacak, gateway, "42") as socket:
        frame(socket)
        assert [each["id_order"] for each in frame(socket)["orders"]] == [id_order], "the gateway's snapshot"
    assert (lacak.order(id_order) or {})["status"] == "picked_up", "the API's query"


def test_a_courier_and_a_data_team_use_kafka_as_themselves(system: tuple[Lacak, str], servers: Secure) -> None:
    lacak, _ = system
    id_order = lacak.place(43)
    update = {"event_id": "k1", "id_order": int(id_order), "status": "delivered", "courier": "jne"}
    update |= {"occurred_at": int(time.time() * 1000), "substatus": None, "note": None}
    update |= {"latitude": None, "longitude": None, "eta": None}
    producer = Producer(confluent(servers.settings("courier")))
    producer.produce("courier-status-updates", Codec("CourierStatusUpdate").encode(update), id_order)
    assert producer.flush(30) == 0
    data = servers.settings("data")
    group = {"group.id": f"{data.kafka_username}-reports", "auto.offset.reset": "earliest"}
    consumer = Consumer({**confluent(data), **group})
    consumer.subscribe(["user-notifications"])
    try:
        notes = iter(lambda: Codec("UserNotification").decode(consumed(consumer)), None)
        note = next(note for note in notes if note["id_order"] == int(id_order))
    finally:
        consumer.close()
    assert (note["status"], note["id_user"]) == ("delivered", 43)


def test_an_operator_sees_to_what_was_rejected_and_what_waits(system: tuple[Lacak, str], servers: Secure) -> None:
    lacak, _ = system
    id_order = lacak.place(44)
    lacak.update(id_order, "delivered", event_id="first")
    lacak.update(id_order, "picked_up", event_id="backwards")
    until(lambda: "illegal_transition" in str(servers.run("ops", "rejected", "list")), what="a dead letter")
    assert servers.run("ops", "rejected", "replay")[0].startswith("1 sent again")
    lacak.update("4444", "delivered")
    until(lambda: "4444" in str(servers.run("ops", "waiting", "list")), what="a waiting update")
    assert servers.run("ops", "waiting", "expire") == ["0 rejected as unknown_order, 1 still wait"]
    [key] = servers.run("ops", "keys", "create", "a-shop", "--scope", "orders:write")
    assert key.startswith("lck_") and "a-shop" in str(servers.run("ops", "keys", "list"))
    assert " 0 written, " in servers.run("rebuild", "rebuild", "orders_by_user")[-1]


def test_a_second_run_of_everything_changes_nothing(servers: Secure) -> None:
    for kind in ("kafka", "cassandra"):
        assert servers.run("admin", "grants", kind) == ["everything is granted as it should be, and nothing else"]
    assert servers.run("deploy", "migrate") == ["the keyspace lacak is up to date"]
    assert servers.run("deploy", "topics") == ["all 5 topics are there, with 3 partitions each"]


async def test_what_somebody_gave_a_service_besides_is_taken_back(servers: Secure) -> None:
    bare = kafka.client(servers.settings("admin"), "test")
    await bare.bootstrap()
    await allow(bare, "lacak-gateway", [Acl("Topic", "orders", "literal", "All")])
    await bare.close()
    with build_cluster(servers.settings("admin")) as cluster:
        cluster.connect().execute('GRANT MODIFY ON TABLE lacak.orders TO "lacak-gateway"')
    assert servers.run("admin", "grants", "kafka") == ["lacak-gateway may no longer All Topic orders"]
    assert servers.run("admin", "grants", "cassandra") == ["lacak-gateway may no longer MODIFY ON TABLE lacak.orders"]


def test_who_is_to_be_granted_something_must_be_there(servers: Secure) -> None:
    line = refusal(servers, "admin", "grants", "cassandra", "--user", "api=nobody")
    assert line == "lacak: Cassandra has no role nobody; --passwords makes them"
    assert "does not let lacak-ops do this" in refusal(servers, "ops", "grants", "kafka")
    assert "Cassandra refuses it" in refusal(servers, "ops", "grants", "cassandra")


@pytest.mark.parametrize("name", SERVICES)
async def test_kafka_refuses_a_service_each_topic_and_group_that_is_not_its_own(
    name: str, system: tuple[Lacak, str], servers: Secure
) -> None:
    service, settings = SERVICES[name], servers.settings(name)
    bare = kafka.client(settings, "test")
    await bare.bootstrap()
    try:
        for topic in TOPICS:
            allowed = service.topics.get(topic, ())
            assert await may(bare, _fetch(topic)) is (READ in allowed), f"{name} reads {topic}"
            assert await may(bare, _produce(topic)) is (WRITE in allowed), f"{name} writes {topic}"
        async with kafka.admin(settings, "test") as admin:
            for group in (*GROUPS, DATA.user(settings), f"{DATA.user(settings)}-2"):
                own = READ in service.groups.get(group, ()) or (service is DATA and group not in GROUPS)
                assert await may_be_in(admin, group) is own, f"{name} in the group {group}"
            [(_, code, *_)] = (await admin.create_topics([NewTopic("another", 1, 1)])).topic_errors
            assert code == TopicAuthorizationFailedError.errno, f"{name} makes another topic"
        with pytest.raises(ClusterAuthorizationFailedError):
            await acls_of(bare, settings.kafka_username)
        with pytest.raises(ClusterAuthorizationFailedError):
            await set_password(bare, "lacak-track", "mine now")
    finally:
        await bare.close()


@pytest.mark.parametrize("name", [name for name, service in SERVICES.items() if service.tables])
def test_cassandra_refuses_a_service_each_table_that_is_not_its_own(name: str, servers: Secure) -> None:
    service = SERVICES[name]
    with build_cluster(servers.settings(name)) as cluster:
        session = cluster.connect()
        for table in TABLES:
            allowed = service.tables.get(table, ())
            assert does(session, f"SELECT * FROM lacak.{table} LIMIT 1") is (SELECT in allowed), f"{name}, {table}"
            assert does(session, *_delete(session, table)) is (MODIFY in allowed), f"{name} changes {table}"
            assert not does(session, f'GRANT SELECT ON lacak.{table} TO "{service.user(servers.settings(name))}"')
            assert not does(session, f"DROP TABLE lacak.{table}")
        assert does(session, "ALTER TABLE lacak.orders WITH comment = 'tried'") is (name == "deploy")
        assert not does(session, "CREATE KEYSPACE other WITH replication = {'class': 'SimpleStrategy'}")
        assert not does(session, "LIST ALL PERMISSIONS OF cassandra")


@pytest.mark.parametrize("name", [name for name, service in SERVICES.items() if not service.tables])
def test_a_service_without_tables_is_nobody_at_cassandra(name: str, servers: Secure) -> None:
    assert "the role or its password is wrong" in refusal(servers, name, "migrate")


def test_wrong_credentials_are_one_line_that_says_what_to_do(servers: Secure, tmp_path: Path) -> None:
    wrong = tmp_path / "password"
    wrong.write_text("not it\n")
    line = refusal(servers, "ops", "topics", kafka_password_file=wrong)
    assert "the user lacak-ops or its password is wrong" in line and "LACAK_KAFKA_USERNAME" in line
    line = refusal(servers, "ops", "migrate", cassandra_password_file=wrong)
    assert "the role or its password is wrong" in line and "LACAK_CASSANDRA_USERNAME" in line
    line = refusal(servers, "ops", "topics", kafka_ca=None)
    assert "LACAK_KAFKA_CA must name who signed its certificate" in line
    line = refusal(servers, "ops", "migrate", cassandra_ca=None)
    assert "LACAK_CASSANDRA_CA must name who signed its certificate" in line
    line = refusal(servers, "data", "rejected", "list")
    assert "does not let lacak-data do this" in line and "`lacak grants kafka`" in line
    line = refusal(servers, "ops", "migrate")
    assert "User lacak-ops has no" in line and "`lacak grants cassandra`" in line


def test_a_certificate_of_another_host_is_not_trusted(servers: Secure) -> None:
    settings = servers.settings("ops", cassandra_tls_name="elsewhere.example")
    with pytest.raises(StoreRefused, match="LACAK_CASSANDRA_TLS_NAME"):
        connect_cassandra(settings)
    connect_cassandra(servers.settings("ops", cassandra_tls_name="localhost"))


def test_a_service_with_a_password_that_is_new_waits_says_so_and_goes_on_when_it_is_set(
    servers: Secure, tmp_path: Path
) -> None:
    user = "lacak-api-2"
    new = tmp_path / user
    new.write_text("a second one")
    names = {"kafka_username": user, "cassandra_username": user}
    files = {"kafka_password_file": new, "cassandra_password_file": new}
    api = Process("api", servers.settings("api", http_port=free_port(), **names, **files), "api-2")
    url = f"http://127.0.0.1:{api.settings.http_port}"
    with api:
        until(lambda: f"the user {user} or its password is wrong" in api.log.read_text(), what="a line about Kafka")
        until(lambda: "the role or its password is wrong" in api.log.read_text(), what="a line about Cassandra")
        assert not ready(url)
        for kind in ("kafka", "cassandra"):
            servers.run("admin", "grants", kind, "--user", f"api={user}", "--passwords", tmp_path)
        until(lambda: ready(url), what="/readyz")
        until(lambda: "store_connected" in api.log.read_text(), what="Cassandra, too")
    assert "Traceback" not in api.log.read_text()


def test_none_of_the_services_lacked_a_right(system: tuple[Lacak, str], servers: Secure) -> None:
    for name in ("api", "gateway", "track", "notify"):
        assert "lacak grants" not in (servers.config.folder / f"{name}.log").read_text(), name


def test_no_password_is_in_a_log(system: tuple[Lacak, str], servers: Secure) -> None:
    folder = servers.config.folder
    paths = [*folder.glob("*.log"), *folder.glob("logs/*.log")]
    logs = {path.name: path.read_text(errors="replace") for path in paths}
    assert {"api.log", "track.log", "notify.log", "gateway.log", "kafka.log", "cassandra.log"} <= logs.keys()
    for path in (*servers.passwords.iterdir(), folder / "kafka-admin-password"):
        assert [name for name, text in logs.items() if path.read_text() in text] == [], path.name


def watch(lacak: Lacak, gateway: str, user: str) -> Any:
    headers: Any = lacak.headers("orders:read", sub=user)
    return connect(f"ws://{gateway}/v1/live", subprotocols=["lacak.v1"], additional_headers=headers)  # type: ignore[list-item]


def frame(socket: Any) -> dict[str, Any]:
    """The next frame."""
    read: dict[str, Any] = json.loads(socket.recv(30))
    return read


def confluent(settings: Settings) -> dict[str, Any]:
    """The same settings for librdkafka."""
    return {
        "bootstrap.servers": settings.kafka_bootstrap,
        "security.protocol": "SASL_SSL",
        "ssl.ca.location": str(settings.kafka_ca),
        "sasl.mechanism": settings.kafka_mechanism,
        "sasl.username": settings.kafka_username,
        "sasl.password": settings.kafka_login.secret(),
    }


def consumed(consumer: Consumer) -> bytes:
    """The next record's value."""
    message = consumer.poll(30)
    assert message is not None and not message.error(), message
    value = message.value()
    assert value is not None
    return value


def refusal(servers: Secure, service: str, *words: str, **changes: Any) -> str:
    """The one line that a command ends with, exit code 1."""
    lines = servers.run(service, *words, code=1, **changes)
    assert len(lines) == 1, lines
    return lines[0]


def connect_cassandra(settings: Settings) -> None:
    with translated(), build_cluster(settings) as cluster:
        cluster.connect()


def _fetch(topic: str) -> FetchRequest:
    return FetchRequest(0, 0, 1024, 0, [(topic, [(0, 0, 1024)])])


def _produce(topic: str) -> ProduceRequest:
    """A batch with a wrong checksum: whoever may write hears of that, and nothing is written."""
    builder = DefaultRecordBatchBuilder(2, 0, 0, -1, -1, 0, 1000)
    builder.append(0, 0, b"key", b"value", [])
    batch = bytearray(builder.build())
    batch[-1] ^= 1
    return ProduceRequest(None, -1, 5000, [(topic, [(0, bytes(batch))])])


async def may(bare: Any, request: Any) -> bool:
    """Whether the broker lets this user."""
    answer = await bare.send(bare.get_random_node(), request)
    [(_, [(_, code, *_)])] = answer.topics
    assert code in (0, CorruptRecordException.errno, TopicAuthorizationFailedError.errno), code
    return bool(code != TopicAuthorizationFailedError.errno)


async def may_be_in(admin: Any, group: str) -> bool:
    try:
        await kafka.check_group(admin, group)
    except GroupAuthorizationFailedError:
        return False
    return True


def does(session: Session, statement: str, *values: object) -> bool:
    """Whether Cassandra does it."""
    try:
        session.execute(session.prepare(statement), values) if values else session.execute(statement)
    except Unauthorized:
        return False
    return True


def _delete(session: Session, table: str) -> tuple[Any, ...]:
    """A deletion of a row that is not there."""
    keys = session.cluster.metadata.keyspaces["lacak"].tables[table].partition_key
    where = " AND ".join(f"{key.name} = ?" for key in keys)
    return f"DELETE FROM lacak.{table} WHERE {where}", *(NONE_OF_ANY[key.cql_type] for key in keys)
