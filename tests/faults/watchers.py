"""Live clients of a fault run: they follow their users' orders, are cut off at random, and write down every frame.

    python tests/faults/watchers.py --history FILE --gateways URL,URL --users 1,2,… --sse-share 0.3 \\
        --cuts-per-minute 20 --seed N

Settings come from the environment (LACAK_…). Every fifth user has two devices. `stop` on the standard input cuts no
more, lets each client hear one more heartbeat (STOP_SECONDS at most), prints the counts as JSON, and ends with 0.
SIGTERM and the end of the input are `stop` too.
"""

import argparse
import asyncio
import json
import resource
from collections import Counter
from itertools import cycle
from pathlib import Path
from random import Random
from typing import Any

import httpx

from faults.commands import listen
from faults.history import Writer
from faults.watcher import Watcher, World
from streams.settings import Settings

STOP_SECONDS = 30.0


def devices(users: list[int], sse_share: float, random: Random) -> list[tuple[int, str]]:
    """(user, transport) of each client."""
    owners = [*users, *users[::5]]
    by_sse = set(random.sample(range(len(owners)), round(len(owners) * sse_share)))
    return [(user, "sse" if n in by_sse else "websocket") for n, user in enumerate(owners)]


async def cut_at_random(watchers: list[Watcher], per_minute: float, random: Random) -> None:
    """Cuts one connection or another, for ever. Most come back at once; some stay away for seconds, a few for 30."""
    while True:
        await asyncio.sleep(random.expovariate(per_minute / 60))
        connected = [each for each in watchers if each.connected]
        if connected:
            away = random.choices((0.0, random.uniform(1, 6), 30.0), (6, 3, 1))[0]
            random.choice(connected).cut(away)


async def _run(asked: argparse.Namespace, settings: Settings) -> dict[str, Any]:
    random = Random(asked.seed)
    counts: Counter[str] = Counter()
    stopped = asyncio.Event()

    def obey(words: list[str]) -> None:
        if words != ["stop"]:
            raise ValueError(f"no such command: {words}")
        stopped.set()

    limits = httpx.Limits(max_connections=None, max_keepalive_connections=0)
    async with httpx.AsyncClient(timeout=None, limits=limits, verify=False, trust_env=False) as http:
        with Writer(asked.history) as history:
            world = World(settings, asked.gateways, history, counts, http)
            first = cycle(range(len(asked.gateways)))
            watchers = [
                Watcher(world, f"w-{n}", user, transport, next(first), Random(random.random()))
                for n, (user, transport) in enumerate(devices(asked.users, asked.sse_share, random))
            ]
            async with asyncio.TaskGroup() as group:
                running = [group.create_task(each.run()) for each in watchers]
                others = [group.create_task(listen(obey))]
                if asked.cuts_per_minute:
                    others.append(group.create_task(cut_at_random(watchers, asked.cuts_per_minute, random)))
                await stopped.wait()
                for task in others:
                    task.cancel()
                heard = [group.create_task(each.heartbeat()) for each in watchers]
                _, deaf = await asyncio.wait(heard, timeout=STOP_SECONDS)
                counts["without a last heartbeat"] = len(deaf)
                for task in (*deaf, *running):
                    task.cancel()
    used = resource.getrusage(resource.RUSAGE_SELF)
    return {"clients": len(watchers), **counts, "cpu_seconds": round(used.ru_utime + used.ru_stime, 1)}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--history", type=Path, required=True)
    parser.add_argument("--gateways", type=lambda text: text.split(","), required=True)
    parser.add_argument("--users", type=lambda text: [int(user) for user in text.split(",")], required=True)
    parser.add_argument("--sse-share", type=float, default=0.3)
    parser.add_argument("--cuts-per-minute", type=float, default=20)
    parser.add_argument("--seed", type=int, required=True)
    return parser.parse_args()


if __name__ == "__main__":
    print(json.dumps(asyncio.run(_run(_arguments(), Settings()))), flush=True)
