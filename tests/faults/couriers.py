"""Couriers and shops: the load of a fault run, at its rate through both doors whatever happens to them.

    python tests/faults/couriers.py --history FILE --api URL --rate 320 --rest-rate 60 --seed N --users 600

Settings come from the environment (LACAK_…). Commands, a line each: `clock NAME SECONDS` puts that courier's clock so
far off; `stop` sends no more, waits for what is under way, prints the counts as JSON, and ends with 0. SIGTERM and the
end of the input are `stop` too.
"""

import argparse
import asyncio
import json
import resource
import time
from collections import Counter
from pathlib import Path

from faults.commands import listen
from faults.history import Writer, now_ms
from faults.kafka_door import KafkaDoor
from faults.rest_door import RestDoor
from faults.script import Script
from streams.settings import Settings

TICK = 0.01
LIFE = 5  # seconds of the rate's worth of open orders: lives of half a minute to a minute
LAST_ANSWERS = 120.0


class Load:
    """Takes inputs from the script at the rate. It is open loop: slow answers do not slow it down. What would go past
    a door's bound is held back and counted: the script waits, so that nothing of it is left out."""

    def __init__(self, script: Script, kafka: KafkaDoor, rest: RestDoor, rate: float, counts: Counter[str]) -> None:
        self._script, self._kafka, self._rest = script, kafka, rest
        self._rate, self._counts = rate, counts
        self._stopped = asyncio.Event()

    def obey(self, words: list[str]) -> None:
        """A command. ValueError for what is none."""
        match words:
            case ["stop"]:
                self._stopped.set()
            case ["clock", name, seconds] if name in self._script.clocks:
                self._script.clocks[name] = round(float(seconds) * 1000)
            case _:
                raise ValueError(f"no such command: {words}")

    async def offer(self) -> None:
        """Sends until it is stopped."""
        start, offered = time.monotonic(), 0
        while not self._stopped.is_set():
            due = int((time.monotonic() - start) * self._rate)
            for _ in range(due - offered):
                self._next()
            offered = due
            self._hear()
            await asyncio.sleep(TICK)
        self._counts["seconds"] = round(time.monotonic() - start)

    async def finish(self) -> None:
        """Waits for the answers that are due, LAST_ANSWERS at most; what has none then is given up."""
        end = time.monotonic() + LAST_ANSWERS
        while self._kafka.in_flight + self._rest.in_flight and time.monotonic() < end:
            self._rest.flush()
            self._hear()
            await asyncio.sleep(TICK)
        self._kafka.purge()
        await self._rest.close()

    def _hear(self) -> None:
        self._kafka.poll()
        self._rest.check()

    def _next(self) -> None:
        if not (self._kafka.has_room and self._rest.has_room):
            self._counts["held"] += 1
            return
        given = self._script.take(now_ms())
        self._counts["sent"] += 1
        self._counts[f"sent {given.door}"] += 1
        self._counts[f"what {given.what.partition(',')[0]}"] += 1
        (self._kafka if given.door == "kafka" else self._rest).send(given)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--history", type=Path, required=True)
    parser.add_argument("--api", required=True)
    parser.add_argument("--rate", type=float, default=320)
    parser.add_argument("--rest-rate", type=float, default=60)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--users", type=int, default=600)
    return parser.parse_args()


async def _run(asked: argparse.Namespace, settings: Settings) -> dict[str, float]:
    counts: Counter[str] = Counter()
    script = Script(asked.seed, asked.users, asked.rest_rate / asked.rate, settings.partitions, int(asked.rate * LIFE))
    with Writer(asked.history) as history:
        kafka = KafkaDoor(settings, history, counts)
        load = Load(script, kafka, RestDoor(settings, asked.api, history, counts, asked.seed), asked.rate, counts)
        async with asyncio.TaskGroup() as group:
            listening = group.create_task(listen(load.obey))
            await load.offer()
            await load.finish()
            listening.cancel()
    used = resource.getrusage(resource.RUSAGE_SELF)
    return {**counts, "cpu_seconds": round(used.ru_utime + used.ru_stime, 1)}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(_run(_arguments(), Settings()))), flush=True)
