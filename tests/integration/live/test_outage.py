"""Kafka goes away under a gateway: clients stay, and miss nothing.

The server is the session's own and is really killed, so LACAK_TEST_KAFKA must not be set.
"""

import asyncio

import pytest

from live_clients import bearer, journey, publish, query, websocket
from rest import Rest
from stack import Servers


async def test_kafka_is_killed_and_clients_miss_nothing_when_it_is_back(
    servers: Servers, gateway: Rest, user: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.live.consumer.CHECK_SECONDS", 1.0)
    monkeypatch.setattr("api.live.consumer.SILENT_SECONDS", 3.0)
    headers = bearer(gateway.settings, user)
    async with websocket(gateway, headers=headers) as client:
        await client.next("snapshot")
        publish(gateway.settings, *journey(user, 5, [1]))
        assert await client.changes(1) == [(5, 1)]
        cursor = client.cursor
        servers.kill9("kafka")
        try:
            await asyncio.to_thread(gateway.until, lambda: gateway.get("/readyz").status_code == 503, "not ready")
            # The ring still knows that nothing is missing.
            async with websocket(gateway, query(cursor), headers) as resumed:
                assert (await resumed.next())["resumed"] is True
        finally:
            await asyncio.to_thread(servers.restart, "kafka")
        await asyncio.to_thread(publish, gateway.settings, *journey(user, 5, [2, 3]))
        assert await client.changes(2) == [(5, 2), (5, 3)]
        await asyncio.to_thread(gateway.until_ready)
    async with websocket(gateway, query(cursor), headers) as client:
        assert (await client.next())["resumed"] is True
        assert await client.changes(2) == [(5, 2), (5, 3)]
