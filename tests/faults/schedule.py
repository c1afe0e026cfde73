"""Which fault comes when: a pure function of the seed, so that a run can be read before it starts, and had again."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random

CHECKS_SECONDS = 180.0
"""Of a run's time: starting three of everything, and afterwards draining, reading the evidence and judging it."""
CHECKS_SHARE = 0.4
"""Of a run too short for that."""
PAUSE = 5.0
"""Between two faults, so that a stall is the fault's own."""
LARGEST_SHIFT = 4.0
"""By which the second fault of a pair is later than the first."""


@dataclass(frozen=True)
class Kind:
    """A kind of fault: `name` is its line in the table, `family` what it hits."""

    name: str
    family: str
    hold: float
    """Seconds for which the harm lasts."""
    heal: float = 1.0
    """Seconds that healing takes, roughly."""
    hit: int = 1
    """How many of the family are hit; 0: all of them."""
    turn: int = 9
    """Those of a lower one come first, before anything has left a backlog: their silence shall be their own."""

    @property
    def seconds(self) -> float:
        return self.hold + self.heal


@dataclass(frozen=True)
class Step:
    """One fault: which kind, whom it hits, for how long, and how much later than its slot begins."""

    number: int
    name: str
    targets: tuple[str, ...]
    hold: float
    shift: float = 0.0

    def __str__(self) -> str:
        later = f" (+{self.shift:.1f} s)" if self.shift else ""
        return f"{self.name}: {', '.join(self.targets)}{later}"


@dataclass(frozen=True)
class Slot:
    """What happens together, `at` seconds after the load began; the run is late when healing took longer."""

    at: float
    steps: tuple[Step, ...]
    must: bool
    """Whether it is one of those that every run has, also when it is late."""

    def __str__(self) -> str:
        return f"{self.at:6.0f} s  " + "  together with  ".join(map(str, self.steps))


def load_seconds(minutes: float) -> float:
    """For how long there is load, in a run of so many minutes."""
    whole = minutes * 60
    return whole - min(CHECKS_SECONDS, whole * CHECKS_SHARE)


def plan(
    seed: int,
    seconds: float,
    kinds: Sequence[Kind],
    families: Mapping[str, Sequence[str]],
    pause: float = PAUSE,
    pairs: bool = True,
) -> list[Slot]:
    """Every kind alone, in random order (but for their `turn`), on random targets; then `pairs` of two families
    until `seconds` are full.

    A kind that no longer fits is left out: see `left_out`.
    """
    random = Random(seed)
    slots: list[Slot] = []
    number, at = 0, pause
    for kind in sorted(random.sample(kinds, len(kinds)), key=lambda kind: kind.turn):
        if at + kind.seconds <= seconds:
            number += 1
            slots.append(Slot(at, (_step(number, kind, families, random),), must=True))
            at += kind.seconds + pause
    if not pairs or left_out(slots, kinds):
        return slots
    for first, second in _pairs(kinds, random):
        shift = random.uniform(0, LARGEST_SHIFT)
        length = max(first.seconds, second.seconds + shift)
        if at + length > seconds:
            return slots
        steps = (_step(number + 1, first, families, random), _step(number + 2, second, families, random, shift))
        slots.append(Slot(at, steps, must=False))
        number, at = number + 2, at + length + pause
    return slots


def left_out(slots: Sequence[Slot], kinds: Sequence[Kind]) -> list[str]:
    """The kinds for which there was no time."""
    planned = {step.name for slot in slots for step in slot.steps}
    return [kind.name for kind in kinds if kind.name not in planned]


def _pairs(kinds: Sequence[Kind], random: Random) -> Iterator[tuple[Kind, Kind]]:
    """Two of one family could undo each other's harm."""
    while len({kind.family for kind in kinds}) > 1:
        first, second = random.sample(kinds, 2)
        if first.family != second.family:
            yield first, second


def _step(number: int, kind: Kind, families: Mapping[str, Sequence[str]], random: Random, shift: float = 0.0) -> Step:
    members = families[kind.family]
    targets = random.sample(members, min(kind.hit or len(members), len(members)))
    return Step(number, kind.name, tuple(targets), kind.hold, shift)
