"""Tokens under the deployment's secret (JWT, HS256). PyJWT judges them; what is in no way odd is read here, in a
fraction of its time: when a gateway has died, all its customers' tokens come to the others at once.
"""

import hmac
from base64 import b64decode, urlsafe_b64encode
from typing import Any, Final

import jwt
import orjson

ALGORITHM = "HS256"
LENGTH: Final = 200  # of what is said of a token, in characters
_HEAD = urlsafe_b64encode(b'{"alg":"HS256","typ":"JWT"}').decode().rstrip("=")


class InvalidToken(Exception):
    """The token is not ours, not for us, malformed or expired; the text is for a person.

    It may quote the token, so it is made fit for an answer: short, and without halves of characters."""

    def __init__(self, text: str) -> None:
        super().__init__(text[:LENGTH].encode("utf-8", "backslashreplace").decode())


class UnknownKey(InvalidToken):
    """It is signed by, or is, a key that is not known here: it may be new."""


class Tokens:
    """Those for one audience. `claims`: the types that are usual here, by name; `required` are in each.

    `previous`: a secret that was used before, whose tokens are still taken; none is made with it.
    """

    def __init__(
        self, secret: str, audience: str, required: list[str], claims: dict[str, type], previous: str = ""
    ) -> None:
        self._secret, self._audience, self._required = secret.encode(), audience, required
        self._types = {"aud": str, "exp": int, **claims}
        self._mac = hmac.new(self._secret, digestmod="sha256")  # its copies have the key in them already
        # Given as a text, PyJWT looks for a certificate in it each time.
        encoded = urlsafe_b64encode(self._secret).decode().rstrip("=")
        self._key = jwt.PyJWK({"kty": "oct", "k": encoded}, algorithm=ALGORITHM)
        self._before: Tokens | None = Tokens(previous, audience, required, claims) if previous else None

    def encode(self, claims: dict[str, Any]) -> str:
        """A token; `aud` is put in."""
        return jwt.encode({"aud": self._audience, **claims}, self._secret, algorithm=ALGORITHM)

    def decode(self, token: str, leeway: int = 0, now: int | None = None) -> dict[str, Any]:
        """Its claims; raises InvalidToken. `now`, seconds since 1970: where it is not given, expiry is the caller's.

        Only HS256 is taken: `alg: none` and other algorithms are refused.
        """
        claims = self._usual(token, now)
        return claims if claims is not None else self.judged(token, leeway, now)

    def judged(self, token: str, leeway: int, now: int | None) -> dict[str, Any]:
        """The same from PyJWT, whatever the token."""
        try:
            return jwt.decode(
                token,
                self._key,
                algorithms=[ALGORITHM],
                audience=self._audience,
                leeway=leeway,
                options={"require": self._required, "verify_exp": now is not None},
            )
        except jwt.InvalidSignatureError as error:
            if self._before is not None:
                return self._before.decode(token, leeway, now)
            raise InvalidToken(str(error)) from error
        # A header of a thousand brackets, or an `exp` of 1e999, gets through the library's own checks.
        except (jwt.PyJWTError, RecursionError, OverflowError, UnicodeError) as error:
            raise InvalidToken(str(error)) from error

    def _usual(self, token: str, now: int | None) -> dict[str, Any] | None:
        """The claims of a token that is good and has nothing odd about it; of any other, PyJWT says what it is."""
        signed, _, signature = token.rpartition(".")
        head, _, payload = signed.partition(".")
        if head != _HEAD:
            return None
        try:
            mac = self._mac.copy()
            mac.update(signed.encode("ascii"))
            if not hmac.compare_digest(urlsafe_b64encode(mac.digest()).rstrip(b"="), signature.encode("ascii")):
                return None
            claims = orjson.loads(b64decode(payload + "=" * (-len(payload) % 4), b"-_", validate=True))
        except ValueError:  # not ASCII, not base64, not JSON
            return None
        if type(claims) is not dict or claims.get("aud") != self._audience:
            return None
        for name in self._required:
            if name not in claims:
                return None
        for name, claim in claims.items():
            if type(claim) is not self._types.get(name):
                return None
        if now is not None and not claims.get("iat", now) <= now < claims["exp"]:
            return None
        return claims
