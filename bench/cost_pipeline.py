"""One round of `figures.py`: simulated couriers at a steady rate, by REST and by Kafka, and each process tells what it
used."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import cycle, islice
from statistics import mean

import aiohttp
from cost_disk import topic_bytes
from cost_load import ORDERS, TRACE, Plan, batches, flow, get_all, orders, post_all, singly, steps
from cost_system import TOPICS, Meter, System, count, readers
from latency import headers

import stack
import topics_reader
from api.live import cursor, frames
from changes import change, record
from streams.messages import Message
from streams.order import Position
from streams.settings import Settings

IDLE_SECONDS = 10
READS = 1000
BATCHES, BATCH, BATCH_RATE = 30, 100, 3
FLOOD, FLOOD_RATE, FLOOD_STEP = 10_000, 1000, 50
READERS = 4  # besides the gateway
CURSOR = Position("Xk3d0gq7QPeE0pZ1pVnJ6w", 7, 123_456)


@dataclass
class Plans:
    """What is posted, and what goes straight to Kafka; of each the first part warms up what the second measures."""

    posts: tuple[Plan, Plan]
    cached: tuple[Plan, Plan]
    uncached: tuple[Plan, Plan]

    def all(self) -> Plan:
        """Everything."""
        return [item for each in (*self.posts, *self.cached, *self.uncached) for item in each]


def one_round(own: stack.Servers, settings: Settings, plans: Plans, rate: float, flow_rate: float) -> dict[str, float]:
    """Runs everything. An event costs a process the less, the more come at once: each is measured with as many as it
    is meant to carry, as far as this machine goes."""
    with System(own, settings) as system:
        found = asyncio.run(_posted(system, plans.posts, rate))
        idle = {name: found[f"{name}_idle_cores"] for name in system.used()}
        each = _flowed(system, idle, plans.cached, flow_rate)
        found |= {f"{name}_us_per_event": each[name] for name in ("track", "notify", "cassandra")}
        system.forget()
        each = _flowed(system, idle, plans.uncached, flow_rate)
        found |= {f"{name}_us_per_uncached_event": each[name] for name in ("track", "cassandra")}
        alone = _flooded(system, idle)
        with readers(settings, READERS):
            together = _flooded(system, idle)
    found["gateway_us_per_change"] = alone["gateway"]
    found["kafka_us_per_fetched"] = max(0.0, together["kafka"] - alone["kafka"]) / READERS
    return found


async def _posted(system: System, plans: tuple[Plan, Plan], rate: float) -> dict[str, float]:
    auth = headers(system.settings, "orders:write", "status:write", "ops", courier=None) | TRACE
    async with aiohttp.ClientSession(system.url, connector=aiohttp.TCPConnector(limit=0), headers=auth) as session:

        async def post(posts: Iterable[tuple[str, Message]], rate: float = rate) -> None:
            await post_all(session, posts, rate)
            await asyncio.to_thread(system.until_done)

        warm, posts = plans
        await post(singly(warm))
        meter = Meter(system)
        await asyncio.sleep(IDLE_SECONDS)
        idle = meter.cores()
        meter = Meter(system, idle)
        await post(singly(posts))
        each = meter.us(len(posts))
        found = {"api_us_per_post": each["api"], "kafka_us_per_event": each["kafka"], **sizes(system), **system.mib()}
        found |= {f"{name}_idle_cores": idle[name] for name in idle}
        meter = Meter(system, idle)
        paths = (f"{ORDERS}/{id_order}" for id_order in islice(cycle(orders(posts)), READS))
        await get_all(session, paths, rate)
        each = meter.us(READS)
        found |= {f"{name}_us_per_read": each[name] for name in ("api", "cassandra")}
        meter = Meter(system, idle)
        await post(batches(posts, BATCHES, BATCH), BATCH_RATE)
        found["api_us_per_batched_update"] = meter.us(BATCHES * BATCH)["api"]
        return found


def _flowed(system: System, idle: Mapping[str, float], plans: tuple[Plan, Plan], rate: float) -> dict[str, float]:
    """µs an event."""
    warm, events = plans
    flow(system.settings, warm, rate)
    system.until_done()
    meter = Meter(system, idle)
    flow(system.settings, events, rate)
    system.until_done()
    return meter.us(len(events))


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
    meter = Meter(system, idle)
    for at in steps(FLOOD, FLOOD_STEP, FLOOD_RATE):
        made = (
            record(change("in_transit", 3, 1 + n, n % 9973, note="Tiba di hub")) for n in range(at, at + FLOOD_STEP)
        )
        topics_reader.write(system.settings, TOPICS["changed"], made)
    system.until_done()
    return meter.us(FLOOD)
