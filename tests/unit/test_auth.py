"""Tokens: what is taken, and what is refused."""

import base64
import json
import time

import jwt
import pytest

from api.auth import OPS, ORDERS_READ, STATUS_WRITE, TEXT_LENGTH, Authenticator, Caller, InvalidToken, issue_token

SECRET = "a secret of the tests, 32 bytes long or more"
# The tokens of the tables below are made when this is imported: those that are good are so for days.
NOW = int(time.time())
DAY = 24 * 60 * 60


def authenticator(leeway: int = 5) -> Authenticator:
    return Authenticator(SECRET, "lacak", leeway)


def signed(claims: dict[str, object], secret: str = SECRET, algorithm: str = "HS256") -> str:
    return jwt.encode({"aud": "lacak", "exp": NOW + DAY, "sub": "42", "scope": "ops", **claims}, secret, algorithm)


def part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def test_a_token_that_was_issued_is_verified_with_all_it_says() -> None:
    token = issue_token(
        SECRET, audience="lacak", ttl=DAY, now=NOW, sub="42", scopes=[ORDERS_READ, STATUS_WRITE], courier="jne"
    )
    caller = authenticator().verify(token)
    assert caller == Caller("42", frozenset({ORDERS_READ, STATUS_WRITE}), "jne", NOW + DAY)
    assert caller.id_user == 42


def test_a_token_without_sub_has_no_user() -> None:
    token = issue_token(SECRET, audience="lacak", ttl=DAY, now=NOW, scopes=[STATUS_WRITE])
    assert authenticator().verify(token).id_user is None


@pytest.mark.parametrize(
    ("sub", "id_user"),
    [
        ("0", 0),
        ("2147483647", 2**31 - 1),
        *((sub, None) for sub in ("2147483648", "042", "-1", "+1", "٤", "", " 42", "42.0", "shop")),
    ],
)
def test_sub_names_a_user_only_as_a_plain_decimal_int(sub: str, id_user: int | None) -> None:
    assert Caller(sub, frozenset(), None, NOW).id_user == id_user


def test_a_customer_sees_its_own_orders_and_ops_sees_all() -> None:
    customer = Caller("42", frozenset({ORDERS_READ}), None, NOW)
    assert customer.sees(42)
    assert not customer.sees(43)
    assert not Caller("42", frozenset({STATUS_WRITE}), None, NOW).sees(42)
    assert Caller("", frozenset({OPS}), None, NOW).sees(43)


REFUSED = {
    "another secret": signed({}, secret="quite another secret, of 32 bytes or more"),
    "another algorithm with the same secret": signed({}, secret=SECRET * 2, algorithm="HS512"),
    "expired": signed({"exp": NOW - 60}),
    "not yet valid": signed({"nbf": NOW + DAY}),
    "another audience": signed({"aud": "somebody else"}),
    "no audience": jwt.encode({"exp": NOW + DAY}, SECRET),
    "no expiry": jwt.encode({"aud": "lacak"}, SECRET),
    "sub is a number": part({"alg": "HS256"}) + "." + part({"sub": 42}) + ".AAAA",
    "scope is a list": signed({"scope": ["ops"]}),
    "courier is a number": signed({"courier": 7}),
    "courier is empty": signed({"courier": ""}),
    "expires after for ever": signed({"exp": float("inf")}),
    "unsigned": part({"alg": "none", "typ": "JWT"})
    + "."
    + part({"aud": "lacak", "exp": NOW + DAY, "scope": "ops"})
    + ".",
    "half a character in crit": part({"alg": "HS256", "crit": ["\ud800" * 1000]}) + ".e30.AAAA",
    "half a character in sub": signed({"sub": "\ud800"}),
    "half a character in courier": signed({"courier": "\ud800"}),
    "brackets": base64.urlsafe_b64encode(b"[" * 9000).decode() + ".e30.AAAA",
    "empty": "",
    "no token at all": "nonsense",
    "not ASCII": "é.é.é",
}


@pytest.mark.parametrize("token", REFUSED.values(), ids=REFUSED.keys())
def test_a_token_is_refused(token: str) -> None:
    with pytest.raises(InvalidToken) as refused:
        authenticator().verify(token)
    text = str(refused.value)
    assert text.encode(), "it can be answered with"
    assert len(text) <= 6 * TEXT_LENGTH, "and is no echo"


def test_the_signature_of_one_token_does_not_fit_another_payload() -> None:
    head, _, signature = signed({"scope": ""}).split(".")
    with pytest.raises(InvalidToken):
        authenticator().verify(".".join([head, part({"aud": "lacak", "exp": NOW + DAY, "scope": "ops"}), signature]))


def test_the_leeway_is_for_clocks_that_differ() -> None:
    token = signed({"exp": NOW - 60})
    assert authenticator(leeway=DAY).verify(token).expires_at == NOW - 60
    with pytest.raises(InvalidToken, match="expired"):
        authenticator(leeway=0).verify(token)


def test_a_short_secret_is_refused_at_the_start() -> None:
    with pytest.raises(ValueError, match="LACAK_JWT_SECRET"):
        Authenticator("short", "lacak", 5)
