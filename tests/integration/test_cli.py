"""The `lacak` command on real servers: tokens, set-up, loading, couriers; and one clear line when something fails."""

import asyncio
import json
from pathlib import Path

import pytest

from api.auth import Authenticator
from cli.olist import Files, read
from cli.publish import Item
from command import headers_of, lacak, started
from lacak import ready
from processes import Process, free_port, running, until
from streams import topics
from streams.codec import Codec
from streams.messages import Message, header
from streams.settings import Settings
from tables.cassandra_orders import CassandraOrders
from topics_reader import messages
from topics_reader import read as read_topic

SAMPLE = Path(__file__).parent.parent / "data" / "olist"
ORDERS, UPDATES = topics.ORDERS.name, topics.UPDATES.name


@pytest.fixture
def nowhere() -> Settings:
    """Settings of servers that are not there."""
    return Settings(
        _env_file=None,  # type: ignore[call-arg]
        kafka_bootstrap=f"127.0.0.1:{free_port()}",
        cassandra_hosts="127.0.0.1",
        cassandra_port=free_port(),
        http_port=free_port(),
        jwt_secret="a secret of the tests, 32 bytes long or more",
    )


def by_order(found: list[Message]) -> dict[int, list[Message]]:
    orders: dict[int, list[Message]] = {}
    for message in found:
        orders.setdefault(message["id_order"], []).append(message)
    return orders


def test_a_token_a_line_for_each_user(nowhere: Settings) -> None:
    lines = lacak(nowhere, "token", "--user", 42, "--user", 7).stdout.splitlines()
    verify = Authenticator(nowhere.jwt_secret, nowhere.jwt_audience, 0).verify
    assert [verify(line).id_user for line in lines] == [42, 7]
    assert verify(lines[0]).scopes == {"orders:read"}


def test_a_token_for_a_courier_and_for_an_hour(nowhere: Settings) -> None:
    words = ("token", "--scope", "status:write", "--scope", "ops", "--courier", "jne", "--ttl", 60)
    caller = Authenticator(nowhere.jwt_secret, nowhere.jwt_audience, 0).verify(lacak(nowhere, *words).stdout.strip())
    assert (caller.scopes, caller.courier) == ({"status:write", "ops"}, "jne")


def test_a_token_for_a_shop(nowhere: Settings) -> None:
    words = ("token", "--sub", "a-shop", "--scope", "orders:write")
    caller = Authenticator(nowhere.jwt_secret, nowhere.jwt_audience, 0).verify(lacak(nowhere, *words).stdout.strip())
    assert (caller.sub, caller.scopes) == ("a-shop", {"orders:write"})


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("topics",), 1, "does not answer; `make up` starts it"),
        (("topics", "--wait", "1"), 1, "waiting for Kafka"),
        (("migrate",), 1, "Cassandra at 127.0.0.1"),
        (("rejected", "list"), 1, "does not answer"),
        (("waiting", "expire"), 1, "Cassandra at 127.0.0.1"),
        (("load", str(SAMPLE)), 1, "does not answer"),
        (("load", str(SAMPLE), "--via", "rest"), 1, "the API at http://127.0.0.1"),
        (("simulate", "--orders", "1"), 1, "the API at http://127.0.0.1"),
        (("simulate", "--orders", "1", "--via", "kafka"), 1, "does not answer"),
    ],
)
def test_a_server_that_is_away_is_one_clear_line(
    nowhere: Settings, words: tuple[str, ...], code: int, said: str
) -> None:
    done = lacak(nowhere, *words, code=code)
    assert said in done.stderr
    assert len(done.stderr.strip().splitlines()) <= 2


@pytest.mark.parametrize(
    ("words", "env", "said"),
    [
        (("token", "--user", "1"), {"LACAK_JWT_SECRET": ""}, "LACAK_JWT_SECRET is not set: `make up` makes one"),
        (("token", "--user", "1"), {"LACAK_JWT_SECRET": "short"}, "at least 32 bytes"),
        (("token",), {}, "say who the token is for"),
        (("token", "--user", "1", "--sub", "a-shop"), {}, "a token has one sub"),
        (("token", "--scope", "everything"), {}, "no such scope: everything"),
        (("topics",), {"LACAK_PARTITIONS": "many"}, "LACAK_PARTITIONS: Input should be a valid integer"),
        (("watch",), {}, "say whose orders"),
        (("rejected", "show", "here"), {}, "not PARTITION:OFFSET"),
        (("load", str(SAMPLE / "olist_customers_dataset.csv")), {}, "olist_orders_dataset.csv"),
        (("load", str(SAMPLE.parent / "README.md")), {}, "no such column"),
    ],
)
def test_what_a_person_got_wrong_is_one_clear_line(
    nowhere: Settings, words: tuple[str, ...], env: dict[str, str], said: str
) -> None:
    assert said in lacak(nowhere, *words, code=2, env=env).stderr


def test_topics_and_tables_are_made_once(settings: Settings) -> None:
    fresh = {"LACAK_TOPIC_PREFIX": f"{settings.topic_prefix}new-"}
    made = lacak(settings, "topics", "--wait", 5, env=fresh).stdout.split()
    assert made[1::2] == [fresh["LACAK_TOPIC_PREFIX"] + topic.name for topic in topics.ALL]
    assert "all 5 topics are there, with 4 partitions each" in lacak(settings, "topics", env=fresh).stdout
    assert "is up to date" in lacak(settings, "migrate").stdout
    assert "4 partitions, the settings say 5" in lacak(settings, "topics", code=1, env={"LACAK_PARTITIONS": "5"}).stderr


def test_the_olist_files_are_in_the_topics_as_they_are_read_each_orders_events_in_order(settings: Settings) -> None:
    done = lacak(settings, "load", SAMPLE)
    files = Files()
    for path in SAMPLE.glob("*.csv"):
        files.add(path)
    items = [item for item in read(files) if isinstance(item, Item)]
    assert f"sent {len(items)} (41 orders" in done.stdout and f"{len(items)} accepted, 0 refused" in done.stdout
    kinds = ((ORDERS, "OrderPlaced", ["couriers"]), (UPDATES, "CourierStatusUpdate", ["corrects", "operator"]))
    for topic, codec, left_out in kinds:
        sent = [item.message for item in items if item.is_order is (topic == ORDERS)]
        expected = by_order([{**message, **dict.fromkeys(left_out)} for message in sent])
        assert by_order(messages(settings, topic, codec)) == expected


def test_a_loaded_record_has_the_plain_key_and_the_headers_of_a_cloud_event(settings: Settings) -> None:
    lacak(settings, "load", SAMPLE)
    for record in read_topic(settings, ORDERS):
        message = Codec("OrderPlaced").decode(record.value())
        assert record.key() == str(message["id_order"]).encode()
        assert header(headers_of(record), "ce_source") == b"/lacak/load"
        assert header(headers_of(record), "ce_type") == b"lacak.order.placed"


def test_bad_lines_are_told_and_the_others_are_sent(settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "own.jsonl"
    order = {"id_order": 1, "id_user": 2, "id_produk": 3, "harga": 4, "jumlah": 5}
    path.write_text("\n".join([json.dumps(order), "nonsense", json.dumps({**order, "id_order": 2, "jumlah": 0})]))
    done = lacak(settings, "load", path, code=1)
    assert "own.jsonl:2: no JSON" in done.stderr and "own.jsonl:3: jumlah: 0 is not in" in done.stderr
    assert "2 bad lines were left out" in done.stderr and "sent 1 (1 orders, 0 updates)" in done.stdout
    assert [message["id_order"] for message in messages(settings, ORDERS, "OrderPlaced")] == [1]


def test_without_topics_it_says_how_to_make_them(settings: Settings) -> None:
    env = {"LACAK_TOPIC_PREFIX": f"{settings.topic_prefix}none-", "LACAK_KAFKA_REQUEST_TIMEOUT": "2"}
    assert "`lacak topics` makes them" in lacak(settings, "rejected", "list", code=1, env=env).stderr
    assert "`lacak topics` makes them" in lacak(settings, "load", SAMPLE, code=1, env=env).stderr


def test_simulated_couriers_over_kafka_tell_every_order_to_its_end(settings: Settings) -> None:
    words = ("simulate", "--orders", 8, "--rate", 500, "--via", "kafka", "--seed", 5, "--users", 3)
    done = lacak(settings, *words)
    placed, updates = messages(settings, ORDERS, "OrderPlaced"), messages(settings, UPDATES, "CourierStatusUpdate")
    assert f"sent {8 + len(updates)} (8 orders, {len(updates)} updates): {8 + len(updates)} accepted" in done.stdout
    assert len(placed) == 8 and {message["id_user"] for message in placed} <= {1, 2, 3}
    assert set(by_order(updates)) == set(by_order(placed))


def test_the_keyspace_that_migrate_makes_serves_orders(settings: Settings) -> None:
    async def ping() -> None:
        store = await CassandraOrders.connect(settings)
        await store.ping()
        await store.close()

    asyncio.run(ping())


@pytest.mark.parametrize("transport", ["websocket", "sse"])
def test_what_simulated_couriers_tell_the_api_is_watched_live(settings: Settings, transport: str) -> None:
    settings = settings.model_copy(update={"http_port": free_port()})
    words = ["watch", "--user", "1", "--json", "--changes", "12", "--transport", transport]
    with running(Process("track", settings), Process("web", settings)):
        until(lambda: ready(f"http://127.0.0.1:{settings.http_port}"), what="the API is ready")
        with started(settings, *words) as watching:
            assert watching.stderr is not None and "connected" in watching.stderr.readline()
            told = lacak(settings, "simulate", "--orders", 3, "--rate", 100, "--users", 1, "--seed", 1).stdout
            assert " 0 refused, 0 without an answer" in told
            output, _ = watching.communicate(timeout=60)
    changes = [json.loads(line) for line in output.splitlines()]
    assert watching.returncode == 0 and len(changes) == 12
    for of_order in by_order(changes).values():
        assert [change["version"] for change in of_order] == list(range(1, len(of_order) + 1))
