"""Tokens: what cannot be good is refused at the door, and the rest is for the services to judge."""

import re
import subprocess
from pathlib import Path

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

import echo
import edge as edges
from api.access import INVALID_TOKEN
from deploy.local.debian import where
from edge import CLAIMS, SECRET, bearer, checked, signed, told
from rest import problem

NONE = jwt.encode(CLAIMS, None, "none")
HEADLESS = "." + signed().split(".", 1)[1]
BAD_TOKENS = {
    "alg none": NONE,
    "alg none with a signature": NONE + signed().rpartition(".")[2],
    "alg nOnE": jwt.api_jws.base64url_encode(b'{"alg":"nOnE"}').decode() + "." + NONE.split(".")[1] + ".",
    "another secret": signed("another secret, which has 32 bytes as well"),
    "changed claims": ".".join([*signed(sub="another").split(".")[:2], signed().split(".")[2]]),
    "no signature": signed().rpartition(".")[0] + ".",
    "an algorithm that is not taken": signed(SECRET * 2, "HS512"),
    "no head": HEADLESS,
    "no token at all": "hello",
}


@pytest.mark.parametrize("token", BAD_TOKENS.values(), ids=BAD_TOKENS)
def test_a_token_that_cannot_be_good_is_refused_at_the_door(
    token: str, client: httpx.Client, service: echo.Echo
) -> None:
    before = len(service.heard)
    for path in ("/v1/orders/7", "/v1/live/sse", "/v1/live"):
        for scheme in ("Bearer", "bearer", "Bearer "):
            answer = client.get(path, headers={"Authorization": f"{scheme} {token}"})
            problem(answer, 401, "unauthenticated")
            assert answer.headers["www-authenticate"] == INVALID_TOKEN
    assert len(service.heard) == before


@pytest.mark.parametrize(
    "headers",
    [
        {},
        bearer(signed()),
        bearer(signed(exp=1)),
        bearer("lck_an-api-key"),
        {"Cookie": f"lacak_live={NONE}"},
        {"Authorization": "Basic YTpi"},
        {"Sec-WebSocket-Protocol": f"lacak.v1, ticket.{NONE}"},
    ],
)
def test_all_else_is_for_the_services_to_judge(headers: dict[str, str], client: httpx.Client) -> None:
    reached = told(client.get(f"/v1/live/sse?ticket={NONE}&share={NONE}", headers=headers))
    assert {name.lower(): value for name, value in headers.items()}.items() <= reached.items()


def test_tokens_of_a_public_key_are_verified_where_a_bad_one_hurts_nobody_else(
    service: echo.Echo, tmp_path: Path
) -> None:
    """Before 3.0.4 HAProxy left the error of a bad signature for the next TLS connection to stumble over."""
    old, new, strangers = (
        rsa.generate_private_key(65537, 2048),
        *(ec.generate_private_key(ec.SECP256R1()) for _ in "ab"),
    )
    files = {}
    for name, key in (("JWT_KEY", old), ("JWT_KEY_2", new)):
        files[name] = tmp_path / f"{name}.pem"
        files[name].write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    tokens = {
        jwt.encode(CLAIMS, old, "RS256"): 200,
        jwt.encode(CLAIMS, new, "ES256"): 200,
        jwt.encode(CLAIMS, strangers, "ES256"): 401,
        jwt.encode(CLAIMS, rsa.generate_private_key(65537, 2048), "RS256"): 401,
        jwt.encode(CLAIMS, old, "RS512"): 401,
        # The public key, which everybody has, taken for a secret.
        confused(files["JWT_KEY"].read_bytes()): 401,
        jwt.encode(CLAIMS, SECRET, "HS256"): 401,
    }
    settings = {**files, "JWT_ALGORITHMS": "RS256 ES256"}
    if version() < (3, 0, 4):
        said = checked(tmp_path, [service.address], settings)
        assert said.returncode == 1 and "needs HAProxy 3.0.4" in said.stderr
        settings, tokens = {"JWT_ALGORITHMS": "RS256 ES256"}, {token: KEYLESS[n] for n, token in enumerate(tokens)}
    with edges.running(tmp_path, [service.address], [service.address], **settings) as edge, edge.client() as client:
        found = {token: client.get("/v1/orders/7", headers=bearer(token)).status_code for token in tokens}
    assert found == tokens


def test_a_secret_that_is_being_changed_is_good_beside_the_new_one(service: echo.Echo, tmp_path: Path) -> None:
    old = "the secret before, of 32 bytes as well"
    settings = {"LACAK_JWT_SECRET": SECRET, "LACAK_JWT_PREVIOUS_SECRET": old}
    with edges.running(tmp_path, [service.address], [service.address], **settings) as edge, edge.client() as client:
        tokens = [signed(), signed(old), signed("another secret, which has 32 bytes as well")]
        answers = [client.get("/v1/orders/7", headers=bearer(token)).status_code for token in tokens]
    assert answers == [200, 200, 401]


KEYLESS = (200, 200, 200, 200, 401, 401, 401)
"""What the door says to the same when it has no key: the rest is for the services."""


def version() -> tuple[int, ...]:
    said = subprocess.run([where("haproxy") or "haproxy", "-v"], capture_output=True, text=True, check=True).stdout
    return tuple(map(int, re.findall(r"\d+", said)[:3]))


def confused(key: bytes) -> str:
    """HS256 with a text for a secret that the library does not take for one."""
    signed_part = jwt.encode(CLAIMS, SECRET, "HS256").rpartition(".")[0]
    signature = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256).sign(signed_part.encode(), key)
    return f"{signed_part}.{jwt.api_jws.base64url_encode(signature).decode()}"
