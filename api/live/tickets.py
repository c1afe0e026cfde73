"""Tickets and sessions: what lets a browser in, which can send no Authorization header with a WebSocket or EventSource.

Both are JWTs under the deployment's secret, for an audience of their own, so that neither is good for anything else,
nor a bearer token for a ticket. A ticket is good for 30 seconds and once on a gateway; a session, in a cookie, as long
as the token it was made from. What connects with either ends with that token.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jwt

from api.auth import ALGORITHM, InvalidToken, hs256

TICKET_SECONDS = 30
_TICKET, _SESSION = "lacak-live-ticket", "lacak-live-session"


@dataclass(frozen=True, slots=True)
class Pass:
    """Who may watch, and until when (seconds since 1970)."""

    id_user: int
    expires_at: int


class Tickets:
    """Issues and redeems. `clock` gives seconds since 1970; `leeway` is for the clocks of other gateways."""

    def __init__(self, secret: str, leeway: int, clock: Callable[[], int]) -> None:
        self._secret, self._key, self._leeway, self._clock = secret, hs256(secret), leeway, clock
        self._used: dict[str, int] = {}  # by ticket id, oldest first: until when it is remembered

    def ticket(self, holder: Pass) -> str:
        """A ticket for the holder of a token."""
        return self._issue(_TICKET, holder, self._clock() + TICKET_SECONDS)

    def session(self, holder: Pass) -> str:
        """What the cookie holds."""
        return self._issue(_SESSION, holder, holder.expires_at)

    def redeem(self, ticket: str) -> Pass:
        """The holder, once; raises InvalidToken for one that is used, expired, or no ticket."""
        holder, id_ = self._verified(_TICKET, ticket)
        self._forget()
        if id_ in self._used:
            raise InvalidToken("the ticket is used")
        # Longer than any gateway takes it.
        self._used[id_] = self._clock() + TICKET_SECONDS + 2 * self._leeway
        return holder

    def session_of(self, cookie: str) -> Pass:
        """The holder; raises InvalidToken."""
        return self._verified(_SESSION, cookie)[0]

    def _issue(self, audience: str, holder: Pass, expires_at: int) -> str:
        claims = {
            "aud": audience,
            "sub": str(holder.id_user),
            "exp": expires_at,
            "until": holder.expires_at,
            "jti": secrets.token_urlsafe(12),
        }
        return jwt.encode(claims, self._secret, algorithm=ALGORITHM)

    def _verified(self, audience: str, token: str) -> tuple[Pass, str]:
        # The expiry is checked by our clock, not by the library's.
        options: Any = {"require": ["exp", "aud", "sub", "jti"], "verify_exp": False}
        try:
            claims = jwt.decode(token, self._key, algorithms=[ALGORITHM], audience=audience, options=options)
        except (jwt.PyJWTError, RecursionError, OverflowError, UnicodeError) as error:
            raise InvalidToken(str(error)) from error
        if claims["exp"] + self._leeway < self._clock():
            raise InvalidToken("expired")
        return Pass(int(claims["sub"]), claims["until"]), claims["jti"]

    def _forget(self) -> None:
        now = self._clock()
        while self._used and (oldest := next(iter(self._used))) and self._used[oldest] < now:
            del self._used[oldest]
