"""Tokens that an issuer has not signed, at a server that takes only its own."""

import base64
import hmac
import json
import time
import warnings
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import RSAAlgorithm

from hostile.world import EC, ISSUER, RSA, SECRET, Case, b64, claims, get, part, with_token

_OTHER_RSA, _OTHER_EC = rsa.generate_private_key(65537, 2048), ec.generate_private_key(ec.SECP256R1())
_PUBLIC = RSA.public_key()
_PEM = _PUBLIC.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
_DER = _PUBLIC.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
_JWK = json.dumps(RSAAlgorithm.to_jwk(_PUBLIC, as_dict=True)).encode()
_JWK_OF_OTHER = RSAAlgorithm.to_jwk(_OTHER_RSA.public_key(), as_dict=True)


def _said(**changes: Any) -> dict[str, Any]:
    return claims(**{"iss": ISSUER, **changes})


def _by(key: Any, algorithm: str, kid: object = "rsa", head: dict[str, Any] | None = None, **changes: Any) -> str:
    """Signed so; `head` is added to the token's head, and not believed by the signer."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = jwt.encode(_said(**changes), key, algorithm, {"kid": str(kid), **(head or {})})
    return made


def _hmac(secret: bytes, **head: object) -> str:
    """HS256 with a key that everybody knows."""
    text = f"{part({'alg': 'HS256', 'typ': 'JWT', 'kid': 'rsa', **head})}.{part(_said())}"
    return f"{text}.{b64(hmac.digest(secret, text.encode(), 'sha256'))}"


def _bare(head: dict[str, Any], signature: str = "") -> str:
    return f"{part(head)}.{part(_said())}.{signature}"


_NOW = int(time.time())
TOKENS = {
    "HS256 with the public key's PEM": _hmac(_PEM),
    "HS256 with its PEM, stripped": _hmac(_PEM.strip()),
    "HS256 with its DER": _hmac(_DER),
    "HS256 with its JWK": _hmac(_JWK),
    "HS256 with its modulus": _hmac(base64.urlsafe_b64decode(json.loads(_JWK)["n"] + "==")),
    "HS256 with the deployment's secret": _hmac(SECRET.encode()),
    "HS256 with an empty key": _hmac(b"", kid="../../dev/null"),
    "alg none": _bare({"alg": "none", "kid": "rsa"}),
    "alg NONE": _bare({"alg": "NONE", "kid": "rsa"}),
    "no alg": _bare({"kid": "rsa"}),
    "another RSA key": _by(_OTHER_RSA, "RS256"),
    "another EC key": _by(_OTHER_EC, "ES256", "ec"),
    "PS256 with the key": _by(RSA, "PS256"),
    "RS512 with the key": _by(RSA, "RS512"),
    "the RSA key as the EC key": _by(RSA, "RS256", "ec"),
    "the EC key as the RSA key": _by(EC, "ES256", "rsa"),
    "an ES256 signature of zeros": _bare({"alg": "ES256", "kid": "ec"}, b64(bytes(64))),
    "jwk": _by(_OTHER_RSA, "RS256", head={"jwk": _JWK_OF_OTHER}),
    "jwk and its kid": _by(_OTHER_RSA, "RS256", "mine", head={"jwk": {**_JWK_OF_OTHER, "kid": "mine"}}),
    "jku": _by(_OTHER_RSA, "RS256", head={"jku": "https://attacker.example/keys"}),
    "x5u": _by(_OTHER_RSA, "RS256", head={"x5u": "https://attacker.example/cert"}),
    "x5c": _by(_OTHER_RSA, "RS256", head={"x5c": [base64.b64encode(_DER).decode()]}),
    "kid of a file": _by(_OTHER_RSA, "RS256", "../../../dev/null"),
    "kid as SQL": _by(_OTHER_RSA, "RS256", "' OR 1=1 --"),
    "kid of a URL": _by(_OTHER_RSA, "RS256", "https://attacker.example/keys"),
    "kid a list": _bare({"alg": "RS256", "kid": ["rsa"]}, "AAAA"),
    "kid null": _bare({"alg": "RS256", "kid": None}, "AAAA"),
    "crit": _by(RSA, "RS256", head={"crit": ["exp"]}),
    "another iss": _by(RSA, "RS256", iss="https://login.example.attacker.example"),
    "iss with a slash": _by(RSA, "RS256", iss=ISSUER + "/"),
    "no iss": _by(RSA, "RS256", iss=None),
    "another aud": _by(RSA, "RS256", aud="account"),
    "no aud": _by(RSA, "RS256", aud=None),
    "no exp": _by(RSA, "RS256", exp=None),
    "expired": _by(RSA, "RS256", exp=_NOW - 60),
    "not yet valid": _by(RSA, "RS256", nbf=_NOW + 3600),
    "scope a list": _by(RSA, "RS256", scope=["ops"]),
    "courier a number": _by(RSA, "RS256", courier=7),
    "no signature": _by(RSA, "RS256").rpartition(".")[0] + ".",
}

CASES = [
    Case(f"issuer: {name}", lambda w, token=token: get(w.order, with_token(token)), 401, "unauthenticated", issued=True)
    for name, token in TOKENS.items()
]
