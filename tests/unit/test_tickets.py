"""Tickets are good for a short while, once, and for nothing else."""

import jwt
import pytest

from api.auth import Authenticator, issue_token
from api.hs256 import InvalidToken
from api.live.tickets import TICKET_SECONDS, Pass, Tickets

SECRET = "a secret of the tests, 32 bytes long or more"
HOLDER = Pass(42, 1_800_003_600)
NOW = 1_800_000_000


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> int:
        return self.now


def gateway(clock: Clock, secret: str = SECRET) -> Tickets:
    return Tickets(secret, 5, clock)


def test_a_ticket_names_its_holder_once_on_a_gateway() -> None:
    clock = Clock()
    one, other = gateway(clock), gateway(clock)
    ticket = one.ticket(HOLDER)
    assert other.redeem(ticket) == HOLDER
    assert one.redeem(ticket) == HOLDER
    for again in (one, other):
        with pytest.raises(InvalidToken, match="used"):
            again.redeem(ticket)


def test_it_is_used_as_long_as_it_would_be_good_and_then_forgotten() -> None:
    clock = Clock()
    tickets = gateway(clock)
    ticket = tickets.ticket(HOLDER)
    tickets.redeem(ticket)
    clock.now += TICKET_SECONDS + 5
    with pytest.raises(InvalidToken, match="used"):
        tickets.redeem(ticket)
    clock.now += 1
    with pytest.raises(InvalidToken, match="expired"):
        tickets.redeem(ticket)
    clock.now += 100
    tickets.redeem(tickets.ticket(HOLDER))
    assert len(tickets._used) == 1, "memory is bounded by the tickets of half a minute"


def test_a_ticket_of_another_secret_or_audience_or_algorithm_is_none() -> None:
    clock = Clock()
    tickets = gateway(clock)
    token = issue_token(SECRET, audience="lacak", ttl=60, now=NOW, sub="42", scopes=["orders:read"])
    unsigned = jwt.encode({"aud": "lacak-live-ticket", "sub": "42", "exp": NOW + 9, "jti": "x"}, None, algorithm="none")
    for bad in ("", "x", token, unsigned, gateway(clock, SECRET + "!").ticket(HOLDER), tickets.session(HOLDER)):
        with pytest.raises(InvalidToken):
            tickets.redeem(bad)
    for bad in ("", "x", token, tickets.ticket(HOLDER)):
        with pytest.raises(InvalidToken):
            tickets.session_of(bad)


def test_neither_is_a_bearer_token() -> None:
    tickets = gateway(Clock())
    for text in (tickets.ticket(HOLDER), tickets.session(HOLDER)):
        with pytest.raises(InvalidToken):
            Authenticator(SECRET, "lacak", 5).verify(text)


def test_a_session_is_good_again_and_again_until_the_token_expires() -> None:
    clock = Clock()
    tickets = gateway(clock)
    session = tickets.session(HOLDER)
    assert [tickets.session_of(session) for _ in range(3)] == [HOLDER] * 3
    clock.now = HOLDER.expires_at + 6
    with pytest.raises(InvalidToken, match="expired"):
        tickets.session_of(session)
