"""What the checker says: findings, each of a kind, and in which column of the table a kind is counted."""

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple


class Kind(StrEnum):
    """What is wrong."""

    LOST = "lost"  # acknowledged, and not there; or an effect that must be is not
    PHANTOM = "phantom"  # there, and nothing explains it
    WRONG_STATE = "wrong state"  # a cell, a field or a header is not what it must be
    VERSION_GAP = "version gap"  # in order-status-changed: k + 1 before k, or without it
    REPEAT_DIFFERS = "repeat differs"  # published again, and not the same bytes
    DEAD_LETTER = "dead letter"  # missing or altered
    NOTIFICATION = "notification"  # missing, altered, or of what is no news
    CLIENT_GAP = "client gap"  # a live client missed a change, and was not told
    CLIENT_ORDER = "client order"  # a live client was taken back
    CLIENT_WRONG = "client wrong"  # a live client was shown what never was


COLUMNS: dict[str, frozenset[Kind]] = {
    "lost": frozenset({Kind.LOST, Kind.DEAD_LETTER, Kind.NOTIFICATION}),
    "phantom": frozenset({Kind.PHANTOM}),
    "wrong": frozenset({Kind.WRONG_STATE, Kind.REPEAT_DIFFERS, Kind.CLIENT_WRONG}),
    "gaps": frozenset({Kind.VERSION_GAP, Kind.CLIENT_GAP, Kind.CLIENT_ORDER}),
}


class Finding(NamedTuple):
    """One thing that must not be. `what`: input, row, event, …; `where` to look it up; `sentence` for a person."""

    kind: Kind
    what: str
    where: str
    sentence: str


class Stall(NamedTuple):
    """How long updates stood still around one fault, in ms.

    `longest_ms` is what a customer waited: from an input's acknowledgement to its event's append, with all the backlog
    before it. `silence_ms` is how long a partition had no event at all: the hand-over, whatever waits.
    """

    name: str
    target: str
    at: int
    inputs: int  # acknowledged in that time, with an event of their own
    longest_ms: int | None  # None: there was no such input
    silence_ms: int | None  # None: no partition had an event afterwards
    until_back_ms: int | None  # the same, until its one target was started again; None: it was not
    alone: bool  # no other fault in its time


@dataclass(slots=True)
class Report:
    """What a run's evidence comes to; nothing was lost when there are no findings."""

    findings: list[Finding] = field(default_factory=list)
    figures: Counter[str] = field(default_factory=Counter)
    stalls: list[Stall] = field(default_factory=list)
    standstills: list[str] = field(default_factory=list)

    def add(self, kind: Kind, what: str, where: str, sentence: str) -> None:
        self.findings.append(Finding(kind, what, where, sentence))

    def columns(self) -> dict[str, int]:
        """The table's columns of loss."""
        return {name: sum(each.kind in kinds for each in self.findings) for name, kinds in COLUMNS.items()}
