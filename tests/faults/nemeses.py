"""What is done to the system: each nemesis does its harm, waits, and heals. The harm is real; nothing is simulated.

A nemesis is a function of the world and its step. What it returns is the detail in the history's fault line, which
`strike` writes, from the first harm until all is healed.
"""

import time
from collections.abc import Callable
from dataclasses import replace
from random import Random

import httpx
from confluent_kafka import ElectionType, KafkaException
from confluent_kafka.admin import AdminClient

from history import now_ms
from processes import until
from schedule import Kind, Step
from world import World, kind_of

Harm = Callable[[World, Step], object]
HOUR = 3600
LONG_HOLD = 60.0
STOPPED = 15.0
"""Longer than a worker's session (6 s): its partitions have a new owner when it wakes up."""

NEMESES: dict[str, tuple[Kind, Harm]] = {}


def nemesis(
    name: str, family: str, hold: float, heal: float = 1.0, hit: int = 1, turn: int = Kind.turn
) -> Callable[[Harm], Harm]:
    """Enters a function into the table of kinds."""

    def enter(harm: Harm) -> Harm:
        NEMESES[name] = (Kind(name, family, hold, heal, hit, turn), harm)
        return harm

    return enter


def strike(world: World, step: Step) -> None:
    """Does one fault, and writes it down, also when it is interrupted."""
    at, detail = now_ms(), None
    try:
        detail = NEMESES[step.name][1](world, step)
    finally:
        who = {"name": step.name, "target": ",".join(step.targets), "seed_step": step.number}
        world.history.write("fault", at=at, until=now_ms(), **who, detail=detail)


# --- killed


@nemesis("notify worker killed", "notify", hold=10)
@nemesis("gateway killed", "gateway", hold=4)
@nemesis("all workers killed", "track", hold=2, hit=0)
@nemesis("broker killed", "kafka", hold=8, heal=10)
@nemesis("all brokers killed", "kafka", hold=2, heal=15, hit=0)
@nemesis("node killed", "cassandra", hold=8, heal=14)
@nemesis("2 of 3 nodes away", "cassandra", hold=60, heal=16, hit=2)
def killed(world: World, step: Step) -> None:
    world.kill9(*step.targets)
    world.rest(step.hold)
    world.up(*step.targets)


@nemesis("worker killed", "track", hold=10, heal=8, turn=2)
def worker_killed(world: World, step: Step) -> None:
    handed_over(world, step, killed)


@nemesis("2 of 3 brokers away", "kafka", hold=15, heal=12, hit=2)
def brokers_away(world: World, step: Step) -> str:
    """No quorum: the API must say so, instead of taking what it cannot keep."""
    before = answers(world, "503")
    killed(world, step)
    said = answers(world, "503") - before
    if not said:
        raise AssertionError("REST did not answer 503 while two of three brokers were away")
    return f"{said:.0f} answers 503"


@nemesis("api killed in a request", "api", hold=6)
def api_killed(world: World, step: Step) -> str:
    """Every 2 s: requests gather at a stopped process, then it works at them for some ms, and is killed."""
    (name,) = step.targets
    random, times = Random(step.number), round(step.hold / 2)
    for _ in range(times):
        if world.pid(name):
            world.pause(name)
            world.rest(0.5)
            world.resume(name)
            world.rest(random.uniform(0.002, 0.05))
        world.kill9(name)
        world.up(name)
        world.until_ready([name])
        world.rest(1)
    return f"{times} times"


# --- ended in good order


@nemesis("workers restarted one by one", "track", hold=3, heal=18, hit=0)
@nemesis("notify workers restarted one by one", "notify", hold=3, heal=12, hit=0)
@nemesis("gateways restarted one by one", "gateway", hold=3, heal=16, hit=0)
@nemesis("api restarted", "api", hold=1, heal=4, hit=0)
@nemesis("brokers restarted one by one", "kafka", hold=2, heal=40, hit=0)
def rolling(world: World, step: Step) -> None:
    for name in step.targets:
        world.terminate(name)
        world.up(name)
        if kind_of(name) in ("gateway", "api"):
            world.until_ready([name])
        world.rest(step.hold)


@nemesis("node restarted with hints", "cassandra", hold=25, heal=18)
def restarted(world: World, step: Step) -> None:
    """SIGTERM, and a while without it. A node's peers keep what it misses, and hand it over when it is back."""
    world.terminate(*step.targets)
    world.rest(step.hold)
    world.up(*step.targets)


@nemesis("worker terminated", "track", hold=10, heal=8, turn=1)
def worker_terminated(world: World, step: Step) -> None:
    handed_over(world, step, restarted)


def handed_over(world: World, step: Step, harm: Harm) -> None:
    """The harm, until its worker has partitions again: or the next one hits it while it starts, and nothing is handed
    over."""
    [name] = step.targets
    log = world.processes[name].log
    before = log.stat().st_size
    harm(world, step)
    until(lambda: b" assigned " in log.read_bytes()[before:], 90, f"{name} has partitions")


@nemesis("leaders moved", "kafka", hold=4, heal=14)
def leaders_moved(world: World, step: Step) -> str:
    """A broker that ends in good order hands its leaders over; when it is back, they are given back by election."""
    restarted(world, step)
    return f"{preferred_leaders(world)} partitions led by another broker again"


@nemesis("workers come and go", "track", hold=4, heal=16)
def rebalance_storm(world: World, step: Step) -> str:
    first, second = (f"track-{world.size.track + more}" for more in (1, 2))
    world.add(first)
    world.rest(step.hold)
    world.add(second)
    world.rest(step.hold)
    world.terminate(first)
    world.rest(step.hold / 2)
    world.kill9(second)
    return f"{first}, {second}"


# --- gray failures


@nemesis("worker stopped", "track", hold=STOPPED)
@nemesis("notify worker stopped", "notify", hold=STOPPED)
@nemesis("api stopped", "api", hold=STOPPED)
@nemesis("gateway stopped", "gateway", hold=STOPPED)
@nemesis("broker stopped", "kafka", hold=STOPPED)
@nemesis("node stopped", "cassandra", hold=STOPPED)
def stopped(world: World, step: Step) -> None:
    """SIGSTOP: connections stay open, and nothing comes. Afterwards it goes on, and knows nothing of it."""
    (name,) = step.targets
    world.pause(name)
    try:
        world.rest(step.hold)
    finally:
        world.resume(name)


@nemesis("disk of a broker full", "kafka", hold=6, heal=10)
@nemesis("disk of a node full", "cassandra", hold=6, heal=14)
def disk_full(world: World, step: Step) -> str:
    (name,) = step.targets
    with world.lock:
        world.held.add(name)
    world.cluster.fill_disk(name)
    world.rest(step.hold)
    ended = not world.pid(name)
    world.kill9(name)
    world.up(name)
    return "it ended by itself" if ended else "it stayed, and was killed"


@nemesis("courier's clock an hour ahead", "courier", hold=8)
def clock_ahead(world: World, step: Step) -> None:
    clock_off(world, step, HOUR)


@nemesis("courier's clock an hour behind", "courier", hold=8)
def clock_behind(world: World, step: Step) -> None:
    clock_off(world, step, -HOUR)


def clock_off(world: World, step: Step, seconds: int) -> None:
    """That courier's scans bear a wrong time, until they bear the right one again."""
    (courier,) = step.targets
    assert world.couriers is not None
    world.couriers.tell(f"clock {courier} {seconds}")
    try:
        world.rest(step.hold)
    finally:
        world.couriers.tell(f"clock {courier} 0")


# --- looking


def answers(world: World, status: str) -> float:
    """How many of the API's answers had this status, since it started."""
    url = world.url(world.members("api")[0])
    lines = httpx.get(f"{url}/metrics", timeout=10).text.splitlines()
    mine = (line for line in lines if line.startswith("lacak_http_requests_total") and f'status="{status}"' in line)
    return sum(float(line.rpartition(" ")[2]) for line in mine)


def preferred_leaders(world: World, seconds: float = 30) -> int:
    """Has each partition led by its preferred replica; gives how many changed their leader."""
    admin = AdminClient({"bootstrap.servers": world.settings.kafka_bootstrap})
    moved, end = 0, time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            # With a time-out of its own, this call fails in confluent-kafka 2.16's own parsing of it.
            done = admin.elect_leaders(ElectionType.PREFERRED).result(seconds)
            moved += sum(error is None for error in done.values())
            if all(error is None for error in done.values()):
                return moved
        except KafkaException:
            pass  # no controller at this moment
        world.rest(1)
    return moved


KINDS = tuple(kind for kind, _ in NEMESES.values())
SHORT = tuple(
    replace(NEMESES[name][0], hold=hold, hit=1)
    for name, hold in {
        "worker killed": 2.0,
        "notify worker killed": 2.0,
        "api killed in a request": 2.0,
        "gateway killed": 2.0,
        "broker killed": 2.0,
        "node killed": 2.0,
    }.items()
)
"""Each kind of process once, and little waiting."""
