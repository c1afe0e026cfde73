"""docs/operations/partitions.md: drained, the topics get more partitions, and every order goes on where it was."""

import asyncio
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed

import stack
import topics_reader
from live_clients import Client, bearer, until_served, websocket
from parcels import USERS, cassandra, place, scan, versions
from processes import Process, free_port, running, until
from rest import Rest
from runbook import Runbook, kafka_tools, lags
from streams import topics
from streams.settings import Settings
from streams.topics import partition_of

IDS, EARLY = range(1, 31), 31
COUNT = 6
STAYS, MOVES = 1, 2  # customers: the changes of one stay in their partition


async def test_every_order_goes_on_in_its_new_partition_and_no_customer_misses_anything(
    servers: stack.Servers, settings: Settings, tmp_path: Path
) -> None:
    assert moves(STAYS, settings.partitions) < moves(MOVES, settings.partitions)
    page = Runbook("partitions", settings, tmp_path, kafka_tools(servers))
    settings = settings.model_copy(update={"http_port": free_port()})
    workers = Process("track", settings), Process("notify", settings)
    http = httpx.Client(base_url=f"http://{settings.http_host}:{settings.http_port}", timeout=30)
    with http, Process("gateway", settings), running(*workers), cassandra(settings) as session:
        place(settings, IDS)
        scan(settings, IDS, "picked_up")
        scan(settings, [EARLY], "picked_up")  # and waits for its order
        until(lambda: versions(session) == dict.fromkeys(IDS, 2), what="all have been picked up")
        until_served(rest := Rest(settings, http))
        async with connected(rest, STAYS) as one, connected(rest, MOVES) as other:
            for client in (one, other):
                await client.next("snapshot")
            await asyncio.to_thread(add_partitions, page, workers)
            cursors = [await cut_off(client) for client in (one, other)]
        until_served(rest)
        async with connected(rest, STAYS, cursors[0]) as one, connected(rest, MOVES, cursors[1]) as other:
            assert [(await client.next("hello"))["resumed"] for client in (one, other)] == [True, False]
            assert {order["version"] for order in (await other.next("snapshot"))["orders"]} == {2}
            place(settings, [EARLY])
            scan(settings, IDS, "in_transit", "out_for_delivery")
            for user, client in ((STAYS, one), (MOVES, other)):
                expected = {each: [3, 4] for each in IDS if each % USERS == user}
                assert await shown(client, expected.keys()) == expected
        until(lambda: versions(session) == dict.fromkeys(IDS, 4) | {EARLY: 2}, what="all are out for delivery")
    assert any(moves(each, settings.partitions) for each in IDS)
    assert topics_reader.read(settings, topics.REJECTED.name) == []


def moves(key: int, before: int) -> bool:
    """Whether that key is then in another partition."""
    return len({partition_of(str(key).encode(), partitions) for partitions in (before, COUNT)}) > 1


def add_partitions(page: Runbook, workers: tuple[Process, ...]) -> None:
    """All that the page says."""
    until(lambda: lags(page.run("1. Drain")) == {0}, what="all is judged")
    for worker in workers:
        worker.stop()
    page.run("3. Add partitions", COUNT=str(COUNT))
    assert f"with {COUNT} partitions each" in page.run("4. Tell everybody", COUNT=str(COUNT))
    for worker in workers:
        worker.settings = worker.settings.model_copy(update={"partitions": COUNT})
        worker.start()


def connected(rest: Rest, user: int, cursor: str | None = None) -> Any:
    return websocket(rest, f"?cursor={cursor}" if cursor else "", headers=bearer(rest.settings, user))


async def cut_off(client: Client) -> str | None:
    """The cursor of a client whose gateway has begun anew."""
    with pytest.raises(ConnectionClosed) as closed:
        await client.closed()
    assert closed.value.rcvd and closed.value.rcvd.code == 1012
    return client.cursor


async def shown(client: Client, ids: Iterable[int]) -> dict[int, list[int]]:
    """The versions of these orders in the changes that come, until each has been out for delivery."""
    seen: dict[int, list[int]] = {each: [] for each in ids}
    while any(4 not in each for each in seen.values()):
        order = (await client.next("change"))["order"]
        if int(order["id_order"]) in seen:
            seen[int(order["id_order"])].append(order["version"])
    return seen
