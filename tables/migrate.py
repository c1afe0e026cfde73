"""Makes the keyspace and applies `cassandra/migrations/NNN_name.cql`, each once, even by two runs at once.

An applied file never changes: what comes later is a new file. Each statement in a file must be one that can be repeated
(IF NOT EXISTS), since a run may end between two of them.
"""

import asyncio
import hashlib
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from cassandra import WriteTimeout
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Session

from streams import log
from streams.settings import Settings
from tables.cassandra_cluster import LEASE_PROFILE, build_cluster, translated
from tables.orders import StoreUnavailable

_log = log.get(__name__)

_NAMESPACE = uuid.UUID("6f1b3c0e-6f0a-4b57-9a7e-2f6f1f6f3d10")
_LOCK = "lock"
_LOCK_TTL = 60  # s that one file may take at most
_PATIENCE = 180  # s of waiting for another run
_REGISTER = (
    "CREATE TABLE IF NOT EXISTS schema_migrations (name text PRIMARY KEY, checksum text, applied_at timestamp) "
    "WITH ID = '{id}'"
)


class MigrationChanged(Exception):
    """A file that was applied has other content now, or is gone."""


class Migration(NamedTuple):
    """One file."""

    name: str
    text: str

    @property
    def checksum(self) -> str:
        """Of the statements: a comment may be corrected."""
        return hashlib.sha256("\n".join(self.statements()).encode()).hexdigest()

    def statements(self) -> list[str]:
        """The statements: each ends with a semicolon at the end of a line; `--` begins a line of comment."""
        lines = [line for line in self.text.splitlines() if not line.lstrip().startswith("--")]
        return [part.strip() for part in "\n".join([*lines, ""]).split(";\n") if part.strip()]


def migrations_dir() -> Path:
    """Where the files are: inside the installed package, or at the repository's root."""
    packaged = Path(__file__).parent / "migrations"
    return packaged if packaged.is_dir() else Path(__file__).parent.parent / "cassandra" / "migrations"


def migrations(directory: Path) -> list[Migration]:
    """The files of a directory, in the order of their numbers."""
    return [Migration(path.stem, path.read_text()) for path in sorted(directory.glob("[0-9][0-9][0-9]_*.cql"))]


async def migrate(settings: Settings, directory: Path | None = None) -> list[str]:
    """Applies what is not applied yet, and gives the names; [] when nothing was to be done. What a later version has
    applied is left alone.

    Raises StoreUnavailable when Cassandra is away, MigrationChanged when an applied file differs from what was applied.
    """
    return await asyncio.to_thread(_migrate, settings, migrations(directory or migrations_dir()))


def _migrate(settings: Settings, files: list[Migration]) -> list[str]:
    with translated(), build_cluster(settings) as cluster:
        session = cluster.connect()
        session.default_fetch_size = None
        make_keyspace(session, settings)
        if not _pending(session, files):
            return []
        with _lock(session) as owner:
            return [_apply(session, file, owner) for file in _pending(session, files)]


def make_keyspace(session: Session, settings: Settings) -> None:
    """Makes the keyspace unless it is there: not everybody who brings its tables up to date may do that. Uses it."""
    keyspace = settings.cassandra_keyspace
    replication = f"'{settings.cassandra_datacenter}': {settings.cassandra_replication}"
    if keyspace not in session.cluster.metadata.keyspaces:
        session.execute(
            f"CREATE KEYSPACE IF NOT EXISTS {keyspace} "
            f"WITH replication = {{'class': 'NetworkTopologyStrategy', {replication}}}"
        )
    _agree(session, keyspace)
    session.set_keyspace(keyspace)
    # This table holds the lock, so nothing guards its making: two nodes that make it at once must give it one id.
    session.execute(_REGISTER.format(id=uuid.uuid5(_NAMESPACE, keyspace)))
    _agree(session, keyspace)


def _agree(session: Session, keyspace: str) -> None:
    """Waits till all nodes have the same schema: whoever finds a thing made by another run must not be ahead of it."""
    session.cluster.refresh_keyspace_metadata(keyspace)


def _pending(session: Session, files: list[Migration]) -> list[Migration]:
    applied = dict(session.execute("SELECT name, checksum FROM schema_migrations").all())
    applied.pop(_LOCK, None)
    checksums = {file.name: file.checksum for file in files}
    # A version that is brought back finds what a later one has added, and works beside it: files only add.
    later = sorted(name for name in applied if name > max(checksums, default=""))
    if later:
        _log.info("tables_of_a_later_version", files=later)
    for name in applied.keys() - later:
        if checksums.get(name) != applied[name]:
            raise MigrationChanged(f"{name}.cql is not what was applied to this keyspace; put changes into a new file")
    return [file for file in files if file.name not in applied]


def _apply(session: Session, file: Migration, owner: str) -> str:
    """Applies one file. The driver waits after each statement till all nodes have the same schema."""
    renew = f"UPDATE schema_migrations USING TTL {_LOCK_TTL} SET checksum = %s WHERE name = %s IF checksum = %s"  # noqa: S608 - a number of ours
    if not _applied(session, renew, owner, _LOCK, owner):
        raise StoreUnavailable("the migrations' lock was lost; run `lacak migrate` again")
    for statement in file.statements():
        result = session.execute_async(statement, timeout=_LOCK_TTL)
        result.result()
        if not result.is_schema_agreed:
            raise StoreUnavailable(f"{file.name}: the nodes do not agree on the schema; run `lacak migrate` again")
    session.execute(
        "INSERT INTO schema_migrations (name, checksum, applied_at) VALUES (%s, %s, toTimestamp(now()))",
        (file.name, file.checksum),
        execution_profile=EXEC_PROFILE_DEFAULT,
    )
    return file.name


@contextmanager
def _lock(session: Session) -> Iterator[str]:
    """One run at a time. A run that dies leaves the lock for a minute."""
    owner, take = str(uuid.uuid4()), "INSERT INTO schema_migrations (name, checksum) VALUES (%s, %s) IF NOT EXISTS"
    until = time.monotonic() + _PATIENCE
    while not _applied(session, f"{take} USING TTL {_LOCK_TTL}", _LOCK, owner):
        if time.monotonic() > until:
            raise StoreUnavailable("another `lacak migrate` holds the lock")
        time.sleep(0.2)
    try:
        yield owner
    finally:
        _applied(session, "DELETE FROM schema_migrations WHERE name = %s IF checksum = %s", _LOCK, owner)


def _applied(session: Session, statement: str, *values: str) -> bool:
    """Whether a compare-and-set took place. One that timed out may have: it is asked again, and finds its own value."""
    until, timed_out = time.monotonic() + _PATIENCE, False
    while True:
        try:
            result = session.execute(statement, values, execution_profile=LEASE_PROFILE)
            found = dict(zip(result.column_names, result.one(), strict=True))
            return bool(found["[applied]"]) or (timed_out and found.get("checksum") in values)
        except WriteTimeout:
            if time.monotonic() > until:
                raise
            timed_out = True
            time.sleep(0.2)
