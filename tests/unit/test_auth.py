"""Tokens: what is taken, and what is refused."""

import base64
import hmac
import json
import time
from collections.abc import Callable

import jwt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api import auth
from api.auth import OPS, ORDERS_READ, STATUS_WRITE, Authenticator, Caller, issue_token
from api.hs256 import LENGTH, InvalidToken

SECRET = "a secret of the tests, 32 bytes long or more"
# The tokens of the tables below are made when this is imported: those that are good are so for days.
NOW = int(time.time())
DAY = 24 * 60 * 60


def authenticator(leeway: int = 5) -> Authenticator:
    return Authenticator(SECRET, "lacak", leeway)


def signed(claims: dict[str, object], secret: str = SECRET, algorithm: str = "HS256") -> str:
    return jwt.encode({"aud": "lacak", "exp": NOW + DAY, "sub": "42", "scope": "ops", **claims}, secret, algorithm)


def part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value, separators=(",", ":")).encode()).decode().rstrip("=")


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
    assert len(text) <= 6 * LENGTH, "and is no echo"


def test_the_signature_of_one_token_does_not_fit_another_payload() -> None:
    head, _, signature = signed({"scope": ""}).split(".")
    with pytest.raises(InvalidToken):
        authenticator().verify(".".join([head, part({"aud": "lacak", "exp": NOW + DAY, "scope": "ops"}), signature]))


def test_the_leeway_is_for_clocks_that_differ() -> None:
    token = signed({"exp": NOW - 60})
    assert authenticator(leeway=DAY).verify(token).expires_at == NOW - 60
    with pytest.raises(InvalidToken, match="expired"):
        authenticator(leeway=0).verify(token)


ODD = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.lists(st.text(), max_size=2))
USUAL = {"aud": "lacak", "exp": NOW + DAY, "iat": NOW, "sub": "42", "scope": "ops"}
CHANGED = st.fixed_dictionaries(
    {},
    optional={
        "aud": st.sampled_from(["lacak", "other", ["lacak"], ["other", "lacak"], []]) | ODD,
        "exp": st.integers(NOW - 20, NOW + 20) | st.floats(NOW - 20, NOW + DAY) | st.just(NOW + DAY) | ODD,
        "iat": st.integers(NOW - 20, NOW + 20) | ODD,
        "nbf": st.integers(NOW - 20, NOW + 20) | ODD,
        "sub": st.sampled_from(["42", "a-shop"]) | ODD,
        "scope": st.just("ops orders:read") | ODD,
        "courier": st.just("jne") | ODD,
        "iss": ODD,
        "jti": ODD,
    },
)
ODD_HEADS = [{"alg": "HS256"}, {"typ": "JWT", "alg": "HS256"}, {"alg": "none"}, {"alg": "HS512"}]
HEADS = st.sampled_from([{"alg": "HS256", "typ": "JWT"}] * 8 + [*ODD_HEADS, {"alg": "HS256", "crit": ["x"]}])
SPOIL = st.just(lambda token: token) | st.sampled_from(
    [
        lambda token: token[:-1],
        lambda token: token + "=",
        lambda token: token + ".",
        lambda token: token.replace(".", "..", 1),
        lambda token: token.replace(".", ".=", 1),
        lambda token: token.replace(".", ". ", 1),
        lambda token: token.replace("e", "\u00e9", 1),
        lambda token: token.partition(".")[2],
    ]
)


def verdict(of: Callable[[], Caller]) -> Caller | None:
    try:
        return of()
    except InvalidToken:
        return None


@settings(max_examples=600, deadline=None)
@given(
    head=HEADS,
    changed=CHANGED,
    odd=st.sets(st.sampled_from(["aud", "exp", "iat", "nbf", "sub", "scope", "courier", "iss", "jti"]), max_size=2),
    spoil=SPOIL,
    secret=st.sampled_from([SECRET, SECRET, SECRET, "x" * 40]),
)
def test_a_token_that_is_read_here_is_one_that_pyjwt_takes_and_says_the_same(
    head: dict[str, object], changed: dict[str, object], odd: set[str], spoil: Callable[[str], str], secret: str
) -> None:
    claims = {name: claim for name, claim in USUAL.items() if name not in odd}
    claims |= {name: changed[name] for name in odd & changed.keys()}
    signed_part = f"{part(head)}.{part(claims)}"
    signature = hmac.digest(secret.encode(), signed_part.encode(), "sha256")
    token = spoil(f"{signed_part}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}")
    one = authenticator()
    by_pyjwt = verdict(lambda: auth._caller(one._tokens.judged(token, 5, int(time.time()))))
    assert verdict(lambda: one.verify(token)) == by_pyjwt


def test_a_token_as_we_issue_it_is_read_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jwt, "decode", None)
    token = issue_token(SECRET, audience="lacak", ttl=DAY, now=NOW, sub="42", scopes=[ORDERS_READ], courier="jne")
    assert authenticator().verify(token).id_user == 42


def test_tokens_outlive_a_change_of_the_secret_while_the_old_one_is_known() -> None:
    old, new = SECRET, SECRET[::-1]
    before, after = (
        issue_token(secret, audience="lacak", ttl=DAY, now=NOW, sub="42", scopes=[OPS]) for secret in (old, new)
    )
    changing = Authenticator(new, "lacak", 5, previous=old)
    assert changing.verify(before) == changing.verify(after)
    for secret, token in ((new, before), (old, after)):
        with pytest.raises(InvalidToken):
            Authenticator(secret, "lacak", 5).verify(token)
    with pytest.raises(InvalidToken, match="expired"):
        changing.verify(signed({"exp": NOW - 60}))
