"""Hostile requests, over sockets, to servers that run: each is refused as it should be, and nothing comes of any."""

import asyncio
import json
import socket
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple

import pytest
from cassandra.cluster import Cluster

import topics_reader
from fresh import drop, fresh_settings
from hostile import bodies, heads, issued, live, paths, strangers, tokens
from hostile.world import ISSUER, OWNER, SECRET, Case, World, publish_keys, settle, with_token
from live_clients import TRANSPORTS, Client, journey, publish, query, until_served, websocket
from rest import running
from stack import Servers
from streams import topics
from streams.settings import Settings

CASES = {case.name: case for table in (tokens, issued, heads, bodies, paths, strangers, live) for case in table.CASES}
SIDE_BY_SIDE = 16
MINE, OTHERS = 5, 6  # orders of STRANGER's and OWNER's in live push
UNBOUNDED = {"requests_per_customer": 0, "requests_per_system": 0, "jwt_secret": SECRET, "drain_seconds": 0}


class Answer(NamedTuple):
    """All that came until the connection ended."""

    raw: bytes

    @property
    def head(self) -> bytes:
        return self.raw.partition(b"\r\n\r\n")[0].lower()

    @property
    def status(self) -> int:
        return int(self.head.split()[1])

    @property
    def problems(self) -> list[dict[str, Any]]:
        """The answer's one problem; of a batch that was read, those of its updates."""
        content = json.loads(self.raw.partition(b"\r\n\r\n")[2])
        return [each["problem"] for each in content["results"]] if self.status == 207 else [content]


@pytest.fixture(scope="module")
def settings(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    settings = fresh_settings(servers, tmp_path_factory.mktemp("hostile"), **UNBOUNDED)
    yield settings
    drop(settings)


@pytest.fixture(scope="module")
def world(settings: Settings) -> Iterator[World]:
    """API, live push and the page on one port, and the same with an issuer; an order is there, and API keys."""
    id_order, keys = settle(settings)
    of_issuer = {"jwt_keys": str(publish_keys(settings.local_dir)), "jwt_issuer": ISSUER}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("api.http_head.LINGER_SECONDS", 0.3)
        with running("web", settings) as rest, running("api", settings.model_copy(update=of_issuer)) as issued:
            world = World(rest, issued, id_order, keys)
            rest.until_ready()
            issued.until_ready()
            until_served(rest)
            rest.until(lambda: rest.get(world.order, world.customer(OWNER)).status_code == 200, "read")
            good = with_token(keys["good"])
            rest.until(lambda: rest.get(world.order, good).status_code == 403, "API keys are known")
            yield world


Written = tuple[dict[str, int], dict[str, int]]


def written(settings: Settings) -> Written:
    """How many records and rows there are, by topic and by table; but not what processes keep of themselves."""
    records = {one.name: len(topics_reader.read(settings, one.name)) for one in topics.ALL if one is not topics.CHANGED}
    cluster = Cluster([settings.cassandra_hosts], port=settings.cassandra_port, protocol_version=5)
    try:
        session = cluster.connect(settings.cassandra_keyspace)
        tables = cluster.metadata.keyspaces[settings.cassandra_keyspace].tables.keys() - {"snowflake_nodes"}
        return records, {name: session.execute(f"SELECT count(*) FROM {name}").one()[0] for name in sorted(tables)}
    finally:
        cluster.shutdown()


@pytest.fixture(scope="module")
def before(world: World) -> Written:
    """What there was when the first hostile request was sent: also a good order, so that it is known to be possible."""
    order = {"id_user": OWNER, "id_produk": 7, "harga": 1, "jumlah": 1}
    world.rest.until(lambda: world.rest.post("/v1/orders", order, world.shop()).status_code == 202, "taken")
    sent = world.rest.post(f"{world.order}/status", {"status": "lost"}, world.courier())
    assert sent.status_code == 202
    return written(world.rest.settings)


@pytest.fixture(scope="module")
def answers(world: World, before: Written) -> Iterator[dict[str, Future[Answer]]]:
    """The answers to all of them, sent side by side."""
    with ThreadPoolExecutor(SIDE_BY_SIDE) as threads:
        yield {name: threads.submit(exchange, world, case) for name, case in CASES.items()}


def exchange(world: World, case: Case) -> Answer:
    settings = (world.issued if case.issued else world.rest).settings
    with socket.create_connection((settings.http_host, settings.http_port), timeout=10) as client:
        client.sendall(case.sent(world))
        return Answer(b"".join(iter(lambda: client.recv(65_536), b"")))


def test_there_are_more_than_150_of_them() -> None:
    names = Counter(
        case.name for table in (tokens, issued, heads, bodies, paths, strangers, live) for case in table.CASES
    )
    assert len(CASES) > 150 and names.most_common(1)[0][1] == 1


@pytest.mark.parametrize("name", CASES, ids=ascii)
def test_a_hostile_request_is_refused_as_it_should_be(name: str, answers: dict[str, Future[Answer]]) -> None:
    answer, case = answers[name].result(), CASES[name]
    assert answer.raw.startswith(b"HTTP/1.1 "), "an answer"
    assert answer.raw.count(b"HTTP/1.1 ") == 1, "to one request"
    for problem in answer.problems:
        assert (problem["status"], problem["type"]) == (case.status, f"urn:lacak:problem:{case.problem}"), problem
    assert answer.status in (case.status, 207)
    assert b"x-injected" not in answer.head and b"set-cookie" not in answer.head
    assert b"Kopi Gayo" not in answer.raw, "nothing of the order"


async def close_code(client: Client) -> int | None:
    assert client.socket is not None
    await asyncio.wait_for(client.socket.wait_closed(), 20)
    return client.socket.close_code


@pytest.mark.parametrize("name", live.TOLD, ids=ascii)
async def test_a_hostile_handshake_is_told_so_by_its_close_code(name: str, world: World, before: Written) -> None:
    tail, headers, code = live.TOLD[name]
    async with websocket(world.rest, tail(world), headers(world)) as client:
        assert await close_code(client) == code


@pytest.mark.parametrize("sent", live.FRAMES, ids=lambda sent: sent.name)
async def test_a_hostile_frame_ends_its_connection(sent: live.Sent, world: World, before: Written) -> None:
    async with websocket(world.rest, headers=world.customer()) as client:
        await client.next("snapshot")
        client.socket.transport.write(sent.sent)
        assert await close_code(client) == sent.code


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_a_stranger_with_the_owners_cursor_and_order_sees_nothing_of_them(
    transport: str, world: World, before: Written
) -> None:
    settings, connect = world.rest.settings, TRANSPORTS[transport]
    async with connect(world.rest, headers=world.customer(OWNER)) as owner:
        await owner.next("snapshot")
        publish(settings, *journey(OWNER, OTHERS, [1], note="kept from others"))
        await owner.next("change")
        cursor = owner.cursor
    publish(settings, *journey(OWNER, OTHERS, [2], note="kept from others"))
    async with connect(world.rest, query(cursor, [OTHERS, world.id_order, MINE]), world.customer()) as stranger:
        publish(settings, *journey(OWNER, OTHERS, [3], note="kept from others"), *journey(43, MINE, [1]))
        frames = [await stranger.next()]
        while frames[-1]["type"] != "change":
            frames.append(await stranger.next())
    assert frames[-1]["order"]["id_order"] == str(MINE)
    seen = json.dumps(frames)
    assert "kept from others" not in seen and f'"{OTHERS}"' not in seen and str(world.id_order) not in seen


def test_nothing_was_written(world: World, before: Written, answers: dict[str, Future[Answer]]) -> None:
    for answer in answers.values():
        answer.result()
    assert written(world.rest.settings) == before


def test_and_the_server_goes_on(world: World, answers: dict[str, Future[Answer]]) -> None:
    assert world.rest.get("/healthz").status_code == 200
    assert world.rest.get(world.order, world.customer(OWNER)).json()["id_user"] == OWNER
