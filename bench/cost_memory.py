"""What an order in the order-tracking worker's cache takes, for `figures.py`."""

import asyncio
import gc
import random
import subprocess
import sys
from collections.abc import Sequence

import lab  # noqa: F401  # puts the project on the path

from agents.lane import Lane
from agents.records import Kind, Record
from api.live.ceiling import resident_bytes
from cli.couriers import journey
from cli.reports import placed, scanned
from logs import T0
from streams.codec import Codec
from streams.messages import Message
from streams.order import Position
from tables.orders import DAY_MS, StoredOrder, Waiting

ORDERS = 10_000
FIRST_ID = 1_795_553_072_492_000
ORDER, UPDATE = Codec("OrderPlaced"), Codec("CourierStatusUpdate")


class Nothing:
    """A store without any order, so that nothing but the lane's own cache grows."""

    async def load(self, id_order: int) -> StoredOrder | None:
        return None

    async def waiting(self, id_order: int) -> list[Waiting]:
        return []


def bytes_per_cached_order() -> float:
    """Resident bytes that an order with its whole history adds, in a process of its own: memory that was used before
    would be used again."""
    return float(subprocess.check_output([sys.executable, __file__]))


async def _filled() -> float:
    lane = Lane(
        Nothing(),
        {kind: Position("x", 0, 0) for kind in Kind},
        partitions=1,
        retention_ms=90 * DAY_MS,
        cached=ORDERS * 2,
    )
    dice = random.Random(1)
    gc.collect()
    before = resident_bytes()
    for n in range(ORDERS):
        one = journey(dice, FIRST_ID + n, ORDERS)
        await _judge(lane, Kind.ORDERS, [placed(one, T0)])
        await _judge(lane, Kind.UPDATES, [scanned(one, step, T0 + at) for at, step in enumerate(one.steps, 1)])
    gc.collect()
    assert lane.cached == ORDERS
    return (resident_bytes() - before) / ORDERS


async def _judge(lane: Lane, kind: Kind, messages: Sequence[Message]) -> None:
    codec, offset = ORDER if kind is Kind.ORDERS else UPDATE, lane.positions[kind].offset
    await lane.judge(
        [
            Record(
                kind,
                Position("x", 0, offset + n),
                T0 + 9_999,
                str(message["id_order"]).encode(),
                codec.encode(message),
                [],
            )
            for n, message in enumerate(messages)
        ]
    )
    lane.advance(kind, offset + len(messages))


if __name__ == "__main__":
    print(asyncio.run(_filled()))
