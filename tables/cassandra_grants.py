"""A role for each service at Cassandra, and what it may do: made as tables/access.py says, by an administrator."""

import asyncio
import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from cassandra.cluster import Session

from streams.settings import Settings
from tables.access import Service
from tables.cassandra_cluster import build_cluster, translated
from tables.migrate import make_keyspace

_RESOURCE = re.compile(r"<(table|keyspace) ([^>]+)>")  # as LIST PERMISSIONS writes it


class NoSuchRole(Exception):
    """A role that was to be granted something is not there."""


class Right(NamedTuple):
    """One permission on one thing."""

    permission: str
    resource: str

    def grant(self, role: str) -> str:
        return f"GRANT {self} TO {quoted(role)}"

    def revoke(self, role: str) -> str:
        return f"REVOKE {self} FROM {quoted(role)}"

    def __str__(self) -> str:
        return f"{self.permission} ON {self.resource}"


def rights(service: Service, settings: Settings) -> set[Right]:
    """All that the service is to have."""
    keyspace = settings.cassandra_keyspace
    tables = {
        Right(permission, f"TABLE {keyspace}.{table}")
        for table, permissions in service.tables.items()
        for permission in permissions
    }
    return tables | {Right(permission, f"KEYSPACE {keyspace}") for permission in service.keyspace}


async def apply(settings: Settings, users: Mapping[str, Service], passwords: Mapping[str, str]) -> list[str]:
    """Makes it so for these users, and gives a line for each thing that was not so before.

    Users that have a password are made, or get it; others must be there. What they may do in this keyspace besides is
    taken back. Tables that are not there (yet) are left out, and told. Raises StoreUnavailable, NoSuchRole.
    """
    return await asyncio.to_thread(_apply, settings, users, passwords)


def _apply(settings: Settings, users: Mapping[str, Service], passwords: Mapping[str, str]) -> list[str]:
    with translated(), build_cluster(settings) as cluster:
        session = cluster.connect()
        session.default_fetch_size = None
        make_keyspace(session, settings)
        there = {f"TABLE {settings.cassandra_keyspace}.{name}" for name in _tables(session, settings)}
        known = {row[0] for row in session.execute("LIST ROLES")}
        if strangers := users.keys() - known - passwords.keys():
            raise NoSuchRole(f"Cassandra has no role {', '.join(sorted(strangers))}; --passwords makes them")
        told = [_set_password(session, user, passwords[user], user in known) for user in users if user in passwords]
        missing: set[str] = set()
        for user, service in users.items():
            wanted = rights(service, settings)
            possible = {right for right in wanted if right.resource in there or right.resource.startswith("KEYSPACE")}
            missing |= {right.resource for right in wanted - possible}
            told += _settle(session, settings, user, possible)
        if missing:
            told.append(f"not there yet: {', '.join(sorted(missing))}; run `lacak migrate`, then this again")
        return told


def _settle(session: Session, settings: Settings, role: str, wanted: set[Right]) -> Iterator[str]:
    found = _found(session, settings, role)
    for right in sorted(wanted - found):
        session.execute(right.grant(role))
        yield f"{role} may {right}"
    for right in sorted(found - wanted):
        session.execute(right.revoke(role))
        yield f"{role} may no longer {right}"


def _found(session: Session, settings: Settings, role: str) -> set[Right]:
    """What the role has in this keyspace."""
    keyspace = settings.cassandra_keyspace
    found = set()
    for row in session.execute(f"LIST ALL PERMISSIONS OF {quoted(role)} NORECURSIVE"):
        _, _, resource, permission = row
        if (match := _RESOURCE.fullmatch(resource)) and match[2].partition(".")[0] == keyspace:
            found.add(Right(permission, f"{match[1].upper()} {match[2]}"))
    return found


def _set_password(session: Session, role: str, password: str, made: bool) -> str:
    session.execute(password_statement(role, password, made))
    return f"{role}: " + ("its password is set" if made else "made")


def password_statement(role: str, password: str, made: bool) -> str:
    """CQL that makes a role, or gives one that is `made` its password."""
    literal = password.replace("'", "''")
    if made:
        return f"ALTER ROLE {quoted(role)} WITH PASSWORD = '{literal}'"
    return f"CREATE ROLE IF NOT EXISTS {quoted(role)} WITH PASSWORD = '{literal}' AND LOGIN = true"


def quoted(role: str) -> str:
    """A role's name in CQL."""
    return '"' + role.replace('"', '""') + '"'


def _tables(session: Session, settings: Settings) -> set[str]:
    query = "SELECT table_name FROM system_schema.tables WHERE keyspace_name = %s"
    return {name for (name,) in session.execute(query, (settings.cassandra_keyspace,))}
