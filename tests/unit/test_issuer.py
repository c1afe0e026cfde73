"""An issuer's tokens: what its keys sign is taken, by their own algorithms, and nothing else is."""

import asyncio
import base64
import json
import time
import warnings
from pathlib import Path
from typing import Any

import jwt
import orjson
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, HMACAlgorithm, OKPAlgorithm, RSAAlgorithm

from api import issuer
from api.auth import REQUIRED, Authenticator
from api.hs256 import InvalidToken, UnknownKey
from api.issuer import Issuer, NoKeys, issuers_keys, key_set

SECRET = "a secret of the tests, 32 bytes long or more"
ISSUER = "https://login.example/realms/shop"
NOW = int(time.time())
LATER = NOW + 86_400  # a long run of all tests ends before it
RSA, OTHER_RSA = (rsa.generate_private_key(65537, 2048) for _ in range(2))
EC, ED = ec.generate_private_key(ec.SECP256R1()), ed25519.Ed25519PrivateKey.generate()
PRIVATE = {"rsa": (RSA, "RS256"), "ec": (EC, "ES256"), "ed": (ED, "EdDSA")}
MAKERS = {"rsa": RSAAlgorithm, "ec": ECAlgorithm, "ed": OKPAlgorithm}


def public(which: str, **changes: Any) -> dict[str, Any]:
    """One key of the set, as an issuer publishes it."""
    key: dict[str, Any] = MAKERS[which].to_jwk(PRIVATE[which][0].public_key(), as_dict=True)
    return {**key, "kid": which, "use": "sig", **changes}


PUBLISHED = [public("rsa", alg="RS256"), public("ec"), public("ed")]


def signed(kid: str | None = "rsa", key: Any = None, alg: str | None = None, **claims: Any) -> str:
    private, own = PRIVATE[kid or "rsa"] if key is None else (key, alg)
    all_claims = {"iss": ISSUER, "aud": "lacak", "exp": LATER, "sub": "42", "scope": "orders:read", **claims}
    headers = {} if kid is None else {"kid": kid}
    return jwt.encode({name: value for name, value in all_claims.items() if value}, private, alg or own, headers)


def unsigned(head: dict[str, Any], signature: str = "") -> str:
    claims = {"iss": ISSUER, "aud": "lacak", "exp": LATER, "sub": "42", "scope": "ops"}
    parts = (base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in (head, claims))
    return ".".join([*parts, signature])


async def authenticator(tmp_path: Path, keys: list[dict[str, Any]] | None = None) -> Authenticator:
    """One that has read this set from a file."""
    path = tmp_path / "keys.json"
    path.write_bytes(orjson.dumps({"keys": PUBLISHED if keys is None else keys}))
    read = issuers_keys(str(path), 60)
    await read.start()
    await read.again()
    await read.stop()
    return Authenticator(SECRET, "lacak", 5, issuer=Issuer(read, ISSUER, "lacak", [*REQUIRED, "iss"]))


@pytest.mark.parametrize("kid", PRIVATE)
async def test_each_kind_of_key_is_taken(tmp_path: Path, kid: str) -> None:
    caller = (await authenticator(tmp_path)).verify(signed(kid))
    assert (caller.id_user, caller.scopes) == (42, {"orders:read"})


async def test_the_audience_may_be_one_of_several(tmp_path: Path) -> None:
    assert (await authenticator(tmp_path)).verify(signed(aud=["account", "lacak"])).id_user == 42


async def test_without_kid_the_only_key_is_meant(tmp_path: Path) -> None:
    assert (await authenticator(tmp_path, [public("rsa")])).verify(signed(None)).id_user == 42
    with pytest.raises(UnknownKey):
        (await authenticator(tmp_path)).verify(signed(None))


def pem(key: Any) -> bytes:
    return bytes(
        key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )


def confused() -> dict[str, str]:
    """Tokens whose HS256 key is the issuer's public key: for whoever takes the algorithm from the token."""
    plain = jwt.PyJWS()
    plain._algorithms["HS256"] = _AnySecret(HMACAlgorithm.SHA256)  # type: ignore[attr-defined]
    claims = orjson.dumps({"iss": ISSUER, "aud": "lacak", "exp": LATER, "sub": "42", "scope": "ops"})
    keys = {"its PEM": pem(RSA), "its PEM, stripped": pem(RSA).strip(), "its JWK": orjson.dumps(public("rsa"))}
    return {
        f"HS256 with {name}": plain.encode(claims, key, "HS256", {"kid": "rsa", "typ": "JWT"})
        for name, key in keys.items()
    }


class _AnySecret(HMACAlgorithm):
    """An attacker's library does not refuse a public key as a secret."""

    def prepare_key(self, key: Any) -> bytes:
        return bytes(key)


with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    REFUSED = {
        "the deployment's own secret": jwt.encode(
            {"iss": ISSUER, "aud": "lacak", "exp": LATER, "sub": "42"}, SECRET, "HS256", {"kid": "rsa"}
        ),
        **confused(),
        "alg none": unsigned({"alg": "none", "kid": "rsa"}),
        "alg None": unsigned({"alg": "None", "kid": "rsa"}),
        "no alg": unsigned({"kid": "rsa"}),
        "alg is a list": unsigned({"alg": ["RS256"], "kid": "rsa"}),
        "no signature": signed().rpartition(".")[0] + ".",
        "another's signature": signed("rsa", OTHER_RSA, "RS256"),
        "another algorithm of the same key": signed("rsa", RSA, "PS256"),
        "a larger hash of the same key": signed("rsa", RSA, "RS512"),
        "another key's id": signed("ec", RSA, "RS256"),
        "the token brings its key": jwt.encode(
            {"iss": ISSUER, "aud": "lacak", "exp": LATER},
            OTHER_RSA,
            "RS256",
            {"kid": "rsa", "jwk": RSAAlgorithm.to_jwk(OTHER_RSA.public_key(), as_dict=True)},
        ),
        "the token says where its key is": jwt.encode(
            {"iss": ISSUER, "aud": "lacak", "exp": LATER}, OTHER_RSA, "RS256", {"kid": "rsa", "jku": "https://x/"}
        ),
        "a kid that is a path": signed("rsa").replace(
            signed("rsa").partition(".")[0],
            base64.urlsafe_b64encode(b'{"alg":"RS256","kid":"../../dev/null"}').decode().rstrip("="),
        ),
        "a kid that is a query": unsigned({"alg": "RS256", "kid": "' OR 1=1 --"}, "AAAA"),
        "a kid that is a number": unsigned({"alg": "RS256", "kid": 7}, "AAAA"),
        "a kid that is empty": unsigned({"alg": "RS256", "kid": ""}, "AAAA"),
        "another issuer": signed(iss="https://login.example/realms/other"),
        "no issuer": signed(iss=None),
        "another audience": signed(aud="account"),
        "no audience": signed(aud=None),
        "no end": signed(exp=None),
        "expired": signed(exp=NOW - 60),
        "not yet": signed(nbf=LATER),
        "crit": jwt.encode(
            {"iss": ISSUER, "aud": "lacak", "exp": LATER}, RSA, "RS256", {"kid": "rsa", "crit": ["x"], "x": 1}
        ),
        "no token": "x",
        "empty": "",
        "five parts": signed() + ".AAAA.AAAA",
    }


@pytest.mark.parametrize("token", REFUSED.values(), ids=REFUSED)
async def test_everything_else_is_refused(tmp_path: Path, token: str) -> None:
    with pytest.raises(InvalidToken):
        (await authenticator(tmp_path)).verify(token)


def test_keys_that_are_good_for_nothing_here_are_left_out() -> None:
    weak = RSAAlgorithm.to_jwk(rsa.generate_private_key(65537, 1024).public_key(), as_dict=True)
    others = [
        public("rsa", kid="for encryption", use="enc"),
        public("rsa", kid="to sign with", key_ops=["sign"]),
        public("rsa", kid="a larger hash", alg="RS512"),
        {**RSAAlgorithm.to_jwk(RSA, as_dict=True), "kid": "private"},
        {**weak, "kid": "weak"},
        {"kty": "oct", "kid": "symmetric", "k": base64.urlsafe_b64encode(SECRET.encode()).decode().rstrip("=")},
        {"kty": "EC", "crv": "P-384", "kid": "curve"},
        {"kty": "RSA", "kid": "empty"},
        public("rsa", kid=7),
    ]
    assert set(key_set(orjson.dumps({"keys": [*others, *PUBLISHED]}), "here")) == set(PRIVATE)
    with pytest.raises(NoKeys, match="no key"):
        key_set(orjson.dumps({"keys": others}), "here")


@pytest.mark.parametrize("document", [b"", b"{}", b"[]", b"null", b'{"keys": 7}', b'{"keys": ["x"]}', b"\xff"])
def test_what_is_no_key_set_is_said_to_be_none(document: bytes) -> None:
    with pytest.raises(NoKeys, match="here"):
        key_set(document, "here")


@pytest.mark.parametrize("place", ["http://login.example/keys", "http://10.0.0.1/keys", "/nowhere/keys.json"])
def test_a_place_that_cannot_be_right_is_refused_at_the_start(place: str) -> None:
    with pytest.raises(NoKeys, match=place):
        issuers_keys(place, 60)


async def test_an_issuer_that_never_comes_to_the_end_of_its_set_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked, gone = asyncio.Event(), asyncio.Event()

    async def drip(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        while not asked.is_set():
            writer.write(b" ")
            await asyncio.sleep(0.05)
        writer.close()
        gone.set()

    monkeypatch.setattr(issuer, "FETCH_SECONDS", 0.2)
    server = await asyncio.start_server(drip, "127.0.0.1", 0)
    try:
        with pytest.raises(NoKeys, match=r"not there after 0\.2 s"):
            await asyncio.wait_for(issuer._fetch(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/keys"), 5)
    finally:
        asked.set()
        server.close()
        await gone.wait()
