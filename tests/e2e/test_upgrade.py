"""docs/operations/upgrade.md: a running system becomes the next version, one process after the other, under load.

The next version has a field more in OrderStatusChanged, and a column more in Cassandra (tests/next_version.py).
"""

import asyncio
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import ExitStack
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from cassandra.cluster import Session
from fastavro import schemaless_reader
from fastavro.schema import load_schema

import next_version
import restarts
import stack
import topics_reader
from agents.notices import WORDS, notification_id
from behind_edge import lacak, url
from command import lacak as command
from crowd import Crowd
from fresh import fresh_settings
from lacak import ready
from mixed_load import Load
from next_version import FIELD, MESSAGE, TABLE
from processes import Process, running, until
from soak import Size, place, tokens
from streams.codec import schema_ids
from streams.settings import Settings
from tables.cassandra_cluster import build_cluster

PAGE = Path(__file__).parents[2] / "docs" / "operations" / "upgrade.md"
SIZE = Size(clients=30, rate=30)
LONGEST = 150.0  # seconds of load, a bound
DRAIN = 3.0
SCAN = {"event_id": "the-last", "status": "exception", "courier": "jne"}


@pytest.fixture
def settings(servers: stack.Servers, tmp_path: Path) -> Iterator[Settings]:
    settings = fresh_settings(servers, tmp_path, heartbeat=4, drain_seconds=DRAIN)
    yield settings
    with build_cluster(settings) as cluster:  # tables of another version are for nobody else
        cluster.connect().execute(f"DROP KEYSPACE {settings.cassandra_keyspace}", timeout=60)


@pytest.fixture
def session(settings: Settings) -> Iterator[Session]:
    with build_cluster(settings) as cluster:
        yield cluster.connect(settings.cassandra_keyspace)


async def test_nothing_is_lost_and_nobody_misses_a_change_while_all_becomes_the_next_version(
    settings: Settings, session: Session, tmp_path: Path
) -> None:
    code = tmp_path / "next"
    new_id = next_version.make(code)
    with ExitStack() as held:
        behind = held.enter_context(lacak(settings, tmp_path / "edge"))
        second, notify = Process("track", settings, "track-2"), Process("notify", settings)
        held.enter_context(running(second, notify))
        system = {
            "gateway": behind.gateways,
            "notify": [notify],
            "track": [behind.track, second],
            "api": behind.apis,
        }
        await asyncio.to_thread(place, settings, SIZE)
        before = await asyncio.to_thread(restarts.sent, settings)
        crowd, load = Crowd([behind.edge.port], tokens(settings, SIZE), behind.edge.trust()), Load(behind, SIZE.users)
        try:
            await crowd.arrive(100)
            enough = asyncio.Event()
            async with asyncio.TaskGroup() as beside:
                beside.create_task(load.run(SIZE.rate, LONGEST, enough))
                await asyncio.to_thread(command, settings, "migrate", root=code)
                for process in (each for kind in order() for each in system[kind]):
                    await asyncio.to_thread(upgrade, process, code)
                enough.set()
            versions = await asyncio.to_thread(at_rest, session, load)
            await crowd.until_shown(versions, 30)
            last = crowd.customers[0]
            behind.rest.post(f"/v1/orders/{last.id_user}/status", SCAN, behind.rest.headers("status:write"))
            await crowd.until_shown(versions | {last.id_user: versions[last.id_user] + 1}, 30)
        finally:
            await crowd.leave()
        print(*sorted(load.told.tries.items()), *sorted(crowd.count.items()), sep="\n")
        assert restarts.differences(behind, load.told, before) == []
        assert crowd.faults == {"gaps": [], "reversals": [], "lost": []}
        assert crowd.count["resumed"] >= SIZE.clients and not crowd.count["by a snapshot"]
        assert last.order[FIELD] >= 0, "shown what only the new version knows"
        assert behind.rest.get(f"/registry/schemas/ids/{new_id}").status_code == 200
    await asyncio.to_thread(check_topics, settings, code, {schema_ids()[MESSAGE], new_id})
    rows = session.execute(f"SELECT {FIELD} FROM {TABLE} WHERE id_order = {last.id_user}")
    assert rows.one()[0] == last.order[FIELD]


def order() -> list[str]:
    """The kinds of processes, in the order of the page's table."""
    return re.findall(r"^\| \d+ \| `lacak serve (\w+)`", PAGE.read_text(), re.M)


def upgrade(process: Process, code: Path) -> None:
    """As an orchestrator does it: ended, started with the new code, and on to the next one when it works."""
    process.stop(DRAIN + 15)
    process.code, said = code, assignments(process)
    process.start()
    works = (lambda: ready(url(process))) if process.kind in ("api", "gateway") else lambda: assignments(process) > said
    until(works, 120, f"{process.log.stem} works")


def assignments(worker: Process) -> int:
    return worker.log.read_text().count("assigned")


def at_rest(session: Session, load: Load) -> dict[int, int]:
    """The last version of each order, when all that was taken has been judged."""

    def judged() -> bool:
        rows = session.execute(f"SELECT event_id FROM {TABLE}")
        return load.told.events.keys() <= {event for (event,) in rows}

    until(judged, 120, "all updates are in the history")
    return dict(tuple(row) for row in session.execute("SELECT id_order, version FROM orders"))


def check_topics(settings: Settings, code: Path, ids: set[int]) -> None:
    """Each change is there, in order and by either schema; and whoever was to be notified has been."""
    written, versions, news = set(), defaultdict[int, list[int]](list), Counter[str]()
    for record in topics_reader.read(settings, "order-status-changed"):
        schema_id, change = decoded(code, record.value() or b"")
        written.add(schema_id)
        versions[change["id_order"]].append(change["version"])
        news[notification_id(change)] += change["status"] in WORDS
    assert written == ids
    for seen in versions.values():
        first = [version for at, version in enumerate(seen) if version not in seen[:at]]
        assert first == list(range(1, len(first) + 1))
    told = {
        each["notification_id"] for each in topics_reader.messages(settings, "user-notifications", "UserNotification")
    }
    assert {name for name, count in news.items() if count} == told


def decoded(code: Path, value: bytes) -> tuple[int, dict[str, Any]]:
    """A change by the schema that it names, as the next version has it."""
    schema_id = int.from_bytes(value[1:5], "big")
    schema = load_schema(code / "schemas" / "avro" / "released" / f"{schema_id}-{MESSAGE}.avsc")
    return schema_id, schemaless_reader(BytesIO(value[5:]), schema, None)  # type: ignore[return-value]
