"""The life of one order of the load: what couriers and shops will say of it, and what they get wrong."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from random import Random

from streams.messages import Message
from streams.order import TERMINAL, TRANSITIONS, WAY

COURIERS = ("jne", "jnt", "sicepat", "anteraja", "ninja", "pos")
PLACED = "placed"
ROUTES = {"kafka": "rest", "rest": "kafka"}
"""The doors, and the other one of each."""
MOST_STEPS = 14
_WEIGHTS = {"delivered": 0.5, "exception": 0.4, "attempt_failed": 0.7, "returning": 0.3, "returned": 1.5}
_WEIGHTS |= {"cancelled": 0.1, "lost": 0.1, "in_transit": 3.0}
_NEXT_ON_THE_WAY = 8.0
_SUCCESSORS = {status: sorted(successors) for status, successors in TRANSITIONS.items()}


@dataclass(slots=True)
class Life:
    """One order. `moves` is what comes next, last first; `status` is what its courier believes."""

    id_order: int
    id_user: int
    id_produk: int
    courier: str
    door: str
    mixed: bool
    """Whether its inputs come through both doors."""
    moves: list[str]
    status: str = PLACED
    version: int = 1
    """What its courier believes too."""
    order: Message | None = None
    """The OrderPlaced that was sent."""
    told: list[Message] = field(default_factory=list)
    """The updates that were sent."""
    correction: Message | None = None
    """The last one that an operator sent."""


def plan(random: Random) -> list[str]:
    """The moves of a life, the first at the end: `order`, `step` and what goes wrong between them."""
    kind = random.random()
    if kind < 0.004:
        return ["stray"] * random.randint(1, 2)
    moves = ["order", *("step" for _ in range(MOST_STEPS))]
    if kind < 0.03:
        moves = ["early"] * random.randint(1, 2) + moves
    elif kind < 0.045:
        moves.insert(random.randint(1, 4), "order again")
    elif kind < 0.06:
        moves.insert(random.randint(1, 4), "order conflict")
    for what, chance in (("duplicate", 0.14), ("late", 0.1), ("illegal", 0.1), ("garbage", 0.14)):
        if random.random() < chance:
            first = moves.index("step")
            moves.insert(random.randint(first + 1, first + 5), what)
    return moves[::-1]


def corrected(random: Random) -> list[str]:
    """What comes of an end that was none, the first at the end: an operator, perhaps twice, perhaps another one who is
    late; and the courier goes on."""
    after = random.choice(([], [], ["duplicate correction"], ["correct too late"]))
    return ["step"] * random.randint(1, MOST_STEPS) + after + ["correct"]


def next_status(random: Random, status: str) -> str:
    """A legal step from there, the likely one as a rule. IndexError at the end of a life."""
    return random.choices(_SUCCESSORS[status], cum_weights=_CUMULATED[status])[0]


def _weight(status: str, successor: str) -> float:
    if status in WAY[:-1] and successor == WAY[WAY.index(status) + 1]:
        return _NEXT_ON_THE_WAY
    if successor == "delivered":
        return _NEXT_ON_THE_WAY if status in ("out_for_delivery", "ready_for_pickup") else 0.05
    return _WEIGHTS.get(successor, 0.5)


_CUMULATED = {
    status: [*accumulate(_weight(status, each) for each in successors)] for status, successors in _SUCCESSORS.items()
}


def no_progress(random: Random, status: str) -> str | None:
    """A legal step that is late when its time is past: neither an end nor further on the way. None where is none."""
    here = WAY.index(status) if status in WAY else None
    ahead: Sequence[str] = () if here is None else WAY[here + 1 :]
    choices = sorted(TRANSITIONS[status] - TERMINAL - set(ahead))
    return random.choice(choices) if choices else None


def other_status(random: Random, status: str) -> str:
    """Any but this one, more often one from which a courier can go on."""
    return random.choice(sorted({*TRANSITIONS, *WAY} - {status}) + [each for each in WAY if each != status])


def illegal_status(random: Random, status: str) -> str:
    """A status that cannot follow."""
    return random.choice(sorted(set(TRANSITIONS) - TRANSITIONS[status]))
