"""`lacak token`: tokens for the local stack, signed with LACAK_JWT_SECRET."""

from typing import Annotated

import typer

from cli.edge import Failed, now_ms, settings
from streams.settings import Settings

NO_SECRET = "LACAK_JWT_SECRET is not set: `make up` makes one at its first start, and writes it to .env"  # noqa: S105 - says that there is none


def sign(using: Settings, scopes: list[str], ttl: int, sub: str | None = None, courier: str | None = None) -> str:
    """A token signed with the settings' secret, good for `ttl` seconds; `Failed` when there is no secret."""
    from api.auth import issue_token
    from api.secret import SECRET_LENGTH

    if using.jwt_keys:
        raise Failed(f"tokens come from {using.jwt_issuer or 'the issuer'}: with LACAK_JWT_KEYS no others are taken", 2)
    if not using.jwt_secret:
        raise Failed(NO_SECRET, 2)
    if len(using.jwt_secret.encode()) < SECRET_LENGTH:
        raise Failed(f"LACAK_JWT_SECRET must have at least {SECRET_LENGTH} bytes", 2)
    return issue_token(
        using.jwt_secret,
        audience=using.jwt_audience,
        ttl=ttl,
        now=now_ms() // 1000,
        sub=sub,
        scopes=scopes,
        courier=courier,
    )


def token(
    user: Annotated[list[int] | None, typer.Option(min=0, help="A customer's id_user. Repeat: a token a line.")] = None,
    scope: Annotated[
        list[str] | None,
        typer.Option(help="orders:write, status:write, orders:read, orders:correct or ops. With --user: orders:read."),
    ] = None,
    sub: Annotated[str | None, typer.Option(help="Whose it is, where it is no customer's: a shop's name.")] = None,
    courier: Annotated[str | None, typer.Option(help="The courier that status updates come from.")] = None,
    ttl: Annotated[int, typer.Option(min=1, help="Seconds until it expires.")] = 3600,
) -> None:
    """Print a bearer token for the local stack.

    `lacak token --user 42` for a customer, `lacak token --scope status:write --courier jne` for a courier's system.
    """
    using = settings()
    scopes = scope or (["orders:read"] if user else [])
    _check(scopes)
    if user and sub is not None:
        raise Failed("a token has one sub: --user or --sub", 2)
    for each in map(str, user) if user else [sub]:
        print(sign(using, scopes, ttl, each, courier))


def _check(scopes: list[str]) -> None:
    from api.auth import SCOPES

    if not scopes:
        raise Failed("say who the token is for: --user 42, or --scope status:write", 2)
    unknown = sorted(set(scopes) - set(SCOPES))
    if unknown:
        raise Failed(f"no such scope: {', '.join(unknown)}; there are {', '.join(sorted(SCOPES))}", 2)
