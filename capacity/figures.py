"""The measured figures as data: each with the command that printed it, when, and on what machine."""

import datetime
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

FILE = Path(__file__).parent / "measured.toml"
_HEAD = """\
# What one event, one connection or one order costs: measured, never guessed. `lacak capacity` computes with `value`,
# the median; `low` and `high` are what else was seen. `python bench/figures.py --record` writes its own anew; those of
# bench/push/run.py are copied from what it prints.
"""


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured figure."""

    value: float
    low: float
    high: float
    unit: str
    what: str
    command: str
    date: datetime.date
    machine: str

    def measured(self, values: Sequence[float], command: str, date: datetime.date, machine: str) -> "Figure":
        """The same figure, measured anew."""
        low, value, high = (_rounded(each) for each in (min(values), median(values), max(values)))
        return replace(self, value=value, low=low, high=high, command=command, date=date, machine=machine)


def read(file: Path = FILE) -> dict[str, Figure]:
    """The figures of a file, by name. Raises OSError, and ValueError or TypeError for a file that is none of ours."""
    return {name: Figure(**fields) for name, fields in tomllib.loads(file.read_text()).items()}


def write(figures: Mapping[str, Figure]) -> str:
    """The text of their file."""
    return _HEAD + "".join(f"\n[{name}]\n{_fields(figure)}" for name, figure in figures.items())


def _fields(figure: Figure) -> str:
    fields = {name: getattr(figure, name) for name in Figure.__slots__}
    return "".join(f"{name} = {_toml(value)}\n" for name, value in fields.items())


def _toml(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value)


def _rounded(value: float) -> float:
    """To three digits: there is no more in any of them."""
    return float(f"{value:.3g}")
