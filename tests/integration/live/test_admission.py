"""Who gets in, from where, for how long."""

import asyncio
import base64
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from api.live.snapshot import Snapshots
from live_clients import TRANSPORTS, bearer, journey, publish, query, sse, token, until_served, websocket
from rest import Rest, problem, running
from streams.settings import Settings
from tables.orders import StoreUnavailable


@pytest.fixture(scope="module")
def allowing(live_settings: Settings, portable: bool) -> Iterator[Rest]:
    """A gateway that pages of another origin may use, behind TLS."""
    changes = {"allowed_origins": "https://partner.example", "secure_cookies": True}
    with running("gateway", live_settings.model_copy(update=changes), portable) as rest:
        until_served(rest)
        yield rest


def ticket(rest: Rest, user: int, **options: Any) -> str:
    answer = rest.client.post("/v1/live/tickets", headers=bearer(rest.settings, user, **options))
    assert answer.status_code == 200, answer.text
    assert answer.json()["expires_in"] == 30
    assert answer.headers["cache-control"] == "no-store"
    text: str = answer.json()["ticket"]
    return text


async def close_code(rest: Rest, tail: str = "", headers: dict[str, str] | None = None, **options: Any) -> int:
    """How an accepted WebSocket ends that is told no."""
    async with websocket(rest, tail, headers, **options) as client:
        await asyncio.wait_for(client.socket.wait_closed(), 30)
        code: int = client.socket.close_code
        return code


async def test_a_ticket_lets_in_once(gateway: Rest, user: int) -> None:
    once = ticket(gateway, user)
    async with websocket(gateway, query(ticket=once)) as client:
        await client.next("snapshot")
    assert await close_code(gateway, query(ticket=once)) == 4001
    problem(gateway.get(f"/v1/live/sse{query(ticket=once)}"), 401, "unauthenticated")


async def test_a_ticket_works_as_a_subprotocol_and_on_sse(gateway: Rest, user: int) -> None:
    async with websocket(gateway, subprotocols=["lacak.v1", f"ticket.{ticket(gateway, user)}"]) as client:
        assert client.socket.subprotocol == "lacak.v1"
        await client.next("snapshot")
    async with sse(gateway, query(ticket=ticket(gateway, user))) as client:
        await client.next("snapshot")


async def test_tickets_are_not_logged(
    gateway: Rest, portable: bool, user: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    once = ticket(gateway, user)
    async with websocket(gateway, query(ticket=once, cursor="x", orders=[5])) as client:
        await client.next("snapshot")
    assert ('"WebSocket /v1/live" [accepted]' in caplog.text) is portable, "uvicorn's own log line"
    assert once not in caplog.text


async def test_nor_are_those_of_a_page_that_is_refused(
    gateway: Rest, portable: bool, user: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    once = ticket(gateway, user)
    assert await refused_handshake(gateway, {"Origin": "https://elsewhere.example"}, query(ticket=once)) == 403
    assert ('"WebSocket /v1/live" 403' in caplog.text) is portable
    assert once not in caplog.text


async def test_a_token_that_no_answer_can_quote_is_refused_like_any_other(gateway: Rest) -> None:
    """Half a character in `crit`, which the refusal names."""
    head = base64.urlsafe_b64encode(b'{"alg": "HS256", "crit": ["\\ud800"]}').decode().rstrip("=")
    headers = {"Authorization": f"Bearer {head}.e30.AAAA"}
    assert await close_code(gateway, "", headers) == 4001
    problem(gateway.get("/v1/live/sse", headers), 401, "unauthenticated")
    problem(gateway.client.post("/v1/live/tickets", headers=headers), 401, "unauthenticated")


async def test_a_refused_stream_does_not_cost_the_next_request_its_connection(
    gateway: Rest, user: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy sends other people's requests over it."""

    async def away(self: Snapshots, id_user: int, only: frozenset[int] | None) -> Any:
        raise StoreUnavailable("away")

    monkeypatch.setattr(Snapshots, "read", away)
    monkeypatch.setattr("api.live.connection.CLOSE_SECONDS", 0.2)
    async with httpx.AsyncClient(base_url=gateway.client.base_url) as http:
        answer = await http.get("/v1/live/sse", headers=bearer(gateway.settings, user))
        problem(answer, 503, "store-away")
        first = answer.extensions["network_stream"].get_extra_info("client_addr")
        await asyncio.sleep(0.5)
        again = await http.get("/healthz")
        assert again.extensions["network_stream"].get_extra_info("client_addr") == first


async def test_tickets_tokens_and_sessions_are_not_each_other(gateway: Rest, user: int) -> None:
    one = ticket(gateway, user)
    assert gateway.get("/v1/live/sse", {"Authorization": f"Bearer {one}"}).status_code == 401
    assert gateway.get("/v1/live/sse", {"Cookie": f"lacak_live={one}"}).status_code == 401
    assert await close_code(gateway, query(ticket=token(gateway.settings, user))) == 4001


async def test_without_a_good_ticket_or_token_the_answer_is_4001_or_401(gateway: Rest, user: int) -> None:
    expired = bearer(gateway.settings, user, ttl=-60)
    for headers in ({}, expired, {"Authorization": "Bearer x"}, {"Authorization": "Basic eA=="}):
        assert await close_code(gateway, "", headers) == 4001
        problem(gateway.get("/v1/live/sse", headers), 401, "unauthenticated")
    for bad in ("x", "a.b.c", ticket(gateway, user)[:-3]):
        assert await close_code(gateway, query(ticket=bad)) == 4001
    problem(gateway.client.post("/v1/live/tickets"), 401, "unauthenticated")
    problem(gateway.client.post("/v1/live/session", headers=expired), 401, "unauthenticated")


async def test_a_token_that_has_just_expired_gets_no_ticket_though_clocks_may_differ(gateway: Rest, user: int) -> None:
    """With one the connection would be refused, and a browser could not see why."""
    within_the_leeway = bearer(gateway.settings, user, ttl=-1)
    for path in ("tickets", "session"):
        refused = gateway.client.post(f"/v1/live/{path}", headers=within_the_leeway)
        problem(refused, 401, "unauthenticated")
        assert 'error="invalid_token"' in refused.headers["www-authenticate"]


async def test_without_the_scope_or_a_user_the_answer_is_4003_or_403(gateway: Rest, user: int) -> None:
    no_scope = bearer(gateway.settings, user, scopes=["orders:write"])
    no_user = bearer(gateway.settings, "a-shop")
    for headers in (no_scope, no_user):
        assert await close_code(gateway, "", headers) == 4003
        problem(gateway.get("/v1/live/sse", headers), 403, "forbidden")
        problem(gateway.client.post("/v1/live/tickets", headers=headers), 403, "forbidden")
        problem(gateway.client.post("/v1/live/session", headers=headers), 403, "forbidden")


WAYS = [(way, transport) for way in ("token", "ticket") for transport in TRANSPORTS] + [("session", "sse")]


async def test_a_connection_ends_with_the_token_it_came_from(gateway: Rest, user: int) -> None:
    async with asyncio.TaskGroup() as side_by_side:
        for way, transport in WAYS:
            side_by_side.create_task(ends_with_its_token(way, transport, gateway, user))


async def ends_with_its_token(way: str, transport: str, gateway: Rest, user: int) -> None:
    headers, tail = bearer(gateway.settings, user, ttl=3), ""
    if way == "ticket":
        headers, tail = {}, query(ticket=ticket(gateway, user, ttl=3))
    if way == "session":
        headers = {"Cookie": cookie_of(gateway, headers)}
    async with TRANSPORTS[transport](gateway, tail, headers) as client:
        await client.next("snapshot")
        if transport == "websocket":
            await asyncio.wait_for(client.socket.wait_closed(), 30)
            assert client.socket.close_code == 4001, way
        else:
            assert await client.closed() == 0, way


def cookie_of(rest: Rest, headers: dict[str, str]) -> str:
    answer = rest.client.post("/v1/live/session", headers=headers)
    assert answer.status_code == 204
    rest.client.cookies.clear()
    return str(answer.headers["set-cookie"].partition(";")[0])


async def test_a_cookie_lets_an_event_source_in_and_only_that(allowing: Rest, user: int) -> None:
    answer = allowing.client.post("/v1/live/session", headers=bearer(allowing.settings, user, ttl=600))
    attributes = {part.strip().lower() for part in answer.headers["set-cookie"].split(";")[1:]}
    assert {"httponly", "samesite=strict", "secure", "path=/v1/live"} <= attributes
    age = next(int(each.partition("=")[2]) for each in attributes if each.startswith("max-age"))
    assert 590 <= age <= 600
    cookie = {"Cookie": answer.headers["set-cookie"].partition(";")[0]}
    for _ in range(2):
        async with sse(allowing, headers=cookie) as client:
            await client.next("snapshot")
    assert await close_code(allowing, "", cookie) == 4001


async def refused_handshake(rest: Rest, headers: dict[str, str], tail: str = "") -> int:
    url = f"ws://{rest.settings.http_host}:{rest.settings.http_port}/v1/live{tail}"
    with pytest.raises(InvalidStatus) as refused:
        async with connect(url, additional_headers=headers):
            pass
    return refused.value.response.status_code


@pytest.mark.parametrize("origin", ["http://[", "http://[::1", "https://", "null", "x" * 100])
async def test_an_origin_that_is_none_is_refused_like_another_one(allowing: Rest, user: int, origin: str) -> None:
    headers = {"Origin": origin, **bearer(allowing.settings, user)}
    assert await refused_handshake(allowing, headers) == 403
    problem(allowing.get("/v1/live/sse", headers), 403, "forbidden")


async def test_a_page_of_another_origin_is_refused(allowing: Rest, user: int) -> None:
    headers = bearer(allowing.settings, user)
    for origin in ("https://elsewhere.example", "null", "http://127.0.0.1:1", "https://partner.example.evil", ""):
        assert await refused_handshake(allowing, {**headers, "Origin": origin}) == 403
        problem(allowing.get("/v1/live/sse", {**headers, "Origin": origin}), 403, "forbidden")


async def test_our_own_origin_and_those_that_are_allowed_are_served(allowing: Rest, user: int) -> None:
    headers = bearer(allowing.settings, user)
    own = f"https://{allowing.settings.http_host}:{allowing.settings.http_port}"
    for origin, named in ((own, None), ("https://partner.example", "https://partner.example")):
        async with websocket(allowing, headers={**headers, "Origin": origin}) as client:
            await client.next("snapshot")
        async with sse(allowing, headers={**headers, "Origin": origin}) as client:
            assert client.answer.headers.get("access-control-allow-origin") == named
            await client.next("snapshot")


async def test_a_client_that_offers_no_subprotocol_is_served_without_one(gateway: Rest, user: int) -> None:
    async with websocket(gateway, headers=bearer(gateway.settings, user), subprotocols=None) as client:
        assert client.socket.subprotocol is None
        await client.next("snapshot")


async def test_the_stream_is_one_that_proxies_and_caches_leave_alone(gateway: Rest, user: int) -> None:
    async with sse(gateway, headers={**bearer(gateway.settings, user), "Accept-Encoding": "gzip, br"}) as client:
        headers = client.answer.headers
        assert headers["content-type"].startswith("text/event-stream")
        assert headers["x-accel-buffering"] == "no"
        assert headers["cache-control"] == "no-store"
        assert "content-encoding" not in headers


async def test_curl_reads_the_stream_with_its_ids_and_retry(gateway: Rest, user: int) -> None:
    url = f"http://{gateway.settings.http_host}:{gateway.settings.http_port}/v1/live/sse"
    header = f"Authorization: {bearer(gateway.settings, user)['Authorization']}"
    curl = await asyncio.create_subprocess_exec("curl", "-sN", "-H", header, url, stdout=asyncio.subprocess.PIPE)
    assert curl.stdout is not None
    try:
        lines: list[str] = []
        while not any(line.startswith("event: snapshot") for line in lines):
            lines.append((await asyncio.wait_for(curl.stdout.readline(), 30)).decode().rstrip("\n"))
        publish(gateway.settings, *journey(user, 5, [1]))
        while not lines[-1].startswith("event: change"):
            lines.append((await asyncio.wait_for(curl.stdout.readline(), 30)).decode().rstrip("\n"))
        assert (await curl.stdout.readline()).startswith(b"id: ")
        assert (await curl.stdout.readline()).startswith(b'data: {"type":"change"')
    finally:
        curl.kill()
        await curl.wait()
    assert lines[0].startswith("retry: ") and lines[1] == "" and lines[2] == "event: hello"
    assert lines[3].startswith("data: "), "a hello that does not resume has no id"
