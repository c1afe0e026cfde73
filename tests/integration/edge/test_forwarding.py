"""What the services hear, and which of them."""

import re
import subprocess

import httpx

import echo
from edge import Edge, told
from streams.trace import valid

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


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
        assert valid(headers["traceparent"].encode())
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
