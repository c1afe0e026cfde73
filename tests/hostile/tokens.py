"""Bearer tokens that are none: forged, of another kind, ended, or good for something else."""

import base64
import json
import time
from collections.abc import Callable

from hostile.world import OWNER, Case, World, b64, claims, get, part, post, signed, with_token

Token = Callable[[World], str]


def _unsigned(head: object, signature: str = "") -> Token:
    return lambda _: f"{part(head)}.{part(claims())}.{signature}"


def _said(**changes: object) -> Token:
    """Well signed, and it says this."""
    return lambda _: signed(claims(**changes))


def _head(key: bytes = b"", digest: str = "sha256", **head: object) -> Token:
    """Signed with a key that its head asks for."""
    return lambda _: signed(claims(), {"alg": "HS256", "typ": "JWT", **head}, key, digest)


def _bent(bend: Callable[[str], str]) -> Token:
    """A good token, bent."""
    return lambda _: bend(signed(claims()))


_OURS = b"a secret of the tests, 32 bytes long or more"
_OCT = {"kty": "oct", "k": b64(b"the attacker's own key, 32 bytes!")}

FORGED: dict[str, Token] = {
    **{f"alg {alg!r}": _unsigned({"alg": alg, "typ": "JWT"}) for alg in ("none", "None", "NONE", "nOnE", "none ", "")},
    "alg null": _unsigned({"alg": None}),
    "no alg": _unsigned({"typ": "JWT"}),
    "alg a list": _unsigned({"alg": ["HS256", "none"]}),
    "alg none, with a signature": lambda _: signed(claims(), {"alg": "none"}),
    "alg hs256": _head(_OURS, alg="hs256"),
    "HS384 with the secret": _head(_OURS, "sha384", alg="HS384"),
    "HS512 with the secret": _head(_OURS, "sha512", alg="HS512"),
    "RS256 over an HMAC": _head(_OURS, alg="RS256"),
    "ES256, r = s = 0": _unsigned({"alg": "ES256"}, b64(bytes(64))),
    "an empty secret": _head(b""),
    "a guessed secret": _head(b"secret"),
    "another deployment's secret": _head(b"another secret, of 32 bytes or more than that"),
    "kid of an empty file": _head(b"", kid="../../../../dev/null"),
    "kid as SQL": _head(b"x", kid="zz' UNION SELECT 'x' --"),
    "kid as a command": _head(b"", kid="key; cat /etc/passwd |"),
    "kid a number": _head(_OURS, kid=7),
    "jwk": _head(b"the attacker's own key, 32 bytes!", jwk=_OCT),
    "jku": _head(b"x" * 32, jku="https://attacker.example/keys"),
    "x5u": _head(b"x" * 32, x5u="https://attacker.example/cert"),
    "x5c": _head(b"x" * 32, x5c=["MIIB"]),
    "crit": _head(_OURS, crit=["exp"]),
    "b64 false": _head(_OURS, crit=["b64"], b64=False),
    "no signature": _bent(lambda token: token.rpartition(".")[0] + "."),
    "two parts": _bent(lambda token: token.rpartition(".")[0]),
    "a truncated signature": _bent(lambda token: token[:-4]),
    "a longer signature": _bent(lambda token: token + "AAAA"),
    "a signature of zeros": _bent(lambda token: token.rpartition(".")[0] + "." + b64(bytes(32))),
    "another's payload": _bent(
        lambda token: ".".join([token.split(".")[0], part(claims(sub="x")), token.split(".")[2]])
    ),
    "four parts": _bent(lambda token: token + ".AAAA"),
    "five parts": _bent(lambda token: token + ".AAAA.AAAA"),
    "a space within": _bent(lambda token: token.replace(".", ". ")),
    "a tab before the dot": _bent(lambda token: token.replace(".", "\t.", 1)),
    "lower case": _bent(str.lower),
    "as JSON": _bent(
        lambda token: json.dumps(dict(zip(("protected", "payload", "signature"), token.split("."), strict=True)))
    ),
    "encoded again": _bent(lambda token: b64(token.encode())),
    "Latin-1": lambda _: "é.é.é",
    "50,000 characters": lambda _: "A" * 50_000,
    "a head that is no JSON": lambda _: f"{part(b'{')}.{part(claims())}.AAAA",
    "a head of brackets": lambda _: f"{b64(b'[' * 9000)}.e30.AAAA",
}

SAID: dict[str, Token] = {
    "expired": _said(exp=int(time.time()) - 60),
    "expired in 1970": _said(exp=0),
    "expires before it was": _said(exp=-1),
    "no exp": _said(exp=None),
    "exp a text": _said(exp="tomorrow"),
    "exp a list": _said(exp=[4102444800]),
    "exp true": lambda _: signed(b'{"aud":"lacak","scope":"ops","exp":true}'),
    "exp 1e999": lambda _: signed(b'{"aud":"lacak","scope":"ops","exp":1e999}'),
    "exp NaN": lambda _: signed(b'{"aud":"lacak","scope":"ops","exp":NaN}'),
    "exp Infinity": lambda _: signed(b'{"aud":"lacak","scope":"ops","exp":Infinity}'),
    "not yet valid": _said(nbf=int(time.time()) + 3600),
    "issued tomorrow": _said(iat=int(time.time()) + 86_400),
    "another aud": _said(aud="another"),
    "no aud": _said(aud=None),
    "aud in capitals": _said(aud="LACAK"),
    "aud a list without ours": _said(aud=["a", "b"]),
    "aud an empty list": _said(aud=[]),
    "aud an object": _said(aud={"lacak": True}),
    "scope a list": _said(scope=["ops"]),
    "scope a number": _said(scope=7),
    "scope an object": _said(scope={"ops": True}),
    "sub a number": _said(sub=42),
    "sub a list": _said(sub=["42"]),
    "courier a number": _said(courier=7),
    "courier a list": _said(courier=["jne"]),
    "courier true": _said(courier=True),
    "courier empty": _said(courier=""),
    "claims as a list": lambda _: signed([claims()]),
    "claims as a text": lambda _: signed("ops"),
    "claims that are no JSON": lambda _: signed(b"scope=ops"),
    "nested claims": lambda _: signed(b'{"a":' * 5000 + b"1" + b"}" * 5000),
    "half a character": _said(sub="\ud800"),
}

OF_ANOTHER_KIND: dict[str, Token] = {
    "a ticket": lambda w: w.ticket(OWNER),
    "a session": lambda w: w.session(OWNER),
    "a share link": lambda w: w.link(),
    "the secret itself": lambda w: w.rest.settings.jwt_secret,
    "a revoked API key": lambda w: w.keys["revoked"],
    "an expired API key": lambda w: w.keys["expired"],
    "an API key cut short": lambda w: w.keys["good"][:-1],
    "an API key and more": lambda w: w.keys["good"] + "A",
    "an API key with another's secret": lambda w: w.keys["good"][:21] + w.keys["another"][21:],
    "an API key of zeros": lambda _: f"lck_{'0' * 16}_{'A' * 43}",
    "an API key's id": lambda w: w.keys["good"][:21],
    "an API key in capitals": lambda w: w.keys["good"].upper(),
    "an API key's prefix": lambda _: "lck_",
    "an API key with a wildcard": lambda w: w.keys["good"][:-43] + "%" * 43,
}

_BASIC = "Basic " + base64.b64encode(b"ops:secret").decode()
AUTHORIZATIONS: dict[str, Callable[[World], list[tuple[str, str]]]] = {
    "no header": lambda _: [],
    "Basic": lambda _: [("Authorization", _BASIC)],
    "Digest": lambda _: [("Authorization", 'Digest username="ops"')],
    "Basic with an API key": lambda w: [
        ("Authorization", "Basic " + base64.b64encode(f"{w.keys['good']}:".encode()).decode())
    ],
    "Bearer and nothing": lambda _: [("Authorization", "Bearer")],
    "Bearer twice": lambda _: [("Authorization", f"Bearer Bearer {signed(claims())}")],
    "a colon after Bearer": lambda _: [("Authorization", f"Bearer: {signed(claims())}")],
    "no scheme": lambda _: [("Authorization", signed(claims()))],
    "a comma and a second one": lambda _: [("Authorization", f"Bearer {signed(claims())}, Basic x")],
    "two, the second one good": lambda _: [
        ("Authorization", _BASIC),
        ("Authorization", f"Bearer {signed(claims())}"),
    ],
    "two, the first one good": lambda _: [
        ("Authorization", f"Bearer {signed(claims())}"),
        ("Authorization", "Bearer x"),
    ],
    "two that are good": lambda _: [("Authorization", f"Bearer {signed(claims())}")] * 2,
    "in another header": lambda _: [("X-Authorization", f"Bearer {signed(claims())}")],
    "in the cookie of live push": lambda w: [("Cookie", f"lacak_live={w.session(OWNER)}")],
    "in a cookie": lambda _: [("Cookie", f"Authorization=Bearer {signed(claims())}")],
    "said by a proxy": lambda _: [("X-Forwarded-User", "ops"), ("X-Forwarded-For", "127.0.0.1")],
}


def _reads(name: str, token: Token) -> Case:
    return Case(f"token: {name}", lambda w: get(w.order, with_token(token(w))), 401, "unauthenticated")


UPDATE = {"status": "lost", "courier": "jne"}

CASES = [
    *(_reads(name, token) for table in (FORGED, SAID, OF_ANOTHER_KIND) for name, token in table.items()),
    *(
        Case(f"Authorization: {name}", lambda w, made=made: get(w.order, made(w)), 401, "unauthenticated")
        for name, made in AUTHORIZATIONS.items()
    ),
    *(
        Case(
            f"a write with {name}",
            lambda w, token=FORGED[name]: post(f"{w.order}/status", with_token(token(w)), UPDATE),
            401,
            "unauthenticated",
        )
        for name in ("alg 'none'", "an empty secret", "a truncated signature", "jwk")
    ),
    Case("token in the query", lambda w: get(f"{w.order}?access_token={signed(claims())}"), 401, "unauthenticated"),
    Case(
        "a revoked key writes",
        lambda w: post(f"{w.order}/status", with_token(w.keys["revoked"]), UPDATE),
        401,
        "unauthenticated",
    ),
    *(
        Case(
            f"scope {scope!r}", lambda w, scope=scope: get(w.order, with_token(_said(scope=scope)(w))), 403, "forbidden"
        )
        for scope in ("", "OPS", "ops,orders:read", "opsx", "orders", "*", "status:write orders:write")
    ),
]
