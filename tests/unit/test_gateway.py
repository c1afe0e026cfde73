"""A gateway that is behind the one that gave a cursor catches up before it answers."""

import asyncio

from api.auth import Authenticator
from api.live.gateway import AHEAD_TICKS, TICK, Gateway
from api.live.ring import Record, Ring
from streams.order import Position
from streams.settings import Settings
from streams.topics import partition_of
from tables.memory_orders import MemoryOrders

SECRET = "a secret of the tests, 32 bytes long or more"
MINE = partition_of(b"42", 4)


def a_gateway() -> Gateway:
    settings = Settings(_env_file=None, jwt_secret=SECRET)  # type: ignore[call-arg]
    gateway = Gateway(settings, MemoryOrders, Authenticator(SECRET, "lacak", 5))
    gateway.hub.begin(Ring("I", dict.fromkeys(range(4), 0), 600, 10**9))
    return gateway


async def test_it_waits_for_what_another_one_has_read() -> None:
    gateway, cursor = a_gateway(), Position("I", MINE, 0)
    waiting = asyncio.create_task(gateway._catch_up(42, cursor))
    await asyncio.sleep(2 * TICK)
    assert not waiting.done()
    gateway.hub.feed(MINE, [Record(0, 0, b"7", b"")])
    await waiting
    assert gateway.hub.ring is not None and gateway.hub.ring.covers(cursor, MINE, b"42")


async def test_it_does_not_wait_for_ever_for_a_cursor_that_was_made_up() -> None:
    gateway = a_gateway()
    await asyncio.wait_for(gateway._catch_up(42, Position("I", MINE, 10**9)), 100 * AHEAD_TICKS * TICK)
    assert gateway.hub.is_ahead(42, Position("I", MINE, 10**9))


async def test_it_is_not_ready_before_its_ring_is_full() -> None:
    assert not a_gateway().ready
