"""Share links: whoever has one sees one order, for a while, without a token; and nothing that is personal.

A link's token is 38 characters, to fit into a text message: the order, the end in seconds since 1970, and 128 bits of
an HMAC-SHA-256 of both, under a key made from the deployment's secret for this only. Nothing is kept of it.
"""

import hmac
import struct
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Callable

_SIGNED = struct.Struct(">QI")
_MAC_BYTES = 16
_LENGTH = 38


class NoLink(Exception):
    """Not a share link of ours."""


class LinkEnded(Exception):
    """It was one."""


class ShareLinks:
    """`previous`: a secret whose links are still good. `clock` gives seconds since 1970."""

    def __init__(self, secret: str, previous: str, clock: Callable[[], int]) -> None:
        self._keys = [_key(each) for each in (secret, previous) if each]
        self._clock = clock

    def token(self, id_order: int, expires_at: int) -> str:
        """The token of a link to that order."""
        signed = _SIGNED.pack(id_order, expires_at)
        return urlsafe_b64encode(signed + _mac(self._keys[0], signed)).decode().rstrip("=")

    def order_of(self, token: str) -> int:
        """The id of the order; raises NoLink and LinkEnded."""
        raw = _decoded(token)
        signed, mac = raw[: _SIGNED.size], raw[_SIGNED.size :]
        if not any(hmac.compare_digest(_mac(key, signed), mac) for key in self._keys):
            raise NoLink
        id_order, expires_at = _SIGNED.unpack(signed)
        if expires_at <= self._clock():
            raise LinkEnded
        return int(id_order)


def _decoded(token: str) -> bytes:
    """Its bytes; each token has one spelling only."""
    if len(token) != _LENGTH or not token.isascii():
        raise NoLink
    try:
        raw = b64decode(token + "==", b"-_", validate=True)
    except ValueError as error:
        raise NoLink from error
    if urlsafe_b64encode(raw).decode().rstrip("=") != token:
        raise NoLink
    return raw


def _key(secret: str) -> bytes:
    return hmac.digest(secret.encode(), b"lacak share links", "sha256")


def _mac(key: bytes, signed: bytes) -> bytes:
    return hmac.digest(key, signed, "sha256")[:_MAC_BYTES]
