#!/usr/bin/env python
"""Two APIs behind the API gateway take orders, updates and reads while one of them is restarted every 20 s: nothing
that was answered 2xx is lost, no order is placed twice, and no live client misses anything.

    python tests/soak/restarts.py [--seconds 600] [--every 20] [--rate 60] [--clients 100]

By SIGTERM, and each third time by kill -9. Who is not answered, or asked to, tries again, as docs/rest.md tells; the
error rate is of all tries. Exits with 1 when something was lost, or somebody not answered in a minute.
"""

import argparse
import asyncio
import math
import random
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from soak import ARRIVALS, SETTLE, Size, at_rest, on_servers, place, report, tokens  # noqa: I001, E402

import uvloop  # noqa: E402

import topics_reader  # noqa: E402
from behind_edge import Behind, lacak, url  # noqa: E402
from cassandra.cluster import Cluster  # noqa: E402
from crowd import Crowd  # noqa: E402
from lacak import ready  # noqa: E402
from mixed_load import PATIENCE, Load, Told  # noqa: E402
from processes import until  # noqa: E402
from streams.settings import Settings  # noqa: E402

KILLED = 3  # each third restart is a kill -9
SAMPLE = 300  # of the orders that REST is asked for afterwards


async def restarts(behind: Behind, every: float, seconds: float) -> Counter[str]:
    """One API after the other; how often, by signal."""
    loop, done = asyncio.get_running_loop(), Counter[str]()
    began = loop.time()
    for number in range(1, math.ceil(seconds / every)):
        await asyncio.sleep(began + number * every - loop.time())
        api = behind.apis[number % 2]
        killed = number % KILLED == 0
        await asyncio.to_thread(api.kill9 if killed else api.stop)
        done["kill -9" if killed else "SIGTERM"] += 1
        api.start()
        await asyncio.to_thread(until, lambda api=api: ready(url(api)))
    return done


@dataclass(frozen=True)
class Story:
    """A run: what clients were told, what the live ones saw, and what of it all is not so."""

    told: Told
    crowd: Crowd
    restarted: Counter[str]
    wrong: list[str]


async def story(behind: Behind, size: Size, every: float) -> Story:
    """The whole story, on these processes."""
    settings = behind.settings
    await asyncio.to_thread(place, settings, size)
    before = await asyncio.to_thread(sent, settings)
    crowd = Crowd([behind.edge.port], tokens(settings, size), behind.edge.trust())
    load = Load(behind, size.users)
    try:
        await crowd.arrive(ARRIVALS)
        restarted, _ = await asyncio.gather(restarts(behind, every, size.seconds), load.run(size.rate, size.seconds))
        await crowd.until_shown(await asyncio.to_thread(at_rest, settings), SETTLE)
    finally:
        await crowd.leave()
    return Story(load.told, crowd, restarted, await asyncio.to_thread(differences, behind, load.told, before))


def sent(settings: Settings) -> set[str]:
    """The orders that Kafka has."""
    return {str(message["id_order"]) for message in topics_reader.messages(settings, "orders", "OrderPlaced")}


def differences(behind: Behind, told: Told, before: set[str]) -> list[str]:
    """What was taken, against what Kafka and Cassandra have, and REST shows."""
    settings, orders, wrong = behind.settings, set(told.orders.values()), list[str]()
    placed = sent(settings) - before
    events = {m["event_id"] for m in topics_reader.messages(settings, "courier-status-updates", "CourierStatusUpdate")}
    rows, history = in_cassandra(settings)
    wrong += [f"order {each} is not in Kafka" for each in orders - placed]
    wrong += [f"order {each} is not in Cassandra" for each in orders - rows]
    wrong += [f"update {each} is not in Kafka" for each in told.events.keys() - events]
    wrong += [f"update {each} is not in Cassandra" for each in told.events.keys() - history]
    wrong += [f"order {each} was placed, and its shop not told" for each in placed - orders]
    if len(orders) != len(told.orders):
        wrong.append("two keys have one order")
    for each in random.sample(sorted(orders), min(SAMPLE, len(orders))):
        if behind.rest.get(f"/v1/orders/{each}", behind.rest.headers("ops")).status_code != 200:
            wrong.append(f"order {each} is not shown")
    return wrong + [f"not answered in {PATIENCE} s: {each}" for each in told.given_up]


def in_cassandra(settings: Settings) -> tuple[set[str], set[str]]:
    """All orders, and the events in all histories."""
    cluster = Cluster([settings.cassandra_hosts], port=settings.cassandra_port)
    try:
        session = cluster.connect(settings.cassandra_keyspace)
        orders = {str(row.id_order) for row in session.execute("SELECT id_order FROM orders")}
        return orders, {row.event_id for row in session.execute("SELECT event_id FROM order_status_history")}
    finally:
        cluster.shutdown()


def show(story: Story) -> None:
    """Prints what happened."""
    for (what, how), number in sorted(story.told.tries.items()):
        print(f"{number:10,}  {what} {how}")
    print(f"{story.told.error_rate:10.2%}  of the tries were errors, and tried again")
    print(f"{len(story.told.orders):10,}  orders taken\n{len(story.told.events):10,}  updates taken")
    for signal, number in sorted(story.restarted.items()):
        print(f"{number:10,}  restarts by {signal}")
    print(f"{len(story.wrong):10,}  WRONG")
    print(*story.wrong[:5], sep="\n", end="\n" if story.wrong else "")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("seconds", 600), ("every", 20), ("rate", 60), ("clients", 100)):
        parser.add_argument(f"--{name}", type=int, default=default)
    options = vars(parser.parse_args())
    every = options.pop("every")
    with on_servers() as settings, lacak(settings, Path(settings.local_dir) / "edge") as behind:
        told = uvloop.run(story(behind, Size(**options), every))
    show(told)
    return 1 if report(told.crowd) + len(told.wrong) else 0


if __name__ == "__main__":
    sys.exit(main())
