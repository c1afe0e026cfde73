"""`lacak grants kafka | cassandra`: what each service may do, by tables/access.py."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.edge import Failed, run, settings

if TYPE_CHECKING:
    from streams.settings import Settings
    from tables.access import Service

app = typer.Typer(
    help="What each service may do at Kafka and Cassandra: its own topics, groups and tables, and nothing else. "
    "For an administrator of those.",
    no_args_is_help=True,
)

Users = Annotated[
    list[str] | None,
    typer.Option("--user", metavar="SERVICE=NAME", help="This service only, under this name (repeatable)."),
]
Passwords = Annotated[
    Path | None,
    typer.Option(exists=True, file_okay=False, help="A folder with a file a user: those are made, or get it."),
]
Print = Annotated[bool, typer.Option("--print", help="Only print it, as commands of Kafka's or Cassandra's own tools.")]


@app.command()
def kafka(user: Users = None, passwords: Passwords = None, print_: Print = False) -> None:
    """Make the ACLs, and take back what these users are allowed besides. Done again, it does nothing."""
    using = settings()
    users = chosen(using, user or [])
    if print_:
        _print_acls(using, users)
    else:
        _tell(run(_kafka(using, users, _read(passwords, users)), using))


@app.command()
def cassandra(user: Users = None, passwords: Passwords = None, print_: Print = False) -> None:
    """Make the grants, and take back what these roles may do besides. Done again, it does nothing."""
    from tables.cassandra_grants import NoSuchRole, apply, rights

    using = settings()
    users = {name: service for name, service in chosen(using, user or []).items() if service.tables}
    if print_:
        for name, service in users.items():
            _lines(f"{right.grant(name)};" for right in sorted(rights(service, using)))
        return
    try:
        _tell(run(apply(using, users, _read(passwords, users)), using))
    except NoSuchRole as error:
        raise Failed(str(error)) from error


def chosen(using: "Settings", named: list[str]) -> "dict[str, Service]":
    """The users and what service each is: all by their usual names, or those that were named."""
    from tables.access import SERVICES

    if not named:
        return {service.user(using): service for service in SERVICES.values()}
    pairs = [each.partition("=") for each in named]
    for service, _, name in pairs:
        if service not in SERVICES or not name:
            raise Failed(f"--user {service}: not SERVICE=NAME with one of {', '.join(SERVICES)}", 2)
    return {name: SERVICES[service] for service, _, name in pairs}


def _read(folder: Path | None, users: Iterable[str]) -> dict[str, str]:
    """The passwords that are there. Raises `Failed` for a folder that has none of these."""
    if folder is None:
        return {}
    found = {user: (folder / user).read_text().rstrip("\r\n") for user in users if (folder / user).is_file()}
    if not found:
        raise Failed(f"{folder} has a file for none of {', '.join(users)}", 2)
    if empty := [user for user, password in found.items() if not password]:
        raise Failed(f"{folder}: empty: {', '.join(empty)}", 2)
    return found


async def _kafka(using: "Settings", users: "dict[str, Service]", passwords: dict[str, str]) -> list[str]:
    from streams.kafka import client
    from streams.kafka_acls import acls_of, allow, forbid, set_password
    from tables.access import ours

    told = []
    bare = client(using, "lacak-grants")
    try:
        await bare.bootstrap()
        for user, password in passwords.items():
            await set_password(bare, user, password)
            told.append(f"{user}: its password is set")
        for user, service in users.items():
            wanted, found = service.acls(using, user), await acls_of(bare, user)
            new, old = sorted(wanted - found), sorted(acl for acl in found - wanted if ours(acl, using, user))
            await allow(bare, user, new)
            await forbid(bare, user, old)
            told += [f"{user} may {acl}" for acl in new] + [f"{user} may no longer {acl}" for acl in old]
    finally:
        await bare.close()
    return told


def _print_acls(using: "Settings", users: "dict[str, Service]") -> None:
    for user, service in users.items():
        _lines(
            f"kafka-acls.sh --bootstrap-server {using.kafka_bootstrap} --add --allow-principal 'User:{user}' "
            f"--operation {acl.operation} --{acl.kind.lower()} {acl.name} --resource-pattern-type {acl.pattern}"
            for acl in sorted(service.acls(using, user))
        )


def _tell(told: list[str]) -> None:
    _lines(told or ["everything is granted as it should be, and nothing else"])


def _lines(lines: Iterable[str]) -> None:
    for line in lines:
        print(line)
