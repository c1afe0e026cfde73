"""Who is let in: an issuer's tokens while its keys change, API keys while they are there, whoever has a share link."""

import asyncio
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from api import keyring, refreshed
from api.auth import OPS, ORDERS_READ, ORDERS_WRITE
from api.shares import ShareLinks
from command import lacak
from fresh import fresh_settings
from order_examples import a_life, an_order
from rest import Rest, problem, running
from stack import Servers, free_ports
from streams import topics
from streams.order import Order
from streams.settings import Settings
from tables.cassandra_orders import CassandraOrders
from tables.orders import DAY_MS, Current, OrderWrite
from topics_reader import messages

NEW_ORDER = {"id_user": 42, "id_produk": 7, "harga": 1000, "jumlah": 1}


@pytest.fixture(scope="module")
def rest(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rest]:
    """An API that learns of a revoked key soon."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keyring, "KEYRING_SECONDS", 0.2)
        with running("api", fresh_settings(servers, tmp_path_factory.mktemp("identity"))) as rest:
            rest.until_ready()
            yield rest


# API keys


def create(rest: Rest, *words: object) -> tuple[str, dict[str, str]]:
    """A new key's id, and the headers of who has it."""
    made = lacak(rest.settings, "keys", "create", *words)
    text = made.stdout.strip()
    return text.split("_")[1], {"Authorization": f"Bearer {text}"}


def test_a_couriers_key_sends_in_its_name_only_until_it_is_revoked(rest: Rest) -> None:
    id_, headers = create(rest, "jne-test", "--scope", "status:write", "--courier", "jne")
    rest.until(lambda: rest.post("/v1/orders/7/status", {"status": "lost"}, headers).status_code == 202, "taken")
    [update, *_] = messages(rest.settings, topics.UPDATES.name, "CourierStatusUpdate")
    assert update["courier"] == "jne"
    problem(rest.post("/v1/orders/7/status", {"status": "lost", "courier": "tiki"}, headers), 403, "forbidden")
    problem(rest.post("/v1/orders", NEW_ORDER, headers), 403, "forbidden")
    problem(rest.get("/v1/orders/7", headers), 403, "forbidden")
    requests = next(line for line in rest.get("/metrics").text.splitlines() if id_ in line and "_total{" in line)
    assert 'name="jne-test"' in requests

    lacak(rest.settings, "keys", "revoke", id_)
    rest.until(lambda: rest.post("/v1/orders/7/status", {"status": "lost"}, headers).status_code == 401, "refused")
    [line] = [line for line in lacak(rest.settings, "keys", "list").stdout.splitlines() if id_ in line]
    assert line.split("\t")[1:4] == ["jne-test", "status:write", "jne"] and line.endswith("revoked")
    assert headers["Authorization"].rpartition("_")[2] not in line


def test_a_shops_key_has_idempotency_keys_of_its_own(rest: Rest) -> None:
    _, headers = create(rest, "a-shop", "--scope", "orders:write")
    keyed = {**headers, "Idempotency-Key": "one"}
    rest.until(lambda: rest.post("/v1/orders", NEW_ORDER, keyed).status_code == 202, "taken")
    first, again = (rest.post("/v1/orders", NEW_ORDER, keyed) for _ in range(2))
    assert first.json() == again.json() and again.headers["Idempotency-Replayed"] == "true"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["42", "--scope", "ops"], "customer"),
        (["a-shop", "--scope", "orders:read"], "orders:read"),
        (["jne", "--scope", "status:write"], "--any-courier"),
        (["jne", "--scope", "status:write", "--courier", "jne", "--any-courier"], "--any-courier"),
    ],
)
def test_a_key_that_would_be_a_mistake_is_not_made(rest: Rest, words: list[str], says: str) -> None:
    refused = lacak(rest.settings, "keys", "create", *words, code=2)
    assert says in refused.stderr and not refused.stdout


# Share links


@pytest.fixture(scope="module")
def id_order(rest: Rest) -> str:
    """An order of user 42 with a story."""
    order = an_order()
    asyncio.run(keep(rest.settings, order))
    rest.until(lambda: rest.get(f"/v1/orders/{order.id_order}", rest.headers(OPS)).status_code == 200, "there")
    return str(order.id_order)


async def keep(settings: Settings, order: Order) -> None:
    store = await CassandraOrders.connect(settings)
    try:
        rows, now = a_life(order), int(time.time() * 1000)
        await store.write(OrderWrite(Current.of(order, rows), tuple(rows), now + DAY_MS, lists=True), now)
    finally:
        await store.close()


def test_whoever_has_the_link_sees_where_the_order_is_and_nothing_else(rest: Rest, id_order: str) -> None:
    owner = rest.headers(ORDERS_READ, sub="42")
    made = rest.post(f"/v1/orders/{id_order}/share-links", {"expires_in": 60}, owner)
    assert made.status_code == 201 and made.headers["Cache-Control"] == "no-store"
    assert made.headers["Location"] == made.json()["path"]
    seen = rest.get(made.json()["path"])
    assert seen.headers["Referrer-Policy"] == "no-referrer"
    order = rest.get(f"/v1/orders/{id_order}", owner).json()
    shared = seen.json()
    history = shared.pop("history")
    assert shared == {name: order[name] for name in shared}
    assert set(order) - set(shared) == {
        *("id_user", "id_produk", "produk_nama", "harga", "jumlah", "total_harga", "currency", "couriers")
    }
    assert [(row["status"], row["version"]) for row in history] == [
        ("delivered", 4),
        ("picked_up", 3),
        ("confirmed", 2),
        ("placed", 1),
    ]
    assert all(set(row) == {"status", "occurred_at", "version", "corrects"} for row in history)


def test_only_who_sees_the_order_can_share_it(rest: Rest, id_order: str) -> None:
    path = f"/v1/orders/{id_order}/share-links"
    problem(rest.post(path, {}, rest.headers(ORDERS_READ, sub="43")), 404, "not-found")
    problem(rest.post(path, {}, rest.headers(ORDERS_WRITE, sub="42")), 403, "forbidden")
    problem(rest.post(path, {}), 401, "unauthenticated")
    problem(rest.post(path, {"expires_in": 59}, rest.headers(OPS)), 422, "validation")
    problem(rest.post(path, {"expires_in": 31 * 86_400}, rest.headers(OPS)), 422, "validation")
    assert rest.post(path, {}, rest.headers(OPS)).status_code == 201


def test_a_link_opens_nothing_but_its_order_and_ends(rest: Rest, id_order: str) -> None:
    token = rest.post(f"/v1/orders/{id_order}/share-links", {}, rest.headers(OPS)).json()["token"]
    problem(rest.get(f"/v1/shared/{token[:-1]}"), 404, "not-found")
    problem(rest.get(f"/v1/shared/{token[::-1]}"), 404, "not-found")
    problem(rest.get(f"/v1/orders/{id_order}", {"Authorization": f"Bearer {token}"}), 401, "unauthenticated")
    links = ShareLinks(rest.settings.jwt_secret, "", lambda: int(time.time()))
    problem(rest.get(f"/v1/shared/{links.token(int(id_order), int(time.time()) - 1)}"), 410, "link-ended")
    problem(rest.get(f"/v1/shared/{links.token(7, int(time.time()) + 60)}"), 404, "not-found")


# An issuer


class Issuer:
    """An issuer that publishes some keys, at a port of this machine, while it is up."""

    name = "https://login.example"

    def __init__(self, port: int) -> None:
        self.published: list[dict[str, Any]] = []
        self.server = ThreadingHTTPServer(("127.0.0.1", port), self._handler())
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def new_key(self, kid: str) -> ec.EllipticCurvePrivateKey:
        key = ec.generate_private_key(ec.SECP256R1())
        self.published.append({**ECAlgorithm.to_jwk(key.public_key(), as_dict=True), "kid": kid})
        return key

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                document = orjson.dumps({"keys": issuer.published})
                self.send_response(200)
                self.send_header("Content-Length", str(len(document)))
                self.end_headers()
                self.wfile.write(document)

            def log_message(self, *_: Any) -> None:
                pass

        return Handler


def of_issuer(key: ec.EllipticCurvePrivateKey, kid: str) -> dict[str, str]:
    claims = {"iss": Issuer.name, "aud": "lacak", "exp": int(time.time()) + 60, "scope": "orders:write"}
    return {"Authorization": f"Bearer {jwt.encode(claims, key, 'ES256', {'kid': kid})}"}


def test_an_issuers_tokens_are_taken_while_its_keys_change_and_while_it_is_away(
    servers: Servers, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refreshed, "AT_MOST_EVERY", 0.0)
    monkeypatch.setattr(refreshed, "RETRY_SECONDS", 0.2)
    [port] = free_ports("127.0.0.1", 1)
    named = {"jwt_keys": f"http://127.0.0.1:{port}/keys", "jwt_issuer": Issuer.name}
    settings = fresh_settings(servers, tmp_path).model_copy(update=named)
    stranger = ec.generate_private_key(ec.SECP256R1())
    order = {**NEW_ORDER, "id_order": 7}
    with running("api", settings) as rest:
        refused = rest.post("/v1/orders", order, of_issuer(stranger, "one"))
        problem(refused, 503, "unavailable")
        assert not rest.get("/readyz").json()["checks"]["jwt_keys"]

        issuer = Issuer(port)
        first = issuer.new_key("one")
        rest.until_ready()
        assert rest.post("/v1/orders", order, of_issuer(first, "one")).status_code == 202
        problem(rest.post("/v1/orders", order, of_issuer(stranger, "one")), 401, "unauthenticated")
        problem(rest.post("/v1/orders", order, rest.headers(ORDERS_WRITE)), 401, "unauthenticated")

        second = issuer.new_key("two")
        assert rest.post("/v1/orders", order, of_issuer(second, "two")).status_code == 202, "its key is new"
        del issuer.published[0]
        problem(rest.post("/v1/orders", order, of_issuer(first, "three")), 401, "unauthenticated")
        problem(rest.post("/v1/orders", order, of_issuer(first, "one")), 401, "unauthenticated")

        issuer.stop()
        problem(rest.post("/v1/orders", order, of_issuer(second, "four")), 401, "unauthenticated")
        assert rest.post("/v1/orders", order, of_issuer(second, "two")).status_code == 202, "it is away"
        assert rest.get("/readyz").status_code == 200
