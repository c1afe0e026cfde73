"""`lacak migrate`: Cassandra's keyspace and tables."""

from typing import Annotated

import typer

from cli.edge import Failed, patiently, run, settings


def migrate(
    wait: Annotated[float, typer.Option(min=0, help="Seconds to wait for Cassandra to answer.")] = 0,
) -> None:
    """Make the keyspace and its tables, or bring them up to date. Done again, it does nothing."""
    from tables.migrate import MigrationChanged
    from tables.migrate import migrate as apply
    from tables.orders import StoreUnavailable

    using = settings()
    where = f"Cassandra at {using.cassandra_hosts}:{using.cassandra_port}"
    try:
        applied = run(patiently(lambda: apply(using), wait, StoreUnavailable, where), using)
    except MigrationChanged as error:
        raise Failed(str(error)) from error
    for name in applied:
        print(f"applied {name}")
    if not applied:
        print(f"the keyspace {using.cassandra_keyspace} is up to date")
