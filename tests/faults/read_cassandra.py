"""Tables read whole, by a session of the checker's own: pages at LOCAL_QUORUM, and at ALL to compare the replicas."""

from collections.abc import Iterator

from cassandra import ConsistencyLevel
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile, Session
from cassandra.policies import DCAwareRoundRobinPolicy, TokenAwarePolicy
from cassandra.query import SimpleStatement, tuple_factory

from evidence import TABLES, TIMES, Row, Where

PAGE = 5000
LEVELS = {"LOCAL_QUORUM": ConsistencyLevel.LOCAL_QUORUM, "ALL": ConsistencyLevel.ALL}
_BITS = 2**64 - 1


def read(where: Where, compare_replicas: bool) -> tuple[dict[str, list[Row]], dict[str, dict[str, int]]]:
    """Every table's rows; and with `compare_replicas`, a fingerprint of each at both consistency levels."""
    profile = ExecutionProfile(
        load_balancing_policy=TokenAwarePolicy(DCAwareRoundRobinPolicy()),
        row_factory=tuple_factory,
        request_timeout=60.0,
    )
    cluster = Cluster(
        where.hosts.split(","),
        port=where.port,
        protocol_version=4,
        execution_profiles={EXEC_PROFILE_DEFAULT: profile},
        connect_timeout=20,
    )
    try:
        session = cluster.connect(where.keyspace)
        tables = {table: list(_scan(session, table, "LOCAL_QUORUM")) for table in TABLES}
        prints = {}
        if compare_replicas:
            prints = {
                "LOCAL_QUORUM": {table: fingerprint(rows) for table, rows in tables.items()},
                "ALL": {table: fingerprint(_scan(session, table, "ALL")) for table in TABLES},
            }
        return tables, prints
    finally:
        cluster.shutdown()


def fingerprint(rows: Iterator[Row] | list[Row]) -> int:
    """The same for the same rows in any order; of this process only."""
    total = 0
    for row in rows:
        total = total + hash(repr(row)) & _BITS
    return total


def _scan(session: Session, table: str, level: str) -> Iterator[Row]:
    columns = ", ".join(f"toUnixTimestamp({name})" if name in TIMES else name for name in TABLES[table])
    statement = SimpleStatement(
        f"SELECT {columns} FROM {table}", consistency_level=LEVELS[level], fetch_size=PAGE, is_idempotent=True
    )
    yield from session.execute(statement)
