"""A live client misses nothing: it resumes from its cursor without a gap, or is told so and gets a snapshot."""

import asyncio
import random
from typing import Any

import pytest

from api.live import cursor as cursors
from live_clients import TRANSPORTS, bearer, journey, publish, query, sse, websocket
from rest import Rest
from streams.order import Position

transports = pytest.mark.parametrize("transport", TRANSPORTS)


async def begin(transport: str, rest: Rest, user: int) -> str:
    """The cursor of a client that has its snapshot."""
    async with TRANSPORTS[transport](rest, headers=bearer(rest.settings, user)) as client:
        await client.next("snapshot")
        cursor: str = client.cursor
        return cursor


@transports
async def test_a_change_arrives_with_its_order(transport: str, gateway: Rest, user: int) -> None:
    async with TRANSPORTS[transport](gateway, headers=bearer(gateway.settings, user)) as client:
        hello = await client.next()
        assert (hello["type"], hello["resumed"], hello["heartbeat_seconds"]) == ("hello", False, 1)
        assert (await client.next())["orders"] == []
        publish(gateway.settings, *journey(user, 2**53 + 1, [3], note="Tiba di hub"))
        order = (await client.next("change"))["order"]
        assert order["id_order"] == "9007199254740993"
        assert (order["version"], order["note"], order["status"]) == (3, "Tiba di hub", "in_transit")
        assert order["placed_at"].endswith("Z")


async def read_with_cuts(clients: list[Any], user: int, wanted: set[tuple[int, int]], cursor: str, seed: int) -> list:
    """Reads until all are there, cut at random points, each time on another of the transports and gateways."""
    dice, seen = random.Random(seed), []
    while len(set(seen)) < len(wanted):
        connect, rest = dice.choice(clients)
        async with connect(rest, query(cursor), headers=bearer(rest.settings, user)) as client:
            hello = await client.next()
            assert hello["resumed"] is True
            assert hello["cursor"] == cursor, "hello repeats the client's own cursor"
            # A heartbeat's cursor counts too, so sometimes wait for one.
            for _ in range(dice.randrange(12)):
                if len(set(seen)) == len(wanted):
                    break
                frame = await client.next()
                if frame["type"] == "change":
                    seen.append((int(frame["order"]["id_order"]), frame["order"]["version"]))
            cursor = client.cursor
    return seen


@pytest.mark.parametrize(
    ("portable", "which"),
    [(False, ["websocket"]), (False, ["sse"]), (False, ["websocket", "sse"]), (True, ["websocket", "sse"])],
    indirect=["portable"],
    ids=["direct-websocket", "direct-sse", "direct-both", "portable-both"],
)
async def test_cut_at_random_points_in_100_changes_none_is_missing_and_none_comes_twice(
    which: list[str], gateway: Rest, other_gateway: Rest, user: int
) -> None:
    cursor = await begin(which[0], gateway, user)
    orders = [user * 10 + n for n in range(5)]
    batches = [[each for id_order in orders for each in journey(user, id_order, [n])] for n in range(1, 21)]

    async def produce() -> None:
        for batch in batches:
            await asyncio.to_thread(publish, gateway.settings, *batch)

    clients = [(TRANSPORTS[name], rest) for name in which for rest in (gateway, other_gateway)]
    wanted = {(each["id_order"], each["version"]) for batch in batches for each in batch}
    producing = asyncio.create_task(produce())
    seen = await asyncio.wait_for(read_with_cuts(clients, user, wanted, cursor, seed=user), 60)
    await producing
    assert len(seen) == 100 and set(seen) == wanted
    for id_order in orders:
        assert [version for order, version in seen if order == id_order] == list(range(1, 21))


async def test_a_cursor_crosses_transports_and_gateways(gateway: Rest, other_gateway: Rest, user: int) -> None:
    cursor = await begin("websocket", gateway, user)
    publish(gateway.settings, *journey(user, 5, [1, 2, 3]))
    async with sse(other_gateway, query(cursor), headers=bearer(gateway.settings, user)) as client:
        assert (await client.next())["resumed"] is True
        assert await client.changes(3) == [(5, 1), (5, 2), (5, 3)]


async def test_last_event_id_is_heard_before_the_cursor_in_the_url(gateway: Rest, user: int) -> None:
    old = await begin("sse", gateway, user)
    publish(gateway.settings, *journey(user, 5, [1, 2]))
    async with sse(gateway, query(old), headers=bearer(gateway.settings, user)) as client:
        await client.next("change")
        newer = client.cursor
    headers = {**bearer(gateway.settings, user), "Last-Event-ID": newer}
    async with sse(gateway, query(old), headers=headers) as client:
        assert (await client.next())["cursor"] == newer
        assert await client.changes(1) == [(5, 2)]


def forged(cursor: str) -> dict[str, str]:
    position = cursors.decode(cursor)
    assert position is not None
    incarnation, partition, offset = position
    return {
        "garbage": "%%%",
        "long": "A" * 5000,
        "another partition": cursors.encode(Position(incarnation, (partition + 1) % 4, offset)),
        "no such partition": cursors.encode(Position(incarnation, 99, offset)),
        "another incarnation": cursors.encode(Position("AAAAAAAAAAAAAAAAAAAAAA", partition, offset)),
        "the future": cursors.encode(Position(incarnation, partition, offset + 1_000_000)),
        "cut short": cursor[:10],
    }


@transports
async def test_a_cursor_that_makes_no_sense_is_answered_with_a_snapshot(
    transport: str, gateway: Rest, user: int
) -> None:
    cursor = await begin(transport, gateway, user)
    for name, token in forged(cursor).items():
        async with TRANSPORTS[transport](gateway, query(token), headers=bearer(gateway.settings, user)) as client:
            hello = await client.next()
            assert hello["resumed"] is False, name
            assert (await client.next())["type"] == "snapshot", name


async def test_another_users_cursor_shows_nothing_of_that_user(gateway: Rest, user: int) -> None:
    cursor = await begin("websocket", gateway, user)
    publish(gateway.settings, *journey(user, 77, [1, 2]))
    thief = user + 500_000
    async with websocket(gateway, query(cursor), headers=bearer(gateway.settings, thief)) as client:
        await client.next("hello")
        publish(gateway.settings, *journey(thief, 88, [1]))
        assert await client.changes(1) == [(88, 1)]


@transports
async def test_the_first_frames_say_what_to_keep(transport: str, gateway: Rest, user: int) -> None:
    async with TRANSPORTS[transport](gateway, headers=bearer(gateway.settings, user)) as client:
        hello = await client.next()
        snapshot = await client.next()
        heartbeat = await client.next("heartbeat")
        assert hello.get("id") is None, "a cut before the snapshot must not skip it"
        if transport == "sse":
            assert snapshot["id"] == snapshot["cursor"] and heartbeat["id"] == heartbeat["cursor"]


async def test_heartbeats_carry_how_far_the_partition_was_read(gateway: Rest, user: int) -> None:
    """So a user without changes of its own can still resume after many of others'."""
    async with websocket(gateway, headers=bearer(gateway.settings, user)) as client:
        before = cursors.decode((await client.next("snapshot"))["cursor"])
        publish(gateway.settings, *[each for u in range(50) for each in journey(900_000 + u, u + 1, [1])])
        assert before is not None
        while (now := cursors.decode((await client.next("heartbeat"))["cursor"])).offset == before.offset:  # type: ignore[union-attr]
            pass
        assert now is not None and now.partition == before.partition
