"""All of Lacak behind the API gateway, as couriers, shops and customers meet it."""

import json
import re
import signal
from collections.abc import Iterator
from contextlib import AsyncExitStack, suppress
from typing import Any

import httpx
import jwt
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

import restarts
import stack
from behind_edge import Behind, lacak, url
from chromium import chromium
from fresh import drop, fresh_settings
from live_clients import TRANSPORTS, Client, bearer, websocket
from processes import Process, until
from soak import Size

DRAIN = 8.0


@pytest.fixture(scope="module")
def behind(servers: stack.Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Behind]:
    folder = tmp_path_factory.mktemp("behind")
    settings = fresh_settings(servers, folder, heartbeat=4, drain_seconds=DRAIN)
    with lacak(settings, folder / "edge") as running:
        yield running
    drop(settings)


def post(behind: Behind, path: str, body: dict[str, Any]) -> dict[str, Any]:
    """As a shop or a courier does it over HTTP/2."""
    [caller] = behind.rest.headers("orders:write", "status:write", sub="a-shop").items()
    headers = ["-H", ": ".join(caller), "-H", "Content-Type: application/json"]
    answers: list[tuple[int, str, str]] = []

    def taken() -> bool:
        """At first no API has a lease to assign ids."""
        answers.append(behind.edge.curl(path, *headers, "-d", json.dumps(body)))
        return answers[-1][0] != 503

    until(taken, what="it is taken")
    status, version, text = answers[-1]
    assert (status, version) == (202, "2"), text
    answer: dict[str, Any] = json.loads(text)
    return answer


def place(behind: Behind, user: int) -> str:
    """An order's id, when the order can be read."""
    id_order: str = post(behind, "/v1/orders", {"id_user": user, "id_produk": 7, "harga": 500, "jumlah": 2})["id_order"]
    path, caller = f"/v1/orders/{id_order}", behind.rest.headers("orders:read", sub=str(user))
    until(lambda: behind.rest.get(path, caller).status_code == 200, what="the order is there")
    return id_order


def update(behind: Behind, id_order: str) -> None:
    post(behind, f"/v1/orders/{id_order}/status", {"status": "in_transit", "courier": "jne"})


def tls(behind: Behind, transport: str) -> dict[str, Any]:
    """How that client trusts the gateway."""
    return {"ssl" if transport == "websocket" else "verify": behind.edge.trust()}


async def version(client: Client, at_least: int) -> int:
    """What the client is shown: changes may repeat what a snapshot had."""
    while (shown := (await client.next("change"))["order"]["version"]) < at_least:
        pass
    return int(shown)


async def test_a_status_sent_by_http2_is_on_a_websocket_and_on_an_event_stream_at_once(behind: Behind) -> None:
    id_order = place(behind, 301)
    async with AsyncExitStack() as held:
        clients = []
        for transport, connect in TRANSPORTS.items():
            options = {"headers": bearer(behind.settings, 301), **tls(behind, transport)}
            clients.append(await held.enter_async_context(connect(behind.rest, **options)))
            await clients[-1].next("snapshot")
        for expected in (2, 3):
            update(behind, id_order)
            assert [await version(client, expected) for client in clients] == [expected, expected]


WATCH = """async (caller) => {
    const post = (path) => fetch(path, { method: "POST", headers: { Authorization: caller } });
    const { ticket } = await (await post("/v1/live/tickets")).json();
    const session = await post("/v1/live/session");
    const seen = [session.status];
    await new Promise((done) => {
        const socket = new WebSocket(`wss://${location.host}/v1/live?ticket=${ticket}`, ["lacak.v1"]);
        socket.onmessage = ({ data }) => { seen.push(`websocket ${JSON.parse(data).type}`); socket.close(); };
        socket.onclose = done;
    });
    await new Promise((done) => {
        const events = new EventSource("/v1/live/sse");
        events.addEventListener("hello", () => { seen.push("sse hello"); events.close(); done(); });
    });
    return [seen, ticket];
}"""


def test_a_browser_watches_with_a_ticket_and_with_a_cookie(behind: Behind) -> None:
    caller = behind.rest.headers("orders:read", sub="302")["Authorization"]
    with chromium() as browser:
        page = browser.new_page(ignore_https_errors=True)
        page.goto(f"{behind.edge.url}/v1/lifecycle")
        seen, ticket = page.evaluate(WATCH, caller)
        [cookie] = page.context.cookies(f"{behind.edge.url}/v1/live")
        until(lambda: nobody(behind), 20, "their places are free again")
    assert seen == [204, "websocket hello", "sse hello"]
    assert cookie["secure"] and cookie["httpOnly"]
    lines = [line for line in behind.edge.log() if line.get("backend") == "live"]
    assert {"/v1/live", "/v1/live/tickets", "/v1/live/session"} <= {line["path"] for line in lines}
    assert ("/v1/live/sse", 200, "HTTP/2.0") in {(line["path"], line["status"], line["http"]) for line in lines}
    text = (behind.edge.folder / "access.log").read_text()
    assert not [secret for secret in (ticket, cookie["value"], caller.partition(" ")[2]) if secret in text]


def test_pages_of_other_origins_are_refused_and_our_own_is_not(behind: Behind) -> None:
    caller = behind.rest.headers("orders:read", sub="302")
    for origin, status in ((behind.edge.url, 200), ("https://evil.example", 403)):
        with behind.rest.client.stream("GET", "/v1/live/sse", headers={**caller, "Origin": origin}) as answer:
            assert answer.status_code == status


def test_the_door_refuses_a_token_as_the_service_would(behind: Behind) -> None:
    claims = {"sub": "303", "aud": "lacak", "exp": 4_000_000_000, "scope": "ops"}
    tokens = [jwt.encode(claims, None, "none"), jwt.encode(claims, "x" * 64, "HS256"), "hello", "lck_no-such-key"]
    tokens.append(jwt.encode(claims, behind.settings.jwt_secret * 2, "HS512"))
    for token in tokens:
        headers = {"Authorization": f"Bearer {token}"}
        ours, theirs = (
            httpx.get(f"{base}/v1/orders/7", headers=headers, verify=behind.edge.trust())
            for base in (behind.edge.url, url(behind.apis[0]))
        )
        said = [{**answer.json(), "detail": ""} for answer in (ours, theirs)]
        assert said[0] == said[1] and ours.status_code == theirs.status_code == 401
        for name in ("content-type", "www-authenticate"):
            assert ours.headers[name] == theirs.headers[name]
        served = behind.edge.logged(request_id=ours.headers["x-request-id"])["server"]
        assert served.startswith("api-") == token.startswith("lck_")


async def test_nor_does_a_websocket_get_past_it_with_a_token_of_nobody(behind: Behind) -> None:
    headers = {"Authorization": f"Bearer {jwt.encode({'sub': '304'}, None, 'none')}"}
    with pytest.raises(InvalidStatus) as refused:
        async with websocket(behind.rest, headers=headers, ssl=behind.edge.trust()):
            pass
    assert refused.value.response.status_code == 401


@pytest.mark.parametrize("path", ["/metrics", "/readyz", "/healthz"])
@pytest.mark.parametrize("way", ["{}", "/{}", "/v1/..{}", "/v1/live/../..{}", "{}/", "/v1/%2e%2e{}", "/%2e{}"])
def test_what_operators_see_is_seen_inside_only(behind: Behind, path: str, way: str) -> None:
    for process in (*behind.apis, *behind.gateways):
        assert httpx.get(url(process) + path).status_code == 200
    request = f"GET {way.format(path)} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    assert behind.edge.raw(request.encode()).startswith(b"HTTP/1.1 404 ")
    assert behind.edge.curl(way.format(path))[:2] == (404, "2")


def test_the_description_is_open_and_names_no_other_address(behind: Behind) -> None:
    document = behind.rest.get("/openapi.json").json()
    assert "/v1/orders" in document["paths"]
    assert [each["url"] for each in document["servers"]] == ["/"]


async def test_what_was_taken_is_there_though_the_apis_are_restarted_and_killed(behind: Behind) -> None:
    """The soak of tests/soak/restarts.py, short."""
    told = await restarts.story(behind, Size(clients=40, seconds=8, rate=40), every=3)
    restarts.show(told)
    assert told.wrong == []
    assert told.crowd.faults == {"gaps": [], "reversals": [], "lost": []}
    assert told.restarted == {"SIGTERM": 2}
    assert len(told.told.orders) > 40 and len(told.told.events) > 80


async def test_a_gateway_that_drains_gets_nobody_new_and_keeps_whom_it_has(behind: Behind) -> None:
    """Last: that gateway is gone after it."""
    id_order, leaving = place(behind, 305), behind.gateways[0]
    until(lambda: nobody(behind), 20, "the other tests' clients are gone")
    async with AsyncExitStack() as held:

        async def connect() -> Client:
            options = {"headers": bearer(behind.settings, 305), "ssl": behind.edge.trust()}
            client: Client = await held.enter_async_context(websocket(behind.rest, **options))
            await client.next("snapshot")
            return client

        old = [await connect() for _ in range(6)]
        assert [connections(each) for each in behind.gateways] == [3, 3], "shared out"
        before = times_down(behind)
        leaving.signal(signal.SIGTERM)
        until(lambda: times_down(behind) > before, what="the door has seen it")
        new = [await connect() for _ in range(3)]
        assert connections(behind.gateways[1]) == 6
        update(behind, id_order)
        shown = [await until_change_or_goodbye(client) for client in (*new, *old)]
        assert shown.count(["change"]) == 6, "those of the other gateway"
        assert ["drain", "change"] in shown, "served until its moment came"
        assert leaving.child is not None
        leaving.child.wait(DRAIN + 10)


async def until_change_or_goodbye(client: Client) -> list[str]:
    """The kinds of what comes until then, heartbeats aside."""
    kinds: list[str] = []
    with suppress(StopAsyncIteration, ConnectionClosed):
        while "change" not in kinds:
            kinds.append((await client.next())["type"])
    return [kind for kind in kinds if kind != "heartbeat"]


def connections(gateway: Process) -> int:
    """That it has open."""
    text = httpx.get(f"{url(gateway)}/metrics").text
    return int(sum(map(float, re.findall(r"^lacak_live_connections\{.*\} (\S+)$", text, re.M))))


def nobody(behind: Behind) -> bool:
    """Of whoever leaves an event stream over HTTP/1.1, HAProxy hears when it next sends something: a heartbeat."""
    return not any(map(connections, behind.gateways))


def times_down(behind: Behind) -> int:
    """How often HAProxy has found the first gateway not ready."""
    return (behind.edge.folder / "haproxy.log").read_text().count("Server live/live-1 is DOWN")
