"""What the commands show on a terminal: a progress bar, and the summary. On a pipe there is no bar."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from cli.edge import Failed
from cli.publish import Tally

errors = Console(stderr=True)


@contextmanager
def progress(what: str, total: int | None, tally: Tally) -> Iterator[Callable[[int], None]]:
    """A bar on stderr while the block runs; call what it gives with how many are done."""
    columns = (
        SpinnerColumn(),
        TextColumn("[bold]{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("[dim]{task.fields[tally]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=errors, disable=not errors.is_terminal) as bar:
        task = bar.add_task(what, total=total, tally="")
        yield lambda done: bar.update(task, advance=done, tally=brief(tally))
        bar.update(task, tally=brief(tally))


def brief(tally: Tally) -> str:
    """A tally in a few words."""
    return f"{tally.updates} updates, {tally.accepted} accepted"


def report(tally: Tally) -> None:
    """Prints the summary, and the first few items that were not accepted. `Failed` when there are any."""
    for line in tally.problems:
        print(f"  {line}")
    hidden = tally.sent - tally.accepted - len(tally.problems)
    if hidden > 0:
        print(f"  … and {hidden} more")
    refused, unanswered = tally.refused, tally.unanswered
    print(f"sent {tally.sent} ({tally.orders} orders, {tally.updates} updates): ", end="")
    print(f"{tally.accepted} accepted, {refused} refused, {unanswered} without an answer")
    if tally.sent > tally.accepted:
        raise Failed(f"{tally.sent - tally.accepted} of {tally.sent} were not accepted")
