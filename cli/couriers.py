"""The plan of plausible deliveries, as a pure function of a seed: no clock, no I/O.

A journey is an order and its steps along a route between two cities. On the way attempts fail, scans go missing,
come twice, or come late; whatever is left is a path of the lifecycle, so the pipeline refuses none of it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from random import Random

from cli.catalogue import CITIES, COURIERS, NOTES, PRODUK, SUBSTATUS, City, Produk
from streams.order import PLACED, TERMINAL, TRANSITIONS

MISSED = 0.07  # chance that a scan is missing
TWICE = 0.04  # that it comes again
LATE = 0.04  # that it comes after the next one

DELIVERED = "out_for_delivery delivered"
# How a delivery ends after the hubs, and how often out of a hundred.
ENDINGS = {
    DELIVERED: 68,
    "out_for_delivery attempt_failed out_for_delivery delivered": 11,
    "out_for_delivery attempt_failed out_for_delivery attempt_failed ready_for_pickup delivered": 4,
    "ready_for_pickup delivered": 5,
    "exception in_transit out_for_delivery delivered": 4,
    "out_for_delivery attempt_failed out_for_delivery attempt_failed returning returned": 3,
    "exception returning returned": 1,
    "lost": 1,
}
CANCELLED = 3  # out of a hundred are cancelled before a courier has them
HOUR_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class Step:
    """One scan, as the courier will report it. `late`: it is reported after the step that followed it."""

    event_id: str
    status: str
    substatus: str | None
    note: str
    latitude: float | None
    longitude: float | None
    eta_hours: float | None  # from the scan on
    late: bool = False


@dataclass(frozen=True, slots=True)
class Journey:
    """One order and the scans of it, in the order in which they are reported."""

    id_order: int
    id_user: int
    produk: Produk
    jumlah: int
    courier: str
    promised_hours: float
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Move:
    """The next thing that happens: an order is placed (no step), or a courier reports a step."""

    journey: Journey
    step: Step | None
    last: bool = False  # of this journey


def journey(random: Random, id_order: int, users: int) -> Journey:
    """A plausible delivery of one order."""
    origin, destination = random.sample(CITIES, 2)
    statuses = _missing_scans(random, _statuses(random))
    steps = [_step(random, n, statuses, origin, destination) for n in range(len(statuses))]
    return Journey(
        id_order=id_order,
        id_user=random.randint(1, users),
        produk=random.choice(PRODUK),
        jumlah=random.choices((1, 2, 3, 5), (80, 12, 6, 2))[0],
        courier=random.choice(COURIERS),
        promised_hours=random.randint(48, 144),
        steps=tuple(_late_scans(random, _double_scans(random, steps))),
    )


def traffic(seed: int, orders: int, users: int, first_id: int, forever: bool = False) -> Iterator[Move]:
    """The moves of `orders` journeys, interleaved; at most `orders` are open at a time when it goes on for ever.

    The same arguments give the same moves.
    """
    random = Random(seed)  # noqa: S311 - couriers of a play
    under_way: list[tuple[Journey, list[Step]]] = []
    opened = 0
    while under_way or forever or opened < orders:
        may_open = len(under_way) < orders and (forever or opened < orders)
        if may_open and (not under_way or random.random() < 0.25):
            placed = journey(random, first_id + opened, users)
            opened += 1
            under_way.append((placed, list(reversed(placed.steps))))
            yield Move(placed, None)
            continue
        at = random.randrange(len(under_way))
        moving, left = under_way[at]
        yield Move(moving, left.pop(), last=not left)
        if not left:
            under_way[at] = under_way[-1]
            under_way.pop()


def _statuses(random: Random) -> list[str]:
    if random.randrange(100) < CANCELLED:
        return ["confirmed", "cancelled"]
    ending = random.choices(list(ENDINGS), list(ENDINGS.values()))[0]
    return ["confirmed", "picked_up", *["in_transit"] * random.randint(1, 4), *ending.split()]


def _missing_scans(random: Random, statuses: list[str]) -> list[str]:
    """Drops some scans, but for the last, as long as what is left is a path of the lifecycle."""
    kept = list(statuses)
    for status in statuses[:-1]:
        without = list(kept)
        without.remove(status)
        if random.random() < MISSED and _is_path(without):
            kept = without
    return kept


def _is_path(statuses: list[str]) -> bool:
    return all(new in TRANSITIONS[old] for old, new in pairwise([PLACED, *statuses]))


def _double_scans(random: Random, steps: list[Step]) -> list[Step]:
    return [again for step in steps for again in ([step, step] if random.random() < TWICE else [step])]


def _late_scans(random: Random, steps: list[Step]) -> list[Step]:
    """Swaps some scans at a hub with the one after it, where the path holds without it."""
    out = list(steps)
    for n in range(1, len(out) - 1):
        before, scan, after = out[n - 1 : n + 2]
        skips = after.status in TRANSITIONS[before.status] and scan.event_id not in (before.event_id, after.event_id)
        if scan.status == "in_transit" and not (before.late or scan.late) and skips and random.random() < LATE:
            out[n : n + 2] = [after, replace(scan, late=True)]
    return out


def _step(random: Random, n: int, statuses: list[str], origin: City, destination: City) -> Step:
    status, share = statuses[n], n / max(1, len(statuses) - 1)
    if status in ("returning", "returned"):
        share = 0.0 if status == "returned" else 0.5
    latitude, longitude = _between(random, origin, destination, share)
    place = min(CITIES, key=lambda city: (city.latitude - latitude) ** 2 + (city.longitude - longitude) ** 2)
    note = random.choice(NOTES[status]).format(origin=origin.name, destination=destination.name, place=place.name)
    known = status not in ("confirmed", "cancelled", "lost")
    moving = known and status not in TERMINAL
    return Step(
        event_id=f"{n + 1}-{status}",
        status=status,
        substatus=random.choice(SUBSTATUS[status]) if status in SUBSTATUS else None,
        note=note,
        latitude=latitude if known else None,
        longitude=longitude if known else None,
        eta_hours=round(3 + (1 - share) * 72 + random.random() * 4, 1) if moving else None,
    )


def _between(random: Random, origin: City, destination: City, share: float) -> tuple[float, float]:
    """A point on the way, a few kilometres off the straight line."""
    wobble = 0.03 + 0.4 * share * (1 - share)
    latitude = origin.latitude + (destination.latitude - origin.latitude) * share + random.uniform(-wobble, wobble)
    longitude = origin.longitude + (destination.longitude - origin.longitude) * share + random.uniform(-wobble, wobble)
    return round(latitude, 5), round(longitude, 5)
