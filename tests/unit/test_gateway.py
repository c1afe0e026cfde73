"""A gateway that is behind the one that gave a cursor catches up before it answers."""

import asyncio

import pytest

from api.auth import Authenticator
from api.live.closes import TRY_LATER, Refused
from api.live.gateway import AHEAD_TICKS, TICK, Gateway, Wanted
from api.live.ring import Record, Ring
from api.live.tickets import Pass
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


def wanted(position: Position) -> Wanted:
    return Wanted(Pass(42, 2**31), None, "of another gateway", position)


async def test_it_waits_for_what_another_one_has_read() -> None:
    gateway, cursor = a_gateway(), Position("I", MINE, 0)
    gateway._consumer.full = True
    waiting = asyncio.create_task(gateway.catch_up(wanted(cursor)))
    await asyncio.sleep(2 * TICK)
    assert not waiting.done()
    gateway.hub.feed(MINE, [Record(0, 0, b"7", b"")])
    await waiting
    assert gateway.hub.ring is not None and gateway.hub.ring.covers(cursor, MINE, b"42")


async def test_it_does_not_wait_for_ever_for_a_cursor_that_was_made_up() -> None:
    gateway, cursor = a_gateway(), Position("I", MINE, 10**9)
    gateway._consumer.full = True
    await asyncio.wait_for(gateway.catch_up(wanted(cursor)), 100 * AHEAD_TICKS * TICK)
    assert gateway.is_behind(wanted(cursor))


async def test_who_waited_is_refused_all_the_same_when_the_ring_is_gone_meanwhile() -> None:
    with pytest.raises(Refused) as refused:
        await a_gateway().catch_up(wanted(Position("I", MINE, 0)))
    assert refused.value.close is TRY_LATER


async def test_it_is_not_ready_before_its_ring_is_full() -> None:
    assert not a_gateway().ready
