"""`lacak keys create | list | revoke`: API keys of couriers' and shops' systems."""

import getpass
import os
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from cli.edge import Failed, now_ms, run, settings
from cli.store import opened

if TYPE_CHECKING:
    from streams.settings import Settings
    from tables.api_keys import ApiKey

DAY_MS = 24 * 60 * 60 * 1000
LONGEST = 3650  # days

app = typer.Typer(help="API keys of couriers' and shops' systems.", no_args_is_help=True)


@app.command(no_args_is_help=True)
def create(
    name: Annotated[str, typer.Argument(help="Whose it is: a name for people, such as jne-production.")],
    scope: Annotated[list[str], typer.Option(help="orders:write, status:write, orders:correct or ops. Repeatable.")],
    courier: Annotated[str | None, typer.Option(help="The courier in whose name, and no other, it may send.")] = None,
    any_courier: Annotated[bool, typer.Option("--any-courier", help="It may send for all: an aggregator's.")] = False,
    days: Annotated[int, typer.Option(min=1, max=LONGEST, help="Until it expires.")] = 365,
) -> None:
    """Make an API key, and print it: this once, for only its hash is kept.

    It is a bearer token: `Authorization: Bearer lck_…`. Every API takes it within 10 seconds.
    """
    from tables.api_keys import new_key

    _check(name, scope, courier, any_courier)
    using, now = settings(), now_ms()
    text, key = new_key(name, frozenset(scope), courier, now, _operator(), now + days * DAY_MS)
    run(_add(using, key), using)
    print(text)
    print(f"id {key.id}; shown this once. `lacak keys revoke {key.id}` ends it.", file=sys.stderr)


@app.command("list")
def list_() -> None:
    """Show the API keys: not the keys themselves, which nobody has but their owners."""
    using = settings()
    run(_list(using, now_ms()), using)


@app.command(no_args_is_help=True)
def revoke(id_: Annotated[str, typer.Argument(metavar="ID", help="As `lacak keys list` shows it.")]) -> None:
    """End an API key. Every API refuses it within 10 seconds; while Cassandra is away, it does not learn of it."""
    using = settings()
    run(_revoke(using, id_, now_ms()), using)


def _check(name: str, scopes: list[str], courier: str | None, any_courier: bool) -> None:
    from api.auth import OPS, ORDERS_CORRECT, ORDERS_WRITE, STATUS_WRITE
    from streams.messages import WORD_LENGTH

    if not 1 <= len(name) <= WORD_LENGTH or not name.isprintable() or name.isdecimal():
        raise Failed(f"a name has 1 to {WORD_LENGTH} characters, and is no number: that would be a customer's", 2)
    allowed = (ORDERS_WRITE, STATUS_WRITE, ORDERS_CORRECT, OPS)
    if unknown := sorted(set(scopes) - set(allowed)):
        raise Failed(f"no scope of API keys: {', '.join(unknown)}; there are {', '.join(allowed)}", 2)
    if courier is not None and not 1 <= len(courier) <= WORD_LENGTH:
        raise Failed(f"a courier has 1 to {WORD_LENGTH} characters", 2)
    if STATUS_WRITE in scopes and (courier is None) == (not any_courier):
        raise Failed("say for whom it may send: --courier jne, or --any-courier", 2)


async def _add(using: "Settings", key: "ApiKey") -> None:
    async with opened(using) as store:
        await store.add_api_key(key)


async def _list(using: "Settings", now: int) -> None:
    from cli.pages import table

    async with opened(using) as store:
        keys = await store.api_keys()
    columns = ("id", "name", "scopes", "courier", "created", "by", "ends", "")
    table(columns, [_row(key, now) for key in sorted(keys, key=lambda key: key.created_at)])


def _row(key: "ApiKey", now: int) -> tuple[str, ...]:
    from streams.messages import rfc3339

    state = "" if key.ended_at() > now else "revoked" if key.revoked_at is not None else "expired"
    courier = "(any)" if key.courier is None else key.courier
    times = rfc3339(key.created_at), key.created_by, rfc3339(key.ended_at())
    return key.id, key.name, " ".join(sorted(key.scopes)), courier, *times, state


async def _revoke(using: "Settings", id_: str, now: int) -> None:
    async with opened(using) as store:
        if not await store.revoke_api_key(id_, now):
            raise Failed(f"no API key has the id {id_}; `lacak keys list` shows them")


def _operator() -> str:
    """Who runs this, as far as the system knows."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user has no name
        return str(os.getuid())
