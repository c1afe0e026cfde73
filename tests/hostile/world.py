"""What hostile requests are sent to, and what an attacker has: running servers, one customer's order, and credentials,
some of them another's, ended or stolen."""

import asyncio
import base64
import hmac
import json
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from api.auth import OPS, ORDERS_CORRECT, ORDERS_READ, ORDERS_WRITE, STATUS_WRITE
from order_examples import a_life, an_order
from rest import Rest
from streams.settings import Settings
from tables.api_keys import new_key
from tables.cassandra_orders import CassandraOrders
from tables.orders import DAY_MS, Current, OrderWrite

OWNER, STRANGER = 42, 43
ISSUER = "https://login.example"
RSA = rsa.generate_private_key(65537, 2048)
EC = ec.generate_private_key(ec.SECP256R1())
SECRET = "a secret of the tests, 32 bytes long or more"

Headers = Mapping[str, str] | Iterable[tuple[str, str]]


@dataclass(frozen=True)
class World:
    """`rest` takes tokens of the deployment's secret, `issued` only those of an issuer. The order is OWNER's."""

    rest: Rest
    issued: Rest
    id_order: int
    keys: Mapping[str, str]

    @property
    def order(self) -> str:
        return f"/v1/orders/{self.id_order}"

    def shop(self) -> dict[str, str]:
        return self.rest.headers(ORDERS_WRITE, sub="a-shop")

    def courier(self) -> dict[str, str]:
        return self.rest.headers(STATUS_WRITE, courier="jne")

    def ops(self) -> dict[str, str]:
        return self.rest.headers(OPS)

    def corrector(self, sub: str | None = "ani") -> dict[str, str]:
        return self.rest.headers(ORDERS_CORRECT, sub=sub)

    def customer(self, sub: object = STRANGER) -> dict[str, str]:
        return self.rest.headers(ORDERS_READ, sub=str(sub))

    def ticket(self, user: int = STRANGER) -> str:
        return str(self.rest.client.post("/v1/live/tickets", headers=self.customer(user)).json()["ticket"])

    def session(self, user: int = STRANGER) -> str:
        answer = self.rest.client.post("/v1/live/session", headers=self.customer(user))
        self.rest.client.cookies.clear()
        return str(answer.headers["set-cookie"]).partition(";")[0].partition("=")[2]

    def link(self) -> str:
        """The token of a share link to the order."""
        return str(self.rest.post(f"{self.order}/share-links", {}, self.customer(OWNER)).json()["token"])


class Case(NamedTuple):
    """One hostile request, as bytes on a connection of its own, and the only right answer. It is made when the servers
    run. `issued`: it goes to the server with an issuer."""

    name: str
    sent: Callable[[World], bytes]
    status: int
    problem: str
    issued: bool = False


def request(method: str, target: str, headers: Headers = (), body: bytes | None = None) -> bytes:
    """A request with this in it, whatever it is; after its answer the connection ends."""
    pairs = list(headers.items() if isinstance(headers, Mapping) else headers)
    if body is not None:
        pairs.append(("Content-Length", str(len(body))))
    lines = [f"{method} {target} HTTP/1.1", "Host: lacak.example", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in pairs]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + (body or b"")


def get(target: str, headers: Headers = ()) -> bytes:
    return request("GET", target, headers)


def post(target: str, headers: Mapping[str, str], body: Any, media_type: str = "application/json") -> bytes:
    """`body` as JSON, or bytes as they are."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return request("POST", target, {"Content-Type": media_type, **headers}, content)


def part(value: object) -> str:
    """A part of a JWT: JSON, or text as it is."""
    return b64(value if isinstance(value, bytes) else json.dumps(value, separators=(",", ":")).encode())


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def claims(**changes: Any) -> dict[str, Any]:
    """Those of an operator; None takes one away."""
    whole = {"aud": "lacak", "exp": int(time.time()) + 600, "sub": "root", "scope": "ops", **changes}
    return {name: value for name, value in whole.items() if value is not None}


def signed(said: object, head: object = None, secret: bytes = SECRET.encode(), digest: str = "sha256") -> str:
    """A JWT by HMAC, of whatever is said."""
    text = f"{part(head or {'alg': 'HS256', 'typ': 'JWT'})}.{part(said)}"
    return f"{text}.{b64(hmac.digest(secret, text.encode(), digest))}"


def with_token(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def publish_keys(directory: Path) -> Path:
    """The issuer's keys, in a file."""
    path = directory / "keys.json"
    rsa_key = RSAAlgorithm.to_jwk(RSA.public_key(), as_dict=True)
    ec_key = ECAlgorithm.to_jwk(EC.public_key(), as_dict=True)
    path.write_text(json.dumps({"keys": [{**rsa_key, "kid": "rsa"}, {**ec_key, "kid": "ec"}]}))
    return path


def settle(settings: Settings) -> tuple[int, dict[str, str]]:
    """Puts OWNER's order into the store, and API keys, by what is wrong with them."""
    return asyncio.run(_settle(settings))


async def _settle(settings: Settings) -> tuple[int, dict[str, str]]:
    store, now = await CassandraOrders.connect(settings), int(time.time() * 1000)
    order = an_order(id_user=OWNER)
    rows = a_life(order)
    courier = ("jne-system", frozenset({STATUS_WRITE}), "jne", now - DAY_MS, "tests")
    made = {
        "good": new_key(*courier, now + DAY_MS),
        "another": new_key(*courier, now + DAY_MS),
        "expired": new_key(*courier, now - 1000),
        "revoked": new_key(*courier, now + DAY_MS),
    }
    try:
        await store.write(OrderWrite(Current.of(order, rows), tuple(rows), now + DAY_MS, lists=True), now)
        for name, (_, kept) in made.items():
            await store.add_api_key(kept._replace(revoked_at=now - 1000) if name == "revoked" else kept)
    finally:
        await store.close()
    return order.id_order, {name: text for name, (text, _) in made.items()}
