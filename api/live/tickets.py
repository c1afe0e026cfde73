"""Tickets and sessions: what lets a browser in, which can send no Authorization header with a WebSocket or EventSource.

Both are JWTs under the deployment's secret, for an audience of their own, so that neither is good for anything else,
nor a bearer token for a ticket. A ticket is good for 30 seconds and once on a gateway; a session, in a cookie, as long
as the token it was made from. What connects with either ends with that token.
"""

import secrets
from collections.abc import Callable
from typing import NamedTuple

from api.hs256 import InvalidToken, Tokens

TICKET_SECONDS = 30
_REQUIRED, _CLAIMS = ["exp", "aud", "sub", "jti"], {"sub": str, "until": int, "jti": str}


class Pass(NamedTuple):
    """Who may watch, and until when (seconds since 1970)."""

    id_user: int
    expires_at: int


class Tickets:
    """Issues and redeems. `clock` gives seconds since 1970; `leeway` is for the clocks of other gateways."""

    def __init__(self, secret: str, leeway: int, clock: Callable[[], int], previous: str = "") -> None:
        self._leeway, self._clock = leeway, clock
        self._tickets, self._sessions = (
            Tokens(secret, audience, _REQUIRED, _CLAIMS, previous)
            for audience in ("lacak-live-ticket", "lacak-live-session")
        )
        self._used: dict[str, int] = {}  # by ticket id, oldest first: until when it is remembered

    def ticket(self, holder: Pass) -> str:
        """A ticket for the holder of a token."""
        return _issue(self._tickets, holder, self._clock() + TICKET_SECONDS)

    def session(self, holder: Pass) -> str:
        """What the cookie holds."""
        return _issue(self._sessions, holder, holder.expires_at)

    def redeem(self, ticket: str) -> Pass:
        """The holder, once; raises InvalidToken for one that is used, expired, or no ticket."""
        holder, id_ = self._verified(self._tickets, ticket)
        self._forget()
        if id_ in self._used:
            raise InvalidToken("the ticket is used")
        # Longer than any gateway takes it.
        self._used[id_] = self._clock() + TICKET_SECONDS + 2 * self._leeway
        return holder

    def session_of(self, cookie: str) -> Pass:
        """The holder; raises InvalidToken."""
        return self._verified(self._sessions, cookie)[0]

    def _verified(self, tokens: Tokens, token: str) -> tuple[Pass, str]:
        claims = tokens.decode(token)  # the expiry is checked by our clock
        if claims["exp"] + self._leeway < self._clock():
            raise InvalidToken("expired")
        return Pass(int(claims["sub"]), claims["until"]), claims["jti"]

    def _forget(self) -> None:
        now = self._clock()
        while self._used and (oldest := next(iter(self._used))) and self._used[oldest] < now:
            del self._used[oldest]


def _issue(tokens: Tokens, holder: Pass, expires_at: int) -> str:
    until, id_ = holder.expires_at, secrets.token_urlsafe(12)
    return tokens.encode({"sub": str(holder.id_user), "exp": expires_at, "until": until, "jti": id_})
