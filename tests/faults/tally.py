"""What the history tells by itself: faults, inputs, exits, memory, resumes. No judgement."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

SERVERS = frozenset(("kafka", "cassandra"))
NOTHING = "nothing, to compare"
"""A line among the faults that is none: how long partitions are silent when nobody breaks anything."""


@dataclass
class FaultTally:
    """One kind of fault, over a run."""

    count: int = 0
    exits: list[float] = field(default_factory=list)
    """Seconds from SIGTERM to exit of Lacak's processes while it lasted."""
    failed_exits: int = 0
    details: list[str] = field(default_factory=list)


@dataclass
class Memory:
    """Largest resident bytes of one kind of process: before the first fault, during faults, and ever."""

    before: int = 0
    during: int = 0
    ever: int = 0


@dataclass
class Tally:
    """One run."""

    faults: dict[str, FaultTally] = field(default_factory=lambda: defaultdict(FaultTally))
    lines: Counter[str] = field(default_factory=Counter)
    """`sent rest`, `acked`, `refused`, `gave_up`, `resumed`, `snapshot instead`, `connected`, …"""
    what: Counter[str] = field(default_factory=Counter)
    memory: dict[str, Memory] = field(default_factory=lambda: defaultdict(Memory))
    last_exits: dict[str, float] = field(default_factory=dict)
    """By kind of process: the longest SIGTERM to exit when all was ended."""
    seconds: float = 0.0
    """From the first input to the last."""


def tally(history: Iterable[Mapping[str, Any]]) -> Tally:
    """Counts a run's history, which is read once and may be in any order of files."""
    result = Tally()
    faults, exits, samples, sent = [], [], [], []
    cursors: dict[str, bool] = {}
    for line in history:
        kind = line["kind"]
        if kind == "fault":
            faults.append(line)
        elif kind == "process" and line["event"] == "terminated":
            exits.append(line)
        elif kind == "rss":
            samples.append((line["at"], line["name"].rpartition("-")[0], line["bytes"]))
        elif kind == "sent":
            sent.append(line["at"])
            result.lines[f"sent {line['door']}"] += 1
            result.what[line["what"]] += 1
        elif kind == "connected":
            cursors[line["client"]] = line.get("cursor") is not None
            result.lines["connected"] += 1
        elif kind == "frame" and line["frame"].get("type") == "hello":
            _hello(result, line, cursors)
        else:
            result.lines[kind] += 1
    result.seconds = (max(sent) - min(sent)) / 1000 if sent else 0.0
    _faults(result, faults, exits)
    _memory(result, faults, samples)
    return result


def _hello(result: Tally, line: Mapping[str, Any], cursors: Mapping[str, bool]) -> None:
    if cursors.get(line["client"]):
        result.lines["resumed" if line["frame"].get("resumed") else "snapshot instead"] += 1


def _faults(result: Tally, faults: list[Any], exits: list[Any]) -> None:
    for fault in faults:
        of_kind = result.faults[fault["name"]]
        of_kind.count += 1
        if fault.get("detail"):
            of_kind.details.append(str(fault["detail"]))
    for line in exits:
        family = line["name"].rpartition("-")[0]
        if family in SERVERS:
            continue
        during = [each for each in faults if each["at"] <= line["at"] <= each["until"] and _hits(each, family)]
        for fault in during:
            result.faults[fault["name"]].exits.append(line["seconds"])
            result.faults[fault["name"]].failed_exits += line["code"] not in (0, -15)  # uvicorn ends by the signal
        if not during:
            result.last_exits[family] = max(result.last_exits.get(family, 0.0), line["seconds"])


def _hits(fault: Mapping[str, Any], family: str) -> bool:
    return any(target.rpartition("-")[0] == family for target in fault["target"].split(","))


def _memory(result: Tally, faults: list[Any], samples: list[tuple[int, str, int]]) -> None:
    spans = [(fault["at"], fault["until"]) for fault in faults if fault.get("seed_step")]
    first = min((at for at, _ in spans), default=float("inf"))
    for at, kind, size in samples:
        memory = result.memory[kind]
        memory.ever = max(memory.ever, size)
        if at < first:
            memory.before = max(memory.before, size)
        elif any(begin <= at <= end for begin, end in spans):
            memory.during = max(memory.during, size)
