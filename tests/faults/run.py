#!/usr/bin/env python
"""Breaks a whole running Lacak on purpose, and judges whether anything was lost.

    python tests/faults/run.py --seed 7 --minutes 15

Prints its schedule first, then each fault as it happens, then one table. Exits with 1 when anything was lost, wrong,
missing or not promised. What it saw is kept under --keep: the history, the logs, and the evidence.
"""

import argparse
import re
import secrets
import signal
import sys
import time
import traceback
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from deploy.local.config import FIRST_COMPILER  # noqa: E402
from drain import DidNotDrain, drain  # noqa: E402
from history import now_ms  # noqa: E402
from lives import COURIERS  # noqa: E402
from nemeses import KINDS, SHORT, strike  # noqa: E402
from processes import until  # noqa: E402
from report import Outcome, judge, show  # noqa: E402
from schedule import PAUSE, Slot, left_out, load_seconds, plan  # noqa: E402
from supervisor import Supervisor  # noqa: E402
from tally import NOTHING  # noqa: E402
from world import Size, World  # noqa: E402

SHORT_SIZE = Size(
    track=2, notify=1, gateway=1, api=1, rate=100, rest_rate=20, users=200, watched=30, alone=0, jit=FIRST_COMPILER
)
SHORT_SECONDS, SHORT_PAUSE = 70.0, 3.0
DRAIN_SECONDS, COURIERS_SECONDS, CLIENTS_SECONDS, WARM_SECONDS = 120.0, 150.0, 60.0, 180.0
WARMING = 20.0
"""In which the load comes to its rate, before anybody looks whether it is kept up with."""
SETTLE = 5.0
"""For the last changes to reach the clients, and for a system at rest to be looked at before it is broken."""


class Broken(Exception):
    """The run itself cannot go on: its load, its clients or its supervisor ended."""


def main() -> int:
    """Gives the exit code."""
    for number in (signal.SIGTERM, signal.SIGINT):  # also in the background, where a shell has it ignore the latter
        signal.signal(number, signal.default_int_handler)
    options = _options()
    seed = options.seed if options.seed is not None else secrets.randbelow(10**6)
    size = SHORT_SIZE if options.short else Size(rate=options.rate)
    kinds = [kind for kind in (SHORT if options.short else KINDS) if re.search(options.only, kind.name)]
    seconds = SHORT_SECONDS if options.short else load_seconds(options.minutes)
    pause = SHORT_PAUSE if options.short else PAUSE
    slots = plan(seed, seconds, kinds, families(size), pause, pairs=not options.short)
    announce(seed, seconds, slots, left_out(slots, kinds))
    folder = options.keep / f"{seed}-{time.strftime('%Y%m%d-%H%M%S')}"
    world = World(folder.absolute(), size, seed)
    try:
        outcome = Run(world).go(slots, seconds)
    finally:
        world.stop()
    show(outcome, seed, folder)
    return 0 if outcome.good else 1


def families(size: Size) -> Mapping[str, Sequence[str]]:
    """Whom a fault can hit."""
    counts = {kind: getattr(size, kind) for kind in ("track", "notify", "gateway", "api")}
    counts |= {"kafka": 3, "cassandra": 3}
    return {"courier": COURIERS} | {
        kind: [f"{kind}-{number}" for number in range(1, count + 1)] for kind, count in counts.items()
    }


def announce(seed: int, seconds: float, slots: Sequence[Slot], missing: Sequence[str]) -> None:
    """What will be done, so that it can be done again."""
    faults = sum(len(slot.steps) for slot in slots)
    print(f"seed {seed}: {faults} faults in {seconds:.0f} s of load, after workers are started before Kafka")
    for slot in slots:
        print(slot)
    if missing:
        print(f"no time for {len(missing)} kinds: {', '.join(missing)}")
    print(flush=True)


class Run:
    """One run over a world; `failures` are what went wrong besides what the checker finds."""

    def __init__(self, world: World) -> None:
        self.world, self.failures, self.kept_up = world, list[str](), ""
        self.supervisor = Supervisor(world)

    def go(self, slots: Sequence[Slot], seconds: float) -> Outcome:
        """The whole story. Raises `Broken`."""
        self.start_in_the_wrong_order()
        self.world.start_load()
        self.warm_up()
        if self.world.size.alone:
            self.leave_alone()
        self.break_things(slots, seconds)
        self.come_to_rest()
        self.say("SIGTERM to all")
        self.world.terminate_lacak()
        self.say("reading the evidence")
        return judge(self.world, self.supervisor.crashes, self.failures, self.kept_up)

    def start_in_the_wrong_order(self) -> None:
        """Everything before the servers which it needs; the workers must say what they wait for."""
        at = now_ms()
        self.say("starting Lacak, and no Kafka yet")
        self.world.start_lacak()
        workers = [*self.world.members("track"), *self.world.members("notify")]
        logs = [self.world.processes[name].log for name in workers]
        until(lambda: all(b"waiting" in log.read_bytes() for log in logs), 60, "each worker says that it waits")
        self.say("they wait; starting three brokers and three nodes")
        self.world.start_cluster()
        self.world.until_ready([*self.world.members("api"), *self.world.members("gateway")])
        who = {"name": "workers started before Kafka", "target": ",".join(workers), "seed_step": 0}
        self.world.history.write("fault", at=at, until=now_ms(), **who, detail="each said that it waits")
        self.say("all is there")

    def warm_up(self) -> None:
        """Waits, under load, until JVMs that have just started keep up with it: the stalls shall be the faults' own."""
        rate = self.world.size.rate
        self.world.rest(WARMING)
        try:
            took = drain(self.world.settings, WARM_SECONDS, at_most=2 * rate, within=WARM_SECONDS)
            self.kept_up = f"yes, {WARMING + took:.0f} s after the load began"
        except DidNotDrain as error:  # nothing is lost by it, but the longest waits are this machine's
            self.kept_up = f"no, this machine is too slow for {rate}/s: {error}"
        self.say(f"kept up with: {self.kept_up}")

    def leave_alone(self) -> None:
        """What the table compares the faults with."""
        at = now_ms()
        self.world.rest(self.world.size.alone)
        self.world.history.write("fault", at=at, until=now_ms(), name=NOTHING, target="", seed_step=0, detail=None)

    def break_things(self, slots: Sequence[Slot], seconds: float) -> None:
        """The schedule under load. A slot is late rather than closer than a pause to the one before."""
        began, free = time.monotonic(), 0.0
        with ThreadPoolExecutor(2) as threads:
            for slot in slots:
                self.rest_until(began + max(slot.at, free))
                if not slot.must and time.monotonic() - began + max(step.hold for step in slot.steps) > seconds:
                    self.say("no time left for the rest of the pairs")
                    break
                self.strike(slot, threads)
                free = time.monotonic() - began + PAUSE
        self.rest_until(began + seconds)

    def strike(self, slot: Slot, threads: ThreadPoolExecutor) -> None:
        """One or two faults. One that did not go as it says is a failure, and what it left is healed."""
        for step in slot.steps:
            self.say(f"{step.number:3} {step}")
        began = time.monotonic()
        try:
            doing = [threads.submit(self._later, step) for step in slot.steps]
            while wait(doing, 0.5).not_done:
                self.check_up()
        except BaseException:
            self.world.ending.set()  # they stop waiting
            raise
        for step, done in zip(slot.steps, doing, strict=True):
            if error := done.exception():
                self.failures.append(f"step {step.number}, {step.name}: {error!r}")
                traceback.print_exception(error)
                self.world.heal()
        self.say(f"    healed after {time.monotonic() - began:.1f} s")

    def _later(self, step) -> None:  # type: ignore[no-untyped-def]
        self.world.rest(step.shift)
        strike(self.world, step)

    def come_to_rest(self) -> None:
        """Heals, ends the load, and waits until everything is handled and the clients have seen it."""
        world = self.world
        assert world.couriers is not None and world.watchers is not None
        self.say("end of load; healing")
        world.heal()
        world.until_ready([*world.members("api"), *world.members("gateway")])
        if (code := world.couriers.finish(COURIERS_SECONDS)) != 0:
            self.failures.append(f"the couriers' exit code is {code}")
        try:
            self.say(f"all is handled after {drain(world.settings, DRAIN_SECONDS):.0f} s")
        except DidNotDrain as error:
            self.failures.append(f"did not drain: {error}")
            self.say(self.failures[-1])
        world.rest(SETTLE)
        if (code := world.watchers.finish(CLIENTS_SECONDS)) != 0:
            self.failures.append(f"the live clients' exit code is {code}")

    def rest_until(self, moment: float) -> None:
        """Waits, and looks whether the run is still sound."""
        while (left := moment - time.monotonic()) > 0:
            self.check_up()
            self.world.rest(min(0.5, left))

    def check_up(self) -> None:
        for child in (self.world.couriers, self.world.watchers):
            if child is not None and (how := child.failed()):
                raise Broken(how)
        if self.supervisor.error is not None:
            raise Broken("the supervisor ended") from self.supervisor.error

    def say(self, text: str) -> None:
        print(f"{time.strftime('%H:%M:%S')}  {text}", flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, help="of the schedule and of the load; a random one when absent")
    parser.add_argument("--minutes", type=float, default=15, help="for all of it, about")
    parser.add_argument("--rate", type=int, default=Size.rate, help="inputs a second through both doors")
    parser.add_argument("--short", action="store_true", help="each kind of process killed once, on a smaller system")
    parser.add_argument("--only", default="", help="the kinds of fault that this regular expression finds")
    parser.add_argument("--keep", type=Path, default=Path(".lacak/faults"), help="the folder of the runs' folders")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
