"""`lacak migrate` on a real Cassandra."""

import asyncio
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from cassandra.protocol import SyntaxException

import stack
from streams.settings import Settings
from tables.cassandra_cluster import build_cluster
from tables.cassandra_orders import CassandraOrders
from tables.migrate import MigrationChanged, migrate, migrations, migrations_dir


@pytest.fixture
def empty(servers: stack.Servers) -> Iterator[Settings]:
    """Settings of a keyspace that is not there; it is dropped in the end."""
    settings = Settings(
        _env_file=None,  # type: ignore[call-arg]
        cassandra_hosts=servers.cassandra_host,
        cassandra_port=servers.cassandra_port,
        cassandra_keyspace=f"m{uuid.uuid4().hex[:20]}",
    )
    yield settings
    with build_cluster(settings) as cluster:
        cluster.connect().execute(f"DROP KEYSPACE {settings.cassandra_keyspace}", timeout=60)


async def test_the_first_run_makes_all_and_the_next_finds_nothing_to_do(empty: Settings) -> None:
    assert await migrate(empty) == [file.name for file in migrations(migrations_dir())]
    assert await migrate(empty) == []
    orders = await CassandraOrders.connect(empty)
    await orders.close()


async def test_two_runs_at_once_apply_each_file_once(empty: Settings) -> None:
    one, other = await asyncio.gather(migrate(empty), migrate(empty))
    assert sorted(one + other) == [file.name for file in migrations(migrations_dir())]


async def test_a_new_file_is_applied_after_the_others(empty: Settings, tmp_path: Path) -> None:
    shutil.copytree(migrations_dir(), tmp_path, dirs_exist_ok=True)
    await migrate(empty, tmp_path)
    (tmp_path / "900_more.cql").write_text(
        "-- Two; statements.\nCREATE TABLE IF NOT EXISTS more (\n  -- a comment\n  id int PRIMARY KEY\n);\n\n"
        "ALTER TABLE more ADD IF NOT EXISTS word text;\n"
    )
    assert await migrate(empty, tmp_path) == ["900_more"]
    assert await migrate(empty, tmp_path) == []


async def test_an_applied_file_that_has_changed_is_an_error(empty: Settings, tmp_path: Path) -> None:
    file = tmp_path / "001_a.cql"
    file.write_text("CREATE TABLE IF NOT EXISTS a (id int PRIMARY KEY);\n")
    assert await migrate(empty, tmp_path) == ["001_a"]
    file.write_text("-- A comment says more now.\n" + file.read_text())
    assert await migrate(empty, tmp_path) == []
    file.write_text("CREATE TABLE IF NOT EXISTS a (id bigint PRIMARY KEY);\n")
    with pytest.raises(MigrationChanged, match="001_a"):
        await migrate(empty, tmp_path)


async def test_a_version_that_is_brought_back_leaves_alone_what_a_later_one_has_added(
    empty: Settings, tmp_path: Path
) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    for folder, numbers in ((old, (1, 2)), (new, (1, 2, 3))):
        folder.mkdir()
        for number in numbers:
            (folder / f"00{number}_a.cql").write_text(f"CREATE TABLE IF NOT EXISTS a{number} (id int PRIMARY KEY);\n")
    await migrate(empty, new)
    assert await migrate(empty, old) == []
    (old / "001_a.cql").unlink()
    with pytest.raises(MigrationChanged, match="001_a"):
        await migrate(empty, old)


async def test_a_run_that_ended_half_way_is_finished_by_the_next(empty: Settings, tmp_path: Path) -> None:
    file = tmp_path / "001_a.cql"
    file.write_text("CREATE TABLE IF NOT EXISTS a (id int PRIMARY KEY);\nCREATE TABLE b (nonsense);\n")
    with pytest.raises(SyntaxException):
        await migrate(empty, tmp_path)
    file.write_text("CREATE TABLE IF NOT EXISTS a (id int PRIMARY KEY);\nCREATE TABLE b (id int PRIMARY KEY);\n")
    assert await migrate(empty, tmp_path) == ["001_a"]
