"""One run's outcome: the evidence read and judged, and one table of it."""

import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from checker import check
from evidence import Where, collect, save
from findings import Report, Stall
from tally import NOTHING, Tally, tally
from world import World

SHOWN = 20
FIGURES = ("longest silence", "until it is back", "in a pair", "longest wait")
"""By kind of fault; the second is the silence until the one process that was hit was started again."""
MIB = 1024 * 1024


@dataclass(frozen=True)
class Outcome:
    """What a run comes to. `crashes` are processes that ended by themselves; they are told, and no loss."""

    report: Report
    tally: Tally
    crashes: list[str]
    failures: list[str]
    kept_up: str
    """Whether the machine was fast enough for the load before anything was broken."""

    @property
    def good(self) -> bool:
        """Whether nothing was lost, and everything went as it must."""
        return not self.report.findings and not self.failures


def judge(world: World, crashes: list[str], failures: list[str], kept_up: str) -> Outcome:
    """Reads the evidence, keeps it, and has it checked. Kafka and Cassandra must be up, everything else at rest."""
    settings = world.settings
    where = Where(
        settings.kafka_bootstrap,
        settings.cassandra_hosts,
        settings.cassandra_port,
        settings.cassandra_keyspace,
        settings.topic_prefix,
        settings.partitions,
    )
    evidence = collect(where, world.run)
    save(evidence, world.run)
    report = check(evidence)
    return Outcome(report, tally(evidence.history), crashes, [*failures, *report.standstills], kept_up)


def show(outcome: Outcome, seed: int, folder: Path) -> None:
    """Prints the table, and puts it beside the history as report.txt, with all findings."""
    with (folder / "report.txt").open("w") as file:
        _write(Console(file=file, width=140), outcome, seed, folder, shown=len(outcome.report.findings))
    width = None if sys.stdout.isatty() else 140
    _write(Console(width=width, highlight=False), outcome, seed, folder, SHOWN)


def _write(console: Console, outcome: Outcome, seed: int, folder: Path, shown: int) -> None:
    console.print(_faults(outcome))
    totals = Table(show_header=False, title=f"seed {seed}", title_justify="left")
    for name, value in _totals(outcome):
        totals.add_row(name, value)
    console.print(totals)
    for finding in outcome.report.findings[:shown]:
        console.print(f"{finding.kind}: {finding.what} at {finding.where}: {finding.sentence}", markup=False)
    if (more := len(outcome.report.findings) - shown) > 0:
        console.print(f"… and {more} more: {folder / 'report.txt'}", markup=False)
    for failure in outcome.failures:
        console.print(f"failed: {failure}", markup=False)
    console.print(f"{'nothing was lost' if outcome.good else 'NOT GOOD'}; all of it is in {folder}", markup=False)


def _faults(outcome: Outcome) -> Table:
    table = Table(title="faults", title_justify="left")
    for name in ("kind", "count", *FIGURES, "SIGTERM to exit", "told"):
        table.add_column(name, justify="right" if name not in ("kind", "told") else "left")
    waits = longest(outcome.report, lambda stall: stall.longest_ms)
    silences = longest(outcome.report, lambda stall: stall.silence_ms if stall.alone else None)
    until_back = longest(outcome.report, lambda stall: stall.until_back_ms if stall.alone else None)
    paired = longest(outcome.report, lambda stall: None if stall.alone else stall.silence_ms)
    for name, fault in sorted(outcome.tally.faults.items()):
        exits = f"{max(fault.exits):.1f} s" if fault.exits else ""
        if fault.failed_exits:
            exits += f" ({fault.failed_exits} with an error)"
        seconds = [_seconds(each.get(name)) for each in (silences, until_back, paired, waits)]
        table.add_row(name, str(fault.count), *seconds, exits, _told(fault.details))
    return table


def longest(report: Report, figure: Callable[[Stall], int | None]) -> dict[str, int]:
    """By kind of fault, in ms, of those for which there is this figure."""
    found: dict[str, int] = defaultdict(int)
    for stall in report.stalls:
        if (ms := figure(stall)) is not None:
            found[stall.name] = max(found[stall.name], ms)
    return found


def _seconds(ms: int | None) -> str:
    return "" if ms is None else f"{ms / 1000:.1f} s"


def _told(details: list[str]) -> str:
    return "; ".join(dict.fromkeys(details))


def _totals(outcome: Outcome) -> Iterator[tuple[str, str]]:
    counted, lines = outcome.tally, outcome.tally.lines
    offered = lines["sent kafka"] + lines["sent rest"]
    faults = [fault.count for name, fault in counted.faults.items() if name != NOTHING]
    yield "faults", f"{sum(faults)} of {len(faults)} kinds"
    rate = offered / counted.seconds if counted.seconds else 0
    yield "inputs offered", f"{offered:,} ({lines['sent rest']:,} by REST), {rate:.0f}/s for {counted.seconds:.0f} s"
    yield "acknowledged", f"{lines['acked']:,}; refused {lines['refused']:,}, given up {lines['gave_up']:,}"
    yield "kept up with before the first fault", outcome.kept_up
    for name, value in outcome.report.figures.items():
        yield name, f"{value:,}"
    yield (
        "live clients",
        f"{lines['connected']:,} connections; resumed {lines['resumed']:,} gap-free, "
        + (f"{lines['snapshot instead']:,} by a snapshot"),
    )
    for name, count in outcome.report.columns().items():
        yield name.upper(), f"{count:,}"
    for kind, seconds in sorted(counted.last_exits.items()):
        yield f"SIGTERM to exit, {kind}", f"{seconds:.1f} s"
    for kind, memory in counted.memory.items():
        yield (
            f"memory, {kind}",
            (
                f"{memory.before / MIB:.0f} MiB before the first fault, {memory.during / MIB:.0f} at most in one, "
                f"{memory.ever / MIB:.0f} at most"
            ),
        )
    yield "ended by themselves", "; ".join(outcome.crashes) or "none"
