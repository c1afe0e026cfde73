"""`lacak capacity`: how many of everything a load needs, and what it costs a month (capacity/)."""

import inspect
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from capacity.inputs import Inputs
from capacity.rules.rule import A_MONTH
from cli.edge import Failed

if TYPE_CHECKING:
    from capacity.plan import Plan, Step
    from capacity.prices import Prices

WIDE = 200  # columns, where there is no terminal that has its own
Explain = Annotated[bool, typer.Option("--explain", help="Show the arithmetic, and where each figure was measured.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object, for programs.")]
PriceFile = Annotated[Path | None, typer.Option(help="A price list of your own: copy capacity/prices.toml.")]


def capacity(explain: Explain = False, json: Json = False, prices: PriceFile = None, **asked: Any) -> None:
    """How many partitions, processes, brokers and nodes a load needs, and what they cost a month.

    From measured figures. The peak is carried with one zone of several lost.
    """
    from capacity.prices import FILE

    listed = _prices(prices or FILE)
    made = _plan(asked, listed)
    if json:
        _print_json(made, listed)
    elif explain:
        _print_arithmetic(made, listed)
    else:
        _print_table(made, listed)


def _option(name: str) -> inspect.Parameter:
    field = Inputs.model_fields[name]
    words = field.description or ""
    option = typer.Option(field.default, help=f"{words[:1].upper()}{words[1:]}.")
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=option, annotation=field.annotation)


# An option for each input: it is declared there, with what it says here.
_OWN = [each for each in inspect.signature(capacity).parameters.values() if each.name != "asked"]
capacity.__signature__ = inspect.Signature([*_OWN, *map(_option, Inputs.model_fields)])  # type: ignore[attr-defined]


def _plan(asked: dict[str, Any], prices: "Prices") -> "Plan":
    from pydantic import ValidationError

    from capacity.plan import Impossible, plan

    try:
        return plan(Inputs(**asked), _measured(), prices.by_name)
    except ValidationError as error:
        raise Failed("; ".join(_words(each) for each in error.errors()), 2) from error
    except Impossible as error:
        raise Failed(str(error), 2) from error


def _measured() -> dict[str, float]:
    from capacity import figures

    return {name: figure.value for name, figure in figures.read().items()}


def _words(error: Any) -> str:
    option = "".join(f"--{str(part).replace('_', '-')}: " for part in error["loc"][:1])
    return option + str(error["msg"]).removeprefix("Value error, ")


def _prices(file: Path) -> "Prices":
    from capacity.prices import BadPrices, read

    try:
        return read(file)
    except BadPrices as error:
        raise Failed(str(error), 2) from error


def _sections(made: "Plan") -> "Iterator[tuple[str, list[Step]]]":
    from capacity.rules import RULES

    for title, rules in RULES.items():
        yield title, [made.steps[rule.name] for rule in rules]


def _amount(step: "Step", prices: "Prices") -> str:
    from capacity.formula import number

    money = step.rule.unit == A_MONTH
    unit = f"{prices.currency} {A_MONTH}" if money else step.rule.unit
    return f"{number(round(step.value) if money else step.value)}{unit if unit.startswith('/') else f' {unit}'}".strip()


def _print_table(made: "Plan", prices: "Prices") -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, show_header=False, pad_edge=False)
    for title, steps in _sections(made):
        table.add_row(f"[bold]{title}")
        for step in steps:
            table.add_row(f"  {step.rule.name}", _amount(step, prices), f"[dim]{step.rule.why}")
    console = Console(width=None if sys.stdout.isatty() else WIDE)
    with console.capture() as lines:
        console.print(table)
    print("\n".join(line.rstrip() for line in lines.get().splitlines()))


def _print_arithmetic(made: "Plan", prices: "Prices") -> None:
    from capacity import figures

    for title, steps in _sections(made):
        print(f"# {title}\n")
        for step in steps:
            print(f"{step.rule.name} = {_amount(step, prices)}: {step.rule.why}")
            print(f"  = {step.rule.formula}\n  = {step.arithmetic}\n")
    print("# Measured\n")
    for name, figure in figures.read().items():
        seen = f"{figure.low:g} to {figure.high:g}"
        print(f"{name} = {figure.value:g} {figure.unit} ({seen}): {figure.what}")
        print(f"  `{figure.command}`, {figure.date}, {figure.machine}\n")


def _print_json(made: "Plan", prices: "Prices") -> None:
    import orjson

    from capacity.size import size

    whole = {
        "inputs": made.inputs.model_dump(),
        "replicas": made.replicas,
        "size": size(made.inputs, _measured(), prices.by_name),
        "currency": prices.currency,
        "plan": {name: {"value": step.value, "unit": step.rule.unit} for name, step in made.steps.items()},
    }
    print(orjson.dumps(whole, option=orjson.OPT_INDENT_2).decode())
