"""A gateway that goes says goodbye, and a topic made anew is noticed."""

import asyncio
import signal
import subprocess
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from aiokafka.admin import AIOKafkaAdminClient

from conftest import fresh_settings
from live_clients import LAZY, TRANSPORTS, bearer, journey, publish, query, sse, until_served, websocket
from processes import Process
from rest import Rest, running
from stack import Servers, free_ports
from streams.kafka import ensure_topics
from streams.settings import Settings


@asynccontextmanager
async def gateway(settings: Settings, **changes: object) -> AsyncIterator[tuple[subprocess.Popen[bytes], Rest]]:
    """A gateway with these settings as a process of its own, which serves."""
    own = settings.model_copy(update={"http_port": free_ports("127.0.0.1", 1)[0], **changes})
    with (
        Process("gateway", own) as process,
        httpx.Client(base_url=f"http://127.0.0.1:{own.http_port}", timeout=30) as http,
    ):
        rest = Rest(own, http)
        await asyncio.to_thread(rest.until, lambda: answers(rest), "answering")
        await asyncio.to_thread(until_served, rest)
        assert process.child is not None
        yield process.child, rest


async def test_clients_are_told_when_to_go_and_are_served_until_then(
    servers: Servers, live_settings: Settings, user: int, tmp_path: Path
) -> None:
    headers = bearer(live_settings, user)
    async with gateway(live_settings, local_dir=tmp_path, drain_seconds=8.0) as (process, rest):
        async with websocket(rest, headers=headers) as one, sse(rest, headers=headers) as two:
            for client in (one, two):
                await client.next("snapshot")
            process.terminate()
            moments = [(await client.next("drain"))["reconnect_after_ms"] for client in (one, two)]
            assert all(0 <= moment <= 8000 for moment in moments) and moments[0] != moments[1]
            assert rest.get("/readyz").status_code == 503
            async with websocket(rest, headers=headers) as late:
                await asyncio.wait_for(late.socket.wait_closed(), 30)
                assert late.socket.close_code == 1012
            assert rest.get("/v1/live/sse", headers).status_code == 503
            last = max((moments[0], one), (moments[1], two), key=lambda each: each[0])[1]
            publish(live_settings, *journey(user, 5, [1]))
            assert await last.changes(1) == [(5, 1)], "whoever is not due is served"
            await asyncio.wait_for(one.socket.wait_closed(), 30)
            assert one.socket.close_code == 1012
            assert await two.closed() == 0
            cursor = last.cursor
        # Uvicorn ends by the signal that it was sent.
        assert await asyncio.to_thread(process.wait, 30) in (0, -signal.SIGTERM)
    with running("gateway", live_settings) as after:
        until_served(after)
        publish(live_settings, *journey(user, 5, [2]))
        async with websocket(after, query(cursor), headers) as client:
            assert (await client.next())["resumed"] is True, "a new gateway's ring reaches back"
            assert await client.changes(1) == [(5, 2)]


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_a_client_that_does_not_read_keeps_no_gateway_from_going(
    transport: str, live_settings: Settings, user: int, tmp_path: Path
) -> None:
    changes = {"local_dir": tmp_path, "drain_seconds": 1.0, "client_buffer": 10_000_000}
    headers = bearer(live_settings, user)
    async with (
        gateway(live_settings, **changes) as (process, rest),
        LAZY[transport](rest, user) as (client, _),
        websocket(rest, headers=headers) as brisk,
    ):
        await client.next("snapshot")
        await brisk.next("snapshot")
        for start in range(1, 401, 20):
            versions = range(start, start + 20)
            await asyncio.to_thread(publish, live_settings, *journey(user, 5, versions, note="x" * 3000))
            await brisk.changes(20)  # so they are on their way to the other, too
        process.terminate()
        assert await asyncio.to_thread(process.wait, 30) in (0, -signal.SIGTERM)


def answers(rest: Rest) -> bool:
    try:
        return rest.get("/healthz").status_code == 200
    except httpx.TransportError:
        return False


async def test_a_topic_made_anew_ends_every_connection_and_old_cursors_get_a_snapshot(
    servers: Servers, tmp_path: Path, user: int
) -> None:
    settings = await asyncio.to_thread(fresh_settings, servers, tmp_path, drain_seconds=0, heartbeat=1)
    headers = bearer(settings, user)
    with running("gateway", settings) as rest:
        await asyncio.to_thread(until_served, rest)
        async with websocket(rest, headers=headers) as client:
            await client.next("snapshot")
            publish(settings, *journey(user, 5, [1, 2]))
            await client.changes(2)
            await make_anew(settings)
            await asyncio.wait_for(client.socket.wait_closed(), 60)
            assert client.socket.close_code == 1012
            cursor = client.cursor
        await asyncio.to_thread(until_served, rest)
        for connect in TRANSPORTS.values():
            async with connect(rest, query(cursor), headers) as client:
                assert (await client.next())["resumed"] is False
                await client.next("snapshot")
                publish(settings, *journey(user, 5, [3]))
                assert await client.changes(1) == [(5, 3)]


async def make_anew(settings: Settings) -> None:
    """Deletes order-status-changed and creates it again, empty."""
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka_bootstrap)
    await admin.start()
    try:
        name = settings.topic("order-status-changed")
        await admin.delete_topics([name])
        end = time.monotonic() + 30
        while name in await admin.list_topics():
            assert time.monotonic() < end
            await asyncio.sleep(0.1)
    finally:
        await admin.close()
    await ensure_topics(settings)
