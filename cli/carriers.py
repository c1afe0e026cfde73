"""`lacak carriers check | list`: the mappings of couriers' own codes."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.edge import Failed, settings

if TYPE_CHECKING:
    from streams.carrier_codes import Carriers, Vocabulary

app = typer.Typer(help="Couriers' own codes, and the statuses they mean.", no_args_is_help=True)


@app.command(no_args_is_help=True)
def check(files: Annotated[list[Path], typer.Argument(help="TOML files of mappings.")]) -> None:
    """Say what is wrong with mappings of your own, or what is in them."""
    from streams.carrier_files import BadMapping, read

    bad = 0
    for file in files:
        try:
            print(f"{file}: {summary(read(file))}")
        except BadMapping as error:
            bad += 1
            for problem in error.problems:
                print(f"{file}: {problem}")
    if bad:
        raise Failed(f"{bad} of {len(files)} {'is no mapping' if bad == 1 else 'are no mappings'}")


@app.command("list")
def list_(
    carrier: Annotated[str | None, typer.Argument(help="A vocabulary: its codes, and where they were read.")] = None,
) -> None:
    """Show which mappings there are, or one of them: code, subcode and status, separated by tabs."""
    carriers = known(settings().carriers_dir)
    if carrier is None:
        for name, each in carriers.by_name.items():
            print(f"{name}\t{summary(each)}")
        return
    vocabulary = carriers.by_name.get(carrier.lower())
    if vocabulary is None:
        raise Failed(f"no mapping {carrier!r}; there are {', '.join(carriers.by_name)}", 2)
    for source in vocabulary.sources:
        print(f"# {source.title}, {source.address}: {source.read}")
    for (code, subcode), status in vocabulary.entries.items():
        print(f"{code}\t{subcode}\t{status}")


def known(own: str) -> "Carriers":
    """The shipped mappings and those of the folder `own`; `Failed` when one is bad."""
    from streams.carrier_files import BadMapping, load

    try:
        return load(own)
    except BadMapping as error:
        raise Failed(str(error), 2) from error


def summary(vocabulary: "Vocabulary") -> str:
    """A mapping in one line."""
    statuses = set(vocabulary.entries.values())
    return f"{vocabulary.title}; {len(vocabulary.entries)} codes, {len(statuses)} statuses"
