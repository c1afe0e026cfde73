"""Who calls: bearer tokens, what they say, and the scopes that a route asks for.

A token is a JWT: of an issuer, where the deployment has one, or else by HS256 with the deployment's own secret. Claims:
`sub`, `scope` (words in one string), `courier`, `aud`, `exp`; of an issuer `iss`. Or it is an API key.
"""

import time
from collections.abc import Iterable
from typing import Any, NamedTuple, Protocol

from api.hs256 import InvalidToken, Tokens, UnknownKey
from streams.messages import INT_MAX, WORD_LENGTH
from streams.topics import plain_decimal
from tables.api_keys import PREFIX

ORDERS_WRITE = "orders:write"
STATUS_WRITE = "status:write"
ORDERS_READ = "orders:read"
ORDERS_CORRECT = "orders:correct"
OPS = "ops"
SCOPES = (ORDERS_WRITE, STATUS_WRITE, ORDERS_READ, ORDERS_CORRECT, OPS)

REQUIRED = ["exp", "aud"]
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


class Known(Protocol):
    """What is known of keys that others hold."""

    async def again(self) -> None:
        """Asks them again, unless that was done a moment ago."""


class Issued(Protocol):
    """Who verifies an issuer's tokens (api/issuer.py)."""

    @property
    def keys(self) -> Known: ...

    def decode(self, token: str, leeway: int) -> dict[str, Any]: ...


class Keys(Protocol):
    """Who knows API keys (api/keyring.py)."""

    @property
    def keys(self) -> Known: ...

    def caller(self, token: str) -> Caller: ...


class Authenticator:
    """Verifies bearer tokens. With an `issuer` only its tokens are taken, and none of the secret's. `keys`: API keys,
    where they are taken at all."""

    def __init__(
        self,
        secret: str,
        audience: str,
        leeway: int,
        *,
        previous: str = "",
        issuer: Issued | None = None,
        keys: Keys | None = None,
    ) -> None:
        self._tokens = Tokens(secret, audience, REQUIRED, _CLAIMS, previous)
        self._leeway, self._issuer, self._keys = leeway, issuer, keys

    def verify(self, token: str) -> Caller:
        """The caller; raises InvalidToken, and UnknownKey, which is one; Away while keys could not be read yet."""
        if token.startswith(PREFIX):
            if self._keys is None:
                raise InvalidToken("API keys are not taken here")
            return self._keys.caller(token)
        if self._issuer is not None:
            return _caller(self._issuer.decode(token, self._leeway))
        return _caller(self._tokens.decode(token, self._leeway, int(time.time())))

    async def caller(self, token: str) -> Caller:
        """The same, where there is time to ask for a key that is not known yet."""
        try:
            return self.verify(token)
        except UnknownKey:
            if token.startswith(PREFIX):
                assert self._keys is not None
                await self._keys.keys.again()
            else:
                assert self._issuer is not None
                await self._issuer.keys.again()
        return self.verify(token)


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
