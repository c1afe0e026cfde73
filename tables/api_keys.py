"""API keys: bearer tokens of couriers' and shops' systems, which are made once and sent with every request.

`lck_<id>_<secret>`: the id is looked up, the secret is 256 random bits, of which only the SHA-256 is kept. It needs no
slow hash: nobody guesses it, and it is the same nowhere else (NIST SP 800-63B, section 5.1.2.2, look-up secrets).
"""

import hashlib
import hmac
import re
import secrets
from typing import NamedTuple

PREFIX = "lck_"
_TEXT = re.compile(r"lck_([0-9a-f]{16})_([A-Za-z0-9_-]{43})")


class ApiKey(NamedTuple):
    """What is kept of one. Times in ms since 1970; `courier`, whom it speaks for; `revoked_at`, when it was ended."""

    id: str
    digest: bytes
    name: str
    scopes: frozenset[str]
    courier: str | None
    created_at: int
    created_by: str
    expires_at: int
    revoked_at: int | None = None

    def ended_at(self) -> int:
        """When it stopped, or stops, being good."""
        return self.expires_at if self.revoked_at is None else min(self.revoked_at, self.expires_at)

    def opens(self, secret: str) -> bool:
        """Whether that is its secret; takes as long for any."""
        return hmac.compare_digest(self.digest, _digest(secret))


def new_key(
    name: str, scopes: frozenset[str], courier: str | None, created_at: int, created_by: str, expires_at: int
) -> tuple[str, ApiKey]:
    """The key itself, which nobody can be told again, and what is kept of it."""
    id_, secret = secrets.token_hex(8), secrets.token_urlsafe(32)
    kept = ApiKey(id_, _digest(secret), name, scopes, courier, created_at, created_by, expires_at)
    return f"{PREFIX}{id_}_{secret}", kept


def parts(text: str) -> tuple[str, str] | None:
    """A key's id and secret; None for what has not the form of one."""
    match = _TEXT.fullmatch(text)
    return None if match is None else (match[1], match[2])


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
