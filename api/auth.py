"""Who calls: JWT bearer tokens, their claims, and the scopes that a route asks for.

HS256 with a secret of the deployment's. Claims: `sub`, `scope` (words in one string), `courier`, `aud`, `exp`.
"""

import time
from collections.abc import Iterable
from typing import Any, NamedTuple

from api.hs256 import InvalidToken, Tokens
from streams.messages import INT_MAX, WORD_LENGTH
from streams.topics import plain_decimal

ORDERS_WRITE = "orders:write"
STATUS_WRITE = "status:write"
ORDERS_READ = "orders:read"
OPS = "ops"
SCOPES = (ORDERS_WRITE, STATUS_WRITE, ORDERS_READ, OPS)

SECRET_LENGTH = 32  # bytes, RFC 7518 section 3.2: a key of the hash's size or larger
_CLAIMS = {"sub": str, "scope": str, "courier": str, "iat": int}


class Caller(NamedTuple):
    """What a valid token says. `expires_at` is in seconds since 1970."""

    sub: str
    scopes: frozenset[str]
    courier: str | None
    expires_at: int

    @property
    def id_user(self) -> int | None:
        """The customer that `sub` names, or None where it is not a plain decimal in 0…2^31-1."""
        number = plain_decimal(self.sub.encode())
        return number if number is not None and number <= INT_MAX else None

    def sees(self, id_user: int) -> bool:
        """Whether this caller may see the orders of that user: the user itself, or `ops`."""
        return OPS in self.scopes or (ORDERS_READ in self.scopes and self.id_user == id_user)


class Authenticator:
    """Verifies tokens. Raises ValueError for a secret that is too short to be one."""

    def __init__(self, secret: str, audience: str, leeway: int) -> None:
        if len(secret.encode()) < SECRET_LENGTH:
            raise ValueError(f"LACAK_JWT_SECRET must have at least {SECRET_LENGTH} bytes")
        self._tokens = Tokens(secret, audience, ["exp", "aud"], _CLAIMS)
        self._leeway = leeway

    def verify(self, token: str) -> Caller:
        """The caller; raises `InvalidToken`."""
        return _caller(self._tokens.decode(token, self._leeway, int(time.time())))


def _caller(claims: dict[str, Any]) -> Caller:
    scope, courier = claims.get("scope", ""), claims.get("courier")
    if not isinstance(scope, str):
        raise InvalidToken("scope is not a string")
    if courier is not None and not (isinstance(courier, str) and 1 <= len(courier) <= WORD_LENGTH):
        raise InvalidToken("courier is not a name")
    sub = claims.get("sub", "")
    try:
        f"{sub}{courier}".encode()
    except UnicodeEncodeError as error:
        raise InvalidToken("sub or courier is no text") from error
    return Caller(sub, frozenset(scope.split()), courier, int(claims["exp"]))


def issue_token(
    secret: str,
    *,
    audience: str,
    ttl: int,
    now: int,
    sub: str | None = None,
    scopes: Iterable[str],
    courier: str | None = None,
) -> str:
    """A token good for `ttl` seconds from `now` (seconds since 1970)."""
    claims: dict[str, Any] = {"iat": now, "exp": now + ttl, "scope": " ".join(scopes)}
    if sub is not None:
        claims["sub"] = sub
    if courier is not None:
        claims["courier"] = courier
    return Tokens(secret, audience, [], _CLAIMS).encode(claims)
