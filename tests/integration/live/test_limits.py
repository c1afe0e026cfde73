"""Every queue is bounded: slow, many and hostile clients cost the others nothing, and lose nothing themselves."""

import asyncio
import itertools
import re
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from live_clients import LAZY, TRANSPORTS, bearer, journey, lazy_websocket, publish, query, sse, until_served, websocket
from rest import Rest, problem, running
from streams.settings import Settings

transports = pytest.mark.parametrize("transport", TRANSPORTS)


@pytest.fixture(scope="module")
def strict(live_settings: Settings, portable: bool) -> Iterator[Rest]:
    """A gateway whose clients may lag behind by 20,000 bytes, and name three orders."""
    changes = {"client_buffer": 20_000, "orders_per_connection": 3}
    with running("gateway", live_settings.model_copy(update=changes), portable) as rest:
        until_served(rest)
        yield rest


def metric(rest: Rest, name: str, **labels: object) -> float:
    text = rest.get("/metrics").text
    wanted = {f'{label}="{value}"' for label, value in labels.items()}
    lines = re.findall(rf"^{name}{{(.*)}} (.*)$", text, re.MULTILINE)
    return sum(float(value) for found, value in lines if wanted <= set(found.split(",")))


def is_established(server_port: int, client_port: int) -> bool:
    """Whether the server still has that connection (/proc/net/tcp: local address, remote address, state 01)."""
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        local, remote, state = line.split()[1:4]
        if (local[-4:], remote[-4:], state) == (f"{server_port:04X}", f"{client_port:04X}", "01"):
            return True
    return False


async def until(holds: Any, what: str) -> None:
    for _ in range(600):
        if await asyncio.to_thread(holds):
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"not so after 30 s: {what}")


async def read_to_the_end(client: Any) -> tuple[list[int], str | None]:
    """The versions it can still get, and the cursor it has then."""
    seen = []
    try:
        while True:
            frame = await client.next()
            if frame["type"] == "change":
                seen.append(frame["order"]["version"])
    except Exception as error:  # noqa: BLE001 - closed with 4008, reset, or a stream that ends: whatever cut looks like
        assert not isinstance(error, AssertionError | TimeoutError), error
    return seen, client.cursor


@transports
async def test_a_client_that_does_not_read_is_cut_and_resumes_without_a_gap(
    transport: str, strict: Rest, user: int
) -> None:
    cuts = metric(strict, "lacak_live_closed_total", transport=transport, code=4008)
    async with LAZY[transport](strict, user) as (client, port):
        await client.next("snapshot")
        async with websocket(strict, headers=bearer(strict.settings, user)) as brisk:
            await brisk.next("snapshot")
            # One's slowness is not another's.
            for start in range(1, 401, 5):
                versions = range(start, start + 5)
                await asyncio.to_thread(publish, strict.settings, *journey(user, 5, versions, note="x" * 3000))
                assert await brisk.changes(5) == [(5, n) for n in versions]
        await until(
            lambda: metric(strict, "lacak_live_closed_total", transport=transport, code=4008) == cuts + 1, "cut"
        )
        await until(lambda: not is_established(strict.settings.http_port, port), "torn down, though it reads nothing")
        seen, cursor = await read_to_the_end(client)
    assert len(seen) < 400
    async with TRANSPORTS[transport](strict, query(cursor), headers=bearer(strict.settings, user)) as client:
        assert (await client.next())["resumed"] is True
        rest = [version for _, version in await client.changes(400 - len(seen))]
    assert seen + rest == list(range(1, 401))


async def test_a_slow_client_that_reads_on_is_told_4008(strict: Rest, user: int) -> None:
    async with lazy_websocket(strict, user) as (client, _):
        await client.next("snapshot")
        cuts = metric(strict, "lacak_live_closed_total", transport="websocket", code=4008)
        publish(strict.settings, *journey(user, 5, range(1, 201), note="x" * 3000))
        await until(
            lambda: metric(strict, "lacak_live_closed_total", transport="websocket", code=4008) == cuts + 1, "cut"
        )
        await read_to_the_end(client)
        assert client.socket.close_code == 4008


async def test_the_eleventh_connection_of_a_user_is_one_too_many(gateway: Rest, user: int) -> None:
    headers = bearer(gateway.settings, user)
    async with AsyncExitStack() as stack:
        for connect, _ in zip(itertools.cycle(TRANSPORTS.values()), range(10), strict=False):
            client = await stack.enter_async_context(connect(gateway, headers=headers))
            await client.next("snapshot")
        async with websocket(gateway, headers=headers) as client:
            await client.socket.wait_closed()
            assert client.socket.close_code == 4009
        answer = problem(gateway.get("/v1/live/sse", headers), 429, "too-many")
        assert answer["detail"]
        async with websocket(gateway, headers=bearer(gateway.settings, user + 1)) as client:
            await client.next("snapshot")
    async with websocket(gateway, headers=headers) as client:
        await client.next("snapshot")


async def test_a_full_gateway_says_try_later_and_takes_again_when_one_leaves(
    live_settings: Settings, portable: bool, user: int
) -> None:
    headers = bearer(live_settings, user)
    with running("gateway", live_settings.model_copy(update={"max_connections": 2}), portable) as rest:
        await asyncio.to_thread(until_served, rest)
        async with websocket(rest, headers=headers) as one, sse(rest, headers=headers) as two:
            await one.next("snapshot")
            await two.next("snapshot")
            async with websocket(rest, headers=headers) as third:
                await asyncio.wait_for(third.socket.wait_closed(), 30)
                assert third.socket.close_code == 1013
            answer = rest.get("/v1/live/sse", headers)
            assert problem(answer, 503, "unavailable") and answer.headers["retry-after"]
        await until(lambda: metric(rest, "lacak_live_connections") == 0, "both are gone")
        async with websocket(rest, headers=headers) as again:
            await again.next("snapshot")


@transports
async def test_a_connection_may_be_narrowed_to_some_orders(transport: str, gateway: Rest, user: int) -> None:
    tail, headers = query(orders=[5, 7]), bearer(gateway.settings, user)
    async with TRANSPORTS[transport](gateway, tail, headers) as client:
        await client.next("snapshot")
        publish(gateway.settings, *journey(user, 5, [1]), *journey(user, 6, [1]), *journey(user, 7, [1]))
        assert await client.changes(2) == [(5, 1), (7, 1)]
        cursor = client.cursor
    publish(gateway.settings, *journey(user, 6, [2]), *journey(user, 5, [2]))
    async with TRANSPORTS[transport](gateway, query(cursor, [5]), headers) as client:
        assert await client.changes(1) == [(5, 2)], "what is replayed is narrowed too"


async def test_too_many_orders_and_ids_that_are_none_are_refused(strict: Rest, user: int) -> None:
    headers = bearer(strict.settings, user)
    for orders in ([1, 2, 3, 4], ["x"], [0], [-1], [2**63]):
        async with websocket(strict, query(orders=orders), headers) as client:
            await client.socket.wait_closed()
            assert client.socket.close_code == 1008, orders
        answer = strict.client.get(f"/v1/live/sse{query(orders=orders)}", headers=headers)
        assert problem(answer, 422, "validation")["errors"][0]["field"] == "id_order"


async def test_what_a_client_sends_is_harmless(gateway: Rest, user: int) -> None:
    async with websocket(gateway, headers=bearer(gateway.settings, user)) as client:
        await client.next("snapshot")
        for garbage in ("{", '{"type": "change"}', "\0" * 4096, b"\xff\xfe\x00"):
            await client.socket.send(garbage)
        publish(gateway.settings, *journey(user, 5, [1]))
        assert await client.changes(1) == [(5, 1)]


async def closed_after(gateway: Rest, user: int, *messages: str | bytes) -> int:
    async with websocket(gateway, headers=bearer(gateway.settings, user)) as client:
        await client.next("snapshot")
        for message in messages:
            await client.socket.send(message)
        await asyncio.wait_for(client.socket.wait_closed(), 30)
        code: int = client.socket.close_code
        return code


async def test_a_frame_over_4_kib_and_an_eleventh_frame_in_a_second_end_it(gateway: Rest, user: int) -> None:
    assert await closed_after(gateway, user, "x" * 4097) == 1009
    assert await closed_after(gateway, user, *["x"] * 50) == 1008


async def test_bytes_that_are_no_websocket_frame_end_it_and_nothing_else(gateway: Rest, user: int) -> None:
    async with websocket(gateway, headers=bearer(gateway.settings, user)) as bystander:
        await bystander.next("snapshot")
        async with websocket(gateway, headers=bearer(gateway.settings, user)) as client:
            await client.next("snapshot")
            client.socket.transport.write(b"GET / HTTP/1.1\r\n\r\n" + bytes(range(256)))
            await asyncio.wait_for(client.socket.wait_closed(), 30)
        publish(gateway.settings, *journey(user, 5, [1]))
        assert await bystander.changes(1) == [(5, 1)]


async def test_clients_that_vanish_or_leave_are_forgotten(gateway: Rest, user: int) -> None:
    before = metric(gateway, "lacak_live_connections")
    async with AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(connect(gateway, headers=bearer(gateway.settings, user + n)))
            for n in range(5)
            for connect in TRANSPORTS.values()
        ]
        for client in clients:
            await client.next("snapshot")
        assert metric(gateway, "lacak_live_connections") == before + 10
        for client in clients:
            if client.socket is not None:
                client.socket.transport.abort()
    await until(lambda: metric(gateway, "lacak_live_connections") == before, "forgotten")


def test_the_routes_are_documented(gateway: Rest) -> None:
    paths = gateway.get("/openapi.json").json()["paths"]
    assert set(paths["/v1/live/sse"]["get"]["responses"]) == {"200", "401", "403", "422", "429", "503"}
    for path in ("/v1/live/tickets", "/v1/live/session"):
        assert paths[path]["post"]["security"]
        assert {"401", "403"} <= set(paths[path]["post"]["responses"])
