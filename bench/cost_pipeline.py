"""One round of `figures.py`: simulated couriers post at a steady rate, and each process tells what it used."""

import asyncio
import time
from collections.abc import Mapping
from itertools import cycle, islice
from statistics import mean

import aiohttp
from cost_disk import topic_bytes
from cost_load import ORDERS, TRACE, Plan, batches, get_all, orders, post_all
from cost_system import TOPICS, Meter, System, count, readers
from latency import headers

import stack
import topics_reader
from api.live import cursor, frames
from changes import change, record
from streams.order import Position
from streams.settings import Settings

IDLE_SECONDS = 10
READS = 1000
BATCHES, BATCH, BATCH_RATE = 30, 100, 3
FLOOD, FLOOD_RATE, FLOOD_STEP = 10_000, 1000, 50
READERS = 4  # besides the gateway
CURSOR = Position("Xk3d0gq7QPeE0pZ1pVnJ6w", 7, 123_456)


def one_round(own: stack.Servers, settings: Settings, plans: list[Plan], rate: float) -> dict[str, float]:
    """Runs everything. `plans`: what warms up, what is measured, and what is measured with an empty cache."""
    with System(own, settings) as system:
        found = asyncio.run(_posted(system, plans, rate))
        idle = {name: found[f"{name}_idle_cores"] for name in system.used()}
        alone = _flooded(system, idle)
        with readers(settings, READERS):
            together = _flooded(system, idle)
    found["gateway_us_per_change"] = alone["gateway"]
    found["kafka_us_per_fetched"] = max(0.0, together["kafka"] - alone["kafka"]) / READERS
    return found


async def _posted(system: System, plans: list[Plan], rate: float) -> dict[str, float]:
    auth = headers(system.settings, "orders:write", "status:write", "ops", courier=None) | TRACE
    async with aiohttp.ClientSession(system.url, connector=aiohttp.TCPConnector(limit=0), headers=auth) as session:

        async def post(posts: Plan, rate: float = rate) -> None:
            await post_all(session, posts, rate)
            await asyncio.to_thread(system.until_done)

        await post(plans[0])
        meter = Meter(system)
        await asyncio.sleep(IDLE_SECONDS)
        idle = meter.cores()
        meter = Meter(system, idle)
        await post(plans[1])
        each = meter.us(len(plans[1]))
        found = {f"{name}_us_per_event": each[name] for name in ("track", "notify", "kafka", "cassandra")}
        found |= {"api_us_per_post": each["api"], **sizes(system), **system.mib()}
        found |= {f"{name}_idle_cores": idle[name] for name in idle}
        meter = Meter(system, idle)
        paths = (f"{ORDERS}/{id_order}" for id_order in islice(cycle(orders(plans[1])), READS))
        await get_all(session, paths, rate)
        each = meter.us(READS)
        found |= {f"{name}_us_per_read": each[name] for name in ("api", "cassandra")}
        meter = Meter(system, idle)
        await post(batches(plans[1], BATCHES, BATCH), BATCH_RATE)
        found["api_us_per_batched_update"] = meter.us(BATCHES * BATCH)["api"]
        system.forget()
        await post(plans[2][: len(plans[0])])
        meter, left = Meter(system, idle), plans[2][len(plans[0]) :]
        await post(left)
        each = meter.us(len(left))
        found |= {f"{name}_us_per_uncached_event": each[name] for name in ("track", "cassandra")}
    return found


def sizes(system: System) -> dict[str, float]:
    """Bytes a record as the broker keeps it (with its headers, its share of a batch's, no compression), and a frame."""
    settings = system.settings
    counts = {name: count(settings, topic) for name, topic in TOPICS.items()}
    found = {f"{name}_bytes": topic_bytes(system.own, settings, TOPICS[name]) / counts[name] for name in TOPICS}
    changes = topics_reader.messages(settings, TOPICS["changed"], "OrderStatusChanged")
    return {
        **found,
        "notifications_per_event": counts["notification"] / (counts["order"] + counts["update"]),
        "push_bytes": mean(len(frames.change(cursor.encode(CURSOR), each).websocket) for each in changes),
        "heartbeat_bytes": len(frames.heartbeat(CURSOR).websocket),
    }


def _flooded(system: System, idle: Mapping[str, float]) -> dict[str, float]:
    """µs a change that no client of the gateway's watches, at a steady rate."""
    meter, start = Meter(system, idle), time.monotonic()
    for at in range(0, FLOOD, FLOOD_STEP):
        time.sleep(max(0.0, start + at / FLOOD_RATE - time.monotonic()))
        made = (
            record(change("in_transit", 3, 1 + n, n % 9973, note="Tiba di hub")) for n in range(at, at + FLOOD_STEP)
        )
        topics_reader.write(system.settings, TOPICS["changed"], made)
    system.until_done()
    return meter.us(FLOOD)
