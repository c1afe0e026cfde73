"""Tokens of an issuer: signed by one of its keys, which it publishes as a JWK set (RFC 7517), by URL or in a file.

RS256, ES256 and EdDSA, and only with the key's own algorithm: no token chooses how it is verified (RFC 8725, sections
3.1 and 3.2). What a token's head says of keys (`jku`, `jwk`, `x5u`, `x5c`) is not looked at; `kid` is only compared.
"""

import asyncio
from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import jwt
import orjson

from api.hs256 import InvalidToken, UnknownKey
from api.refreshed import Refreshed

ALGORITHMS = ("RS256", "ES256", "EdDSA")
RSA_BITS = 2048  # NIST SP 800-131A: fewer are no security any more
MAX_SET = 256 * 1024  # bytes
FETCH_SECONDS = 5.0

Keys = Mapping[str | None, jwt.PyJWK]


class NoKeys(Exception):
    """There is no key set, or none that is good for anything; says where and why."""


class Issuer:
    """Verifies tokens that say they are of `name`, for `audience`. `keys`: its key set, by `kid`."""

    def __init__(self, keys: Refreshed[Keys], name: str, audience: str, required: list[str]) -> None:
        self.keys, self._name, self._audience, self._required = keys, name, audience, required

    def decode(self, token: str, leeway: int) -> dict[str, Any]:
        """Its claims; raises InvalidToken, UnknownKey for a key that is not in the set, Away without a set."""
        try:
            return jwt.decode(
                token,
                self._key(token),
                algorithms=ALGORITHMS,
                audience=self._audience,
                issuer=self._name,
                leeway=leeway,
                options={"require": self._required},
            )
        except (jwt.PyJWTError, RecursionError, OverflowError, UnicodeError) as error:
            raise InvalidToken(str(error)) from error

    def _key(self, token: str) -> jwt.PyJWK:
        """The key of its `kid`; without one, the only key that there is (RFC 8725 does not ask for a `kid`)."""
        head, keys = jwt.get_unverified_header(token), self.keys.value()
        if head.get("alg") not in ALGORITHMS:
            raise InvalidToken("The specified alg value is not allowed")
        kid = head.get("kid")
        if kid is None and len(keys) == 1:
            return next(iter(keys.values()))
        if kid not in keys or kid is None:
            raise UnknownKey("the issuer has no such key" if kid else "the token names no key")
        return keys[kid]


def issuers_keys(place: str, seconds: float) -> Refreshed[Keys]:
    """The keys at `place`, a file or an https URL (http: of this machine only).

    Raises NoKeys for a file that is not there or holds none: a typing error is found at the start.
    """
    if not place.startswith(("https://", "http://")):
        _read(Path(place))
        return Refreshed("jwks", lambda: asyncio.to_thread(_read, Path(place)), (NoKeys,), seconds)
    if place.startswith("http://") and not _is_here(urlsplit(place).hostname or ""):
        raise NoKeys(f"{place}: keys are fetched over https, or anybody on the way could put in his own")
    return Refreshed("jwks", lambda: _fetch(place), (NoKeys,), seconds)


def key_set(document: bytes, place: str) -> Keys:
    """The keys of a JWK set that are good here, by `kid`; others are left out. Raises NoKeys when none is left."""
    try:
        found = orjson.loads(document)["keys"]
        keys = {raw.get("kid"): key for raw in found if (key := _good(raw)) is not None}
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise NoKeys(f"{place}: not a JWK set") from error
    if not keys:
        raise NoKeys(f"{place}: no key for {', '.join(ALGORITHMS)} in it")
    return keys


def _good(raw: dict[str, Any]) -> jwt.PyJWK | None:
    """A public key to verify with, of an algorithm of ours and strong enough."""
    if raw.get("use", "sig") != "sig" or "verify" not in raw.get("key_ops", ["verify"]):
        return None
    if not isinstance(raw.get("kid"), str | None) or "d" in raw:  # a private key, put there by mistake
        return None
    try:
        key = jwt.PyJWK(raw)
    except jwt.PyJWTError:
        return None
    strong = raw["kty"] != "RSA" or key.key.key_size >= RSA_BITS
    return key if key.algorithm_name in ALGORITHMS and strong else None


def _read(path: Path) -> Keys:
    try:
        return key_set(path.read_bytes(), str(path))
    except OSError as error:
        raise NoKeys(f"{path}: {error.strerror}") from error


async def _fetch(url: str) -> Keys:
    try:
        async with (
            asyncio.timeout(FETCH_SECONDS),  # httpx's own is for each part that comes
            httpx.AsyncClient(timeout=FETCH_SECONDS) as client,
            client.stream("GET", url) as answer,
        ):
            answer.raise_for_status()
            document = b""
            async for part in answer.aiter_bytes():
                document += part
                if len(document) > MAX_SET:
                    raise NoKeys(f"{url}: larger than {MAX_SET} bytes")
    except TimeoutError as error:
        raise NoKeys(f"{url}: not there after {FETCH_SECONDS:g} s") from error
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise NoKeys(f"{url}: {error or repr(error)}") from error
    return key_set(document, url)


def _is_here(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
