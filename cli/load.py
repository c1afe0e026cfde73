"""`lacak load`: orders and status events from files, through Kafka or the API."""

from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.carriers import known
from cli.edge import Failed, now_ms, run, settings
from cli.via import Via, sink_for

if TYPE_CHECKING:
    from cli.lines import Bad
    from cli.publish import Item, Sink
    from streams.carrier_codes import Carriers

JSON_LINES = frozenset({".jsonl", ".ndjson", ".json"})
TOLD = 20  # bad lines; the others are counted


def load(
    files: Annotated[list[Path], typer.Argument(exists=True, help="CSV, JSON lines, the Olist files, or a folder.")],
    via: Annotated[Via, typer.Option(help="Straight into the topics, or the API.")] = Via.kafka,
    url: Annotated[str | None, typer.Option(help="With --via rest: the API; default from the settings.")] = None,
) -> None:
    """Send orders and status events from files.

    A line with a `status` or a `carrier_code.code` is an update, any other an order; the columns are the messages'
    fields. Bad lines are told and left out; then the exit code is 1. Loading a file again changes nothing: the pipeline
    finds duplicates.
    """
    from cli.lines import NotRead
    from cli.show import report

    using = settings()
    try:
        items, length = _items(_paths(files), now_ms(), known(using.carriers_dir))
    except (NotRead, OSError) as error:
        raise Failed(str(error), 2) from error
    sink = sink_for(using, via, "load", url)
    bad = run(_send(items, sink, length), using)
    if bad > TOLD:
        print(f"  … and {bad - TOLD} more bad lines")
    if bad:
        print(f"left out {bad} bad lines")
    report(sink.tally)
    if bad:
        raise Failed(f"{bad} bad lines were left out")


async def _send(items: "Iterator[Item | Bad]", sink: "Sink", total: int) -> int:
    """Sends all of `total` lines; how many of them were bad."""
    from cli.lines import Bad
    from cli.show import errors, progress

    bad, source = 0, ""
    async with sink:
        with progress("Loading", total, sink.tally) as done:
            for item in items:
                done(int(item.source != source))
                source = item.source
                if not isinstance(item, Bad):
                    await sink.send(item)
                    continue
                bad += 1
                if bad <= TOLD:
                    errors.print(f"{item.source}: {item.why}", markup=False, highlight=False)
    return bad


def _paths(files: list[Path]) -> list[Path]:
    paths = [path for file in files for path in (sorted(file.iterdir()) if file.is_dir() else [file])]
    chosen = [path for path in paths if path in files or path.suffix == ".csv" or path.suffix in JSON_LINES]
    if not chosen:
        raise Failed(f"no .csv or .jsonl file in {', '.join(map(str, files))}", 2)
    return chosen


def _items(paths: list[Path], now: int, carriers: "Carriers") -> "tuple[Iterator[Item | Bad], int]":
    """What the files say, the Olist files last since they belong together; and about how many lines these are."""
    from cli import lines, olist

    together = olist.Files()
    own = [path for path in paths if path.suffix in JSON_LINES or not together.add(path)]
    # A file of the data set that is not needed is no mistake.
    own = [path for path in own if not path.name.startswith("olist_")]
    readers = [(lines.read_json if path.suffix in JSON_LINES else lines.read_csv)(path, now, carriers) for path in own]
    if together != olist.Files():
        readers.append(olist.read(together))
    return chain.from_iterable(readers), sum(_length(path) for path in [*own, *together.orders])


def _length(path: Path) -> int:
    with path.open("rb") as file:
        return sum(1 for _ in file) - (path.suffix == ".csv")
