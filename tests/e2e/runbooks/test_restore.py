"""docs/operations/restore.md: an old snapshot of Cassandra, and what Kafka has since before it, are all there was."""

import shutil
from datetime import UTC, datetime
from pathlib import Path

import stack
from parcels import cassandra, everything, lose, now, place, scan, versions
from processes import Process, until
from runbook import Runbook, kafka_tools
from streams.settings import Settings

IDS, LATER = range(1, 21), range(21, 31)


def test_a_snapshot_and_a_replay_from_before_it_give_back_all_that_was_there(
    servers: stack.Servers, settings: Settings, tmp_path: Path
) -> None:
    page, copy = Runbook("restore", settings, tmp_path, kafka_tools(servers)), tmp_path / "snapshot"
    since = datetime.fromtimestamp(now() / 1000 - 60, UTC).strftime("%Y-%m-%dT%H:%M:%S.000")
    with Process("track", settings) as track:
        place(settings, IDS)
        scan(settings, IDS, "picked_up")
        with cassandra(settings) as session:
            until(lambda: versions(session) == dict.fromkeys(IDS, 2), what="all have been picked up")
        servers.stop_one("cassandra")
        shutil.copytree(tables(servers, settings), copy)
        servers.restart("cassandra")
        place(settings, LATER)
        scan(settings, [*IDS, *LATER], "in_transit", "returned", "out_for_delivery")
        with cassandra(settings) as session:
            until(lambda: versions(session) == dict.fromkeys(IDS, 4) | dict.fromkeys(LATER, 3), what="all are out")
            before = everything(session)
            track.stop()
            lose(session, before)
        servers.stop_one("cassandra")
        for table in (each for each in copy.iterdir() if each.name.partition("-")[0] in before):
            shutil.copytree(table, tables(servers, settings) / table.name, dirs_exist_ok=True)
        servers.restart("cassandra")
        with cassandra(settings) as session:
            assert versions(session) == dict.fromkeys(IDS, 2), "what the snapshot had"
            page.run("3. Reset the workers to before the snapshot", SINCE=since)
            track.start()
            until(lambda: everything(session) == before, what="all is as it was")
    assert page.run("5. It is over").count(" 0 would be written") == 3


def tables(servers: stack.Servers, settings: Settings) -> Path:
    """Where that Cassandra has the keyspace's files."""
    return servers.services["cassandra"].process.folder / "data" / "cassandra" / "data" / settings.cassandra_keyspace
