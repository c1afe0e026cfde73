"""`lacak rebuild`: a table of Cassandra made anew from what it follows from."""

import sys
from collections import Counter
from typing import TYPE_CHECKING, Annotated

import typer

from cli.edge import Failed, now_ms, run, settings
from tables.verdicts import FIRST, LAST, LEFT, Found, Table

if TYPE_CHECKING:
    from streams.settings import Settings
    from tables.rebuild import Rebuild
    from tables.verdicts import Page

TOLD_EVERY_MS = 5000


def rebuild(
    table: Annotated[Table, typer.Argument(help="orders: from the history. The other two: from orders.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what differs.")] = False,
    after: Annotated[int, typer.Option("--from", help="Go on after this token, as the last run told.")] = FIRST,
    to: Annotated[int, typer.Option(help="End at this token: for several runs side by side.")] = LAST,
    at_once: Annotated[int, typer.Option(min=1, max=1000, help="So many orders at a time.")] = 32,
) -> None:
    """Make a table anew from what it follows from, while everything runs.

    A line for each order that differs: what it said, and what it says now. Done again, it changes nothing. Stopped,
    it tells where to go on. It has to be given the workers' LACAK_RETENTION_DAYS.
    """
    using = settings()
    run(_rebuild(using, table, dry_run, after, to, at_once), using)


async def _rebuild(using: "Settings", table: Table, dry: bool, after: int, to: int, at_once: int) -> None:
    from tables.rebuild import Rebuild

    work = await Rebuild.connect(using, table, dry, now_ms)
    try:
        counts = await _done(work, after, to, at_once)
    finally:
        await work.close()
    differ = counts[Found.DIFFERS]
    print(f"{counts.total()} orders: {differ} {'would be written' if dry else 'written'}, {counts[Found.SAME]} right")
    if left := sum(counts[found] for found in LEFT):
        raise Failed(f"{left} are left as they are; docs/operations/rebuild.md tells what helps")


async def _done(work: "Rebuild", after: int, to: int, at_once: int) -> Counter[Found]:
    """All of it, with what was found told as it goes on."""
    counts, told, whole = Counter[Found](), now_ms(), False
    try:
        async for page in work.pages(after, to, at_once):
            after = page.token
            _tell(page, counts)
            if now_ms() - told > TOLD_EVERY_MS:
                told = now_ms()
                part = (after - FIRST) / (LAST - FIRST)
                _say(f"{part:.1%} of the ring, {counts.total()} orders, {counts[Found.DIFFERS]} differ; --from {after}")
        whole = True
    finally:
        if not whole:
            _say(f"to go on: --from {after}")
    return counts


def _tell(page: "Page", counts: Counter[Found]) -> None:
    for each in page.orders:
        counts[each.found] += 1
        if each.found is not Found.SAME:
            print(each.id_order, each.found, each.was, each.now, sep="\t", flush=True)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
