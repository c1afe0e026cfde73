"""The API gateway by itself, before services that tell what reached them."""

import re
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

import echo
import edge as edges
from api.access import INVALID_TOKEN
from api.problem_types import ALL, ProblemType
from api.trace import traceparent_of
from deploy.local.debian import where
from edge import Edge
from processes import free_port, until
from rest import problem

SECRET = "a secret of the tests, 32 bytes long or more"
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
CLAIMS = {"sub": "a-shop", "aud": "lacak", "exp": 4_000_000_000}
HEAD = b"Host: localhost\r\nConnection: close\r\n\r\n"
REQUEST = b"%s HTTP/1.1\r\n" + HEAD


@pytest.fixture(scope="module")
def service() -> Iterator[echo.Echo]:
    with echo.running() as running:
        yield running


@pytest.fixture(scope="module")
def edge(service: echo.Echo, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    folder = tmp_path_factory.mktemp("edge")
    changes = {"LACAK_JWT_SECRET": SECRET, "REQUEST_TIMEOUT": "1s"}
    with edges.running(folder, [service.address], [service.address], **changes) as running:
        yield running


@pytest.fixture(scope="module")
def client(edge: Edge) -> Iterator[httpx.Client]:
    with edge.client() as client:
        yield client


def signed(secret: str = SECRET, algorithm: str = "HS256", **claims: Any) -> str:
    return jwt.encode({**CLAIMS, **claims}, secret, algorithm)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def told(answer: httpx.Response) -> dict[str, str]:
    """The headers that reached the service; none came twice."""
    assert answer.status_code == 200, answer.text
    pairs = answer.json()["headers"]
    assert len(dict(pairs)) == len(pairs)
    return dict(pairs)


# --- what the services hear


def test_the_services_hear_who_asks_from_the_gateway_alone(client: httpx.Client) -> None:
    lies = {
        "X-Forwarded-For": "6.6.6.6",
        "Forwarded": "for=6.6.6.6",
        "X-Real-IP": "6.6.6.6",
        "X_Forwarded_For": "6.6.6.6",
    }
    headers = told(
        client.get("/v1/orders/7", headers={**lies, "X-Forwarded-Proto": "http", "X-Forwarded-Host": "evil"})
    )
    assert (headers["x-forwarded-for"], headers["x-forwarded-proto"]) == ("127.0.0.1", "https")
    assert "6.6.6.6" not in str(headers) and "evil" not in str(headers)
    assert headers["host"] == client.base_url.netloc.decode()


def test_a_request_has_an_id_from_end_to_end(client: httpx.Client, edge: Edge) -> None:
    answer = client.get("/v1/orders/8", headers={"X-Request-Id": "a-shop.request_1"})
    assert answer.headers["x-request-id"] == told(answer)["x-request-id"] == "a-shop.request_1"
    assert edge.logged(request_id="a-shop.request_1")["path"] == "/v1/orders/8"
    for odd in ("", "short", "x" * 65, 'a"b"c"d"e', "spaces are odd"):
        answer = client.get("/v1/orders/8", headers={"X-Request-Id": odd})
        assert answer.headers["x-request-id"] == told(answer)["x-request-id"]
        assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", answer.headers["x-request-id"])
    two = client.get("/v1/orders/8", headers=[("X-Request-Id", "the-first-1"), ("X-Request-Id", "the-second-2")])
    assert told(two)["x-request-id"] not in ("the-first-1", "the-second-2")


def test_a_trace_goes_on_or_begins_here(client: httpx.Client, edge: Edge) -> None:
    headers = told(client.get("/v1/orders/9", headers={"traceparent": TRACE, "tracestate": "a=1"}))
    assert (headers["traceparent"], headers["tracestate"]) == (TRACE, "a=1")
    for odd in ("", TRACE.upper(), TRACE[:-1], "ff" + TRACE[2:], f"00-{'0' * 32}-b7ad6b7169203331-01", TRACE + "-00"):
        answer = client.get("/v1/orders/9", headers={"traceparent": odd, "tracestate": "a=1"})
        headers = told(answer)
        assert headers["traceparent"] != odd and "tracestate" not in headers
        assert traceparent_of(headers["traceparent"])
        line = edge.logged(request_id=answer.headers["x-request-id"])
        assert line["trace_id"] == headers["traceparent"][3:35]


def test_live_push_goes_to_the_push_gateways_and_the_rest_to_the_apis(client: httpx.Client, edge: Edge) -> None:
    paths = {"/v1/live": "live", "/v1/live/sse": "live", "/v1/live/tickets": "live", "/v1/live/session": "live"}
    paths |= {"/v1/lively": "api", "/v1/orders": "api", "/registry/subjects": "api", "/openapi.json": "api"}
    for path, backend in paths.items():
        answer = client.get(path)
        assert edge.logged(request_id=answer.headers["x-request-id"])["backend"] == backend, path


WEBSOCKET_IN_HTTP2 = """
const client = require("http2").connect(process.argv[1], { ca: require("fs").readFileSync(process.argv[2]) });
client.on("remoteSettings", ({ enableConnectProtocol }) => {
    const head = { ":method": "CONNECT", ":protocol": "websocket", ":path": "/v1/live?ticket=t" };
    const stream = client.request({ ...head, "sec-websocket-version": "13", "sec-websocket-protocol": "lacak.v1" });
    stream.on("response", (answer) => { console.log(enableConnectProtocol, answer[":status"]); client.destroy(); });
});
"""


def test_a_websocket_inside_http2_reaches_a_push_gateway_as_a_usual_one(edge: Edge, service: echo.Echo) -> None:
    """RFC 8441. The service here answers 200, and so refuses the upgrade."""
    node = ["node", "-e", WEBSOCKET_IN_HTTP2, edge.url, str(edge.certificate)]
    said = subprocess.run(node, capture_output=True, text=True, timeout=30)
    assert said.stdout.split()[:1] == ["true"], said.stderr
    assert service.heard[-1] == "GET /v1/live?ticket=t HTTP/1.1"
    assert edge.logged(path="/v1/live", http="HTTP/2.0")["backend"] == "live"


# --- what comes no further

HIDDEN = ["metrics", "readyz", "healthz", "local/users", "local/token", "docs", "static/page.js", ""]
WAYS = [
    "/{}",
    "//{}",
    "/./{}",
    "/{}/",
    "/v1/../{}",
    "/v1/live/../../{}",
    "/v1/live/..;/../{}",
    "/v1/..%2f{}",
    "/v1/%2e%2e/{}",
    "/v1/.%2E/{}",
    "/v1/..\\{}",
    "/v1/..%5c{}",
    "/v1//../{}",
    "/registry/../{}",
    "/openapi.json/../{}",
    "/V1/../{}",
    "/%2e/{}",
]


@pytest.mark.parametrize("way", WAYS)
def test_what_is_for_inside_is_not_there_however_it_is_written(way: str, edge: Edge, service: echo.Echo) -> None:
    before = len(service.heard)
    for hidden in HIDDEN:
        target = way.format(hidden)
        answer = edge.raw(REQUEST % f"GET {target}".encode())
        assert answer.startswith(b"HTTP/1.1 404 ") and b"urn:lacak:problem:not-found" in answer, target
        status, version, _ = edge.curl(target)
        assert (status, version) == (404, "2"), target
    assert len(service.heard) == before


@pytest.mark.parametrize(
    "target",
    [
        "/%6detrics",
        "/%6Detrics",
        "/METRICS",
        "/Metrics",
        "/metrics?/v1/",
        "/metrics#/v1/",
        "/metrics;/v1/",
        "/metrics%00/v1/",
        "http://localhost/metrics",
        "https://localhost/metrics",
        "https://localhost//metrics",
        "http://localhost/v1/../metrics",
        "http://evil/v1/../metrics",
        "metrics",
        "*",
        "\\metrics",
    ],
)
def test_nor_in_other_letters_or_as_a_whole_address(target: str, edge: Edge, service: echo.Echo) -> None:
    before = len(service.heard)
    answer = edge.raw(REQUEST % f"GET {target}".encode())
    assert answer.startswith((b"HTTP/1.1 404 ", b"HTTP/1.1 400 ")), answer
    assert len(service.heard) == before


def test_a_whole_address_is_passed_on_as_a_path(edge: Edge, service: echo.Echo) -> None:
    answer = edge.raw(REQUEST % b"GET https://localhost/v1/orders/7?a=b")
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert service.heard[-1] == "GET /v1/orders/7?a=b HTTP/1.1"


H2_SETTINGS = b"\x00\x00\x0c\x04"
CHUNK = b"5\r\nhello\r\n0\r\n\r\n"
POST = b"POST /v1/orders HTTP/1.1\r\nHost: localhost\r\n"
INNER = b"GET /metrics HTTP/1.1\r\n" + HEAD


@pytest.mark.parametrize(
    "request_",
    [
        POST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!" + INNER,
        POST + b"Content-Length: 5, 6\r\n\r\nhello!" + INNER,
        POST + b"Content-Length: +5\r\n\r\nhello" + INNER,
        POST + b"Content-Length: 0x5\r\n\r\nhello" + INNER,
        POST + b"Content-Length:\r\n\r\nhello" + INNER,
        POST + b"Transfer-Encoding: xchunked\r\n\r\n" + CHUNK + INNER,
        POST + b"Transfer-Encoding: chunked, identity\r\n\r\n" + CHUNK + INNER,
        POST + b"Transfer-Encoding : chunked\r\n\r\n" + CHUNK + INNER,
        POST + b"Transfer-Encoding: chunked\r\n\r\n5;\r\nhello\r\n-1\r\n\r\n" + INNER,
        POST + b" Transfer-Encoding: chunked\r\n\r\n" + CHUNK + INNER,
        POST + b"X: y\rTransfer-Encoding: chunked\r\n\r\n" + CHUNK + INNER,
        POST + b"X: y\x00z\r\nContent-Length: 0\r\n\r\n" + INNER,
        POST.replace(b"1.1", b"1.0") + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n" + CHUNK + INNER,
        b"GET /v1/orders/7 HTTP/1.1\r\nHost: localhost\r\nHost: evil\r\n\r\n" + INNER,
        b"GET /v1/orders/7 HTTP/1.1\r\n\tHost: localhost\r\n\r\n" + INNER,
        b"GET /v1/orders/7 HTTP/9.9\r\nHost: localhost\r\n\r\n" + INNER,
        b"GET /v1/orders/7\r\nHost: localhost\r\n\r\n" + INNER,
        b"GET /v1/or\x01ders HTTP/1.1\r\nHost: localhost\r\n\r\n" + INNER,
        b"GET /v1/live HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n" + INNER,
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + INNER,
        b"GET /v1/orders/7 HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 20_000 + b"\r\n\r\n" + INNER,
        b"GET /v1/orders/7 HTTP/1.1\r\nHost: localhost\r\n" + b"X: y\r\n" * 200 + b"\r\n" + INNER,
    ],
)
def test_what_two_could_read_in_two_ways_is_refused(request_: bytes, edge: Edge, service: echo.Echo) -> None:
    """What is hidden behind it is never heard as a request of its own."""
    before = len(service.heard)
    answer = edge.raw(request_)
    assert answer.startswith((b"HTTP/1.1 400 ", H2_SETTINGS)) and b" 200 " not in answer, answer
    assert len(service.heard) == before


def test_a_length_beside_chunks_is_dropped_as_the_standard_asks(edge: Edge, service: echo.Echo) -> None:
    """RFC 9112, section 6.1: and the connection ends with it, whatever follows the last chunk."""
    for length in (b"Content-Length: 4\r\n", b"Content-Length: 99\r\n"):
        before = len(service.heard)
        answer = edge.raw(POST + length + b"Transfer-Encoding: chunked\r\n\r\n" + CHUNK + INNER)
        assert [line.split()[1] for line in answer.split(b"\r\n") if line.startswith(b"HTTP/1.1")] == [b"200"]
        assert b"content-length" not in answer.partition(b"headers")[2]
        assert service.heard[before:] == ["POST /v1/orders HTTP/1.1"]


def test_a_chunked_body_arrives_whole(client: httpx.Client) -> None:
    answer = client.post("/v1/orders", content=iter([b"hello ", b"there"]), headers={"Accept": "*/*"})
    assert answer.status_code == 200
    assert dict(answer.json()["headers"])["transfer-encoding"] == "chunked"


def test_other_methods_and_two_callers_are_refused(client: httpx.Client, edge: Edge) -> None:
    problem(client.request("TRACE", "/v1/orders"), 405, "method-not-allowed")
    assert edge.raw(b"CONNECT evil:443 HTTP/1.1\r\nHost: evil:443\r\nConnection: close\r\n\r\n").split()[1] in (
        b"405",
        b"400",
    )
    twice = [("Authorization", f"Bearer {signed()}"), ("Authorization", "Bearer lck_another")]
    problem(client.get("/v1/orders/7", headers=twice), 400, "bad-request")


def test_a_body_over_a_mebibyte_is_refused_unread(client: httpx.Client, service: echo.Echo) -> None:
    assert client.post("/v1/orders", content=b"x" * 2**20).status_code == 200
    before = len(service.heard)
    problem(client.post("/v1/orders", content=b"x" * (2**20 + 1)), 413, "too-large")
    assert len(service.heard) == before


@pytest.mark.parametrize("slow", [b"GET /v1/orders", POST, POST + b"Content-Length: 9\r\n\r\nhell"])
def test_who_does_not_come_to_the_end_of_a_request_is_sent_away(slow: bytes, edge: Edge, service: echo.Echo) -> None:
    before = len(service.heard)
    answer = edge.raw(slow)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert len(service.heard) == before


# --- tokens

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


# --- limits


def test_a_caller_has_so_many_requests_and_the_others_theirs(service: echo.Echo, tmp_path: Path) -> None:
    settings = {"LACAK_JWT_SECRET": SECRET, "PER_CALLER": 5, "PER_ADDRESS": 100}
    with edges.running(tmp_path, [service.address], [service.address], **settings) as edge, edge.client() as client:

        def served(headers: dict[str, str]) -> int:
            """How many of ten."""
            answers = [client.get("/v1/orders/7", headers=headers) for _ in range(10)]
            refused = [answer for answer in answers if answer.status_code != 200]
            for answer in refused:
                problem(answer, 429, "too-many")
                assert int(answer.headers["retry-after"]) > 0
            return len(answers) - len(refused)

        assert served(bearer(signed(sub="greedy"))) == 5
        assert served(bearer(signed(sub="greedy", exp=4_000_000_001))) == 0, "a new token is the same caller"
        assert served(bearer(signed(sub="modest"))) == 5
        assert served(bearer("lck_a")) == served(bearer("lck_b")) == 5
        assert served({}) == 10, "who is nobody has the address's"


def test_an_address_has_so_many_requests_whoever_asks(service: echo.Echo, tmp_path: Path) -> None:
    with edges.running(tmp_path, [service.address], [service.address], PER_ADDRESS=7) as edge, edge.client() as client:
        answers = [client.get("/v1/orders/7", headers=bearer(f"lck_{n}")) for n in range(10)]
        assert [answer.status_code for answer in answers] == [200] * 7 + [429] * 3
        problem(answers[-1], 429, "too-many")
        assert edge.curl("/v1/orders/7")[0] == 429, "also on another connection"


def test_an_address_has_so_many_connections(service: echo.Echo, tmp_path: Path) -> None:
    with edges.running(tmp_path, [service.address], [service.address], CONNECTIONS=2) as edge:
        with edge.client() as one, edge.client() as two, edge.client() as three:
            assert one.get("/v1/orders/7").status_code == two.get("/v1/orders/7").status_code == 200
            with pytest.raises(httpx.TransportError):
                three.get("/v1/orders/7")
        with edge.client() as four:
            until(lambda: reached(four), 20, "there is room again")


def reached(client: httpx.Client) -> bool:
    try:
        return client.get("/v1/orders/7").status_code == 200
    except httpx.TransportError:
        return False


# --- services that fail


def test_what_a_service_may_have_done_is_sent_again_only_where_that_does_no_harm(
    edge: Edge, service: echo.Echo
) -> None:
    def times(method: str, headers: dict[str, str]) -> int:
        before = len(service.heard)
        # On a connection of its own: on one that had another request, HAProxy just closes, and the client knows.
        with edge.client() as client:
            answer = client.request(method, echo.BREAKS_OFF, headers=headers)
        problem(answer, 502, "no-answer")
        assert int(answer.headers["retry-after"]) > 0
        return len(service.heard) - before

    assert times("POST", {}) == 1
    assert times("PUT", {}) == 1
    assert times("POST", {"Idempotency-Key": "a-key"}) > 1
    assert times("GET", {}) > 1


def test_what_no_service_has_heard_goes_to_another_one(service: echo.Echo, tmp_path: Path) -> None:
    dead = [f"127.0.0.1:{free_port()}" for _ in range(2)]
    with edges.running(tmp_path, [*dead, service.address], dead) as edge, edge.client() as client:
        assert [client.post("/v1/orders", content=b"{}").status_code for _ in range(10)] == [200] * 10
        answer = client.get("/v1/live/sse")
        problem(answer, 503, "unavailable")
        assert int(answer.headers["retry-after"]) > 0


# --- what stays of it


def test_the_log_has_a_line_of_json_for_each_request_and_no_secret(client: httpx.Client, edge: Edge) -> None:
    secrets = {
        name: jwt.encode({"jti": name}, SECRET) for name in ("ticket", "share", "bearer", "cookie", "path", "offer")
    }
    answer = client.get(
        f"/v1/things/{secrets['path']}/order?ticket={secrets['ticket']}&share={secrets['share']}",
        headers={
            **bearer(secrets["bearer"]),
            "Cookie": f"lacak_live={secrets['cookie']}",
            "Sec-WebSocket-Protocol": f"ticket.{secrets['offer']}",
            "User-Agent": 'an "odd" agent\\',
        },
    )
    for path in ("/v1/keys/lck_a-secret-one", "/v1/shared/a-secret-one", "/v1/%73hared/a-secret-one"):
        client.get(path)
    line = edge.logged(request_id=answer.headers["x-request-id"])
    assert {name: line[name] for name in ("method", "path", "http", "status", "backend", "server", "agent")} == {
        "method": "GET",
        "path": "/v1/things/***/order",
        "http": "HTTP/1.1",
        "status": 200,
        "backend": "api",
        "server": "api-1",
        "agent": 'an "odd" agent\\',
    }
    assert all(isinstance(line[name], int) for name in ("ms", "ms_answer", "bytes_in", "bytes_out"))
    edge.raw(REQUEST % b"GET /v1/no\x01thing")
    until(lambda: any("error" in line and line["status"] == 400 for line in edge.log()))
    for name in ("access.log", "haproxy.log"):
        text = (edge.folder / name).read_text()
        assert not [name for name, secret in secrets.items() if secret.split(".")[1] in text]
        assert "a-secret-one" not in text and SECRET not in text


def test_every_answer_asks_browsers_to_come_by_tls_and_to_guess_nothing(client: httpx.Client) -> None:
    for path in ("/v1/orders/7", "/metrics"):
        headers = client.get(path).headers
        assert int(headers["strict-transport-security"].removeprefix("max-age=")) > 31_000_000
        assert headers["x-content-type-options"] == "nosniff"
        assert "server" not in headers
        assert headers["x-request-id"]


def test_old_tls_is_refused(edge: Edge) -> None:
    old = ["curl", "-sS", "--cacert", str(edge.certificate), "--tls-max", "1.1", edge.url + "/v1/orders/7"]
    assert subprocess.run(old, capture_output=True).returncode == 35
    until(lambda: any("unsupported protocol" in line.get("tls_error", "") for line in edge.log()))


# --- the file


def checked(folder: Path, servers: Sequence[str], settings: dict[str, Any]) -> subprocess.CompletedProcess[str]:
    """What `haproxy -c` says of the file with these variables."""
    edge = Edge(folder, 1)
    edge.certificate.write_bytes(edges.certificate())
    environment = edges.environment(edge, servers, servers, settings)
    command = [where("haproxy") or "haproxy", "-c", "-f", edges.CONFIG]
    return subprocess.run(command, env=environment, capture_output=True, text=True)


def test_haproxy_takes_the_file_as_it_is_and_with_all_that_can_be_set(tmp_path: Path) -> None:
    everything = {"METRICS_LISTEN": "127.0.0.1:1", "USER": "nobody", "LACAK_JWT_SECRET": SECRET}
    for servers, settings in ((["127.0.0.1:1"], {}), (["127.0.0.1:1"] * 4, everything)):
        said = checked(tmp_path, servers, settings)
        assert said.returncode == 0 and "WARNING" not in said.stderr, said.stderr


def test_its_problems_are_those_of_the_services() -> None:
    types = {type_.uri: type_ for type_ in ALL}
    said = re.findall(r"""^ *http-error status (\d+) .* string '(.*?)'( hdr.*)?$""", edges.CONFIG.read_text(), re.M)
    assert len(said) == 11
    for status, body, headers in said:
        content = httpx.Response(200, text=body).json()
        type_: ProblemType = types[content["type"]]
        assert (type_.status, type_.title) == (int(status), content["title"]) == (content["status"], type_.title)
        assert ("Retry-After" in headers) == (int(status) in (429, 502, 503, 504))
