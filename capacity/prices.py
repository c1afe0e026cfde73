"""Machines and their prices, from a file that users replace by their own."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

FILE = Path(__file__).parent / "prices.toml"


class Prices(NamedTuple):
    """A price list."""

    currency: str
    by_name: Mapping[str, float]


class BadPrices(Exception):
    """A file that is no price list; its text says why, in one line."""


def read(file: Path = FILE) -> Prices:
    """The price list in a file. Raises BadPrices, also when it has other names than the one that comes with this."""
    found = _read(file)
    if file != FILE:
        wanted = _read(FILE).keys()
        if missing := sorted(wanted - found.keys()):
            raise BadPrices(f"{file} has no {', '.join(missing)}")
        if unknown := sorted(found.keys() - wanted):
            raise BadPrices(f"{file}: nobody knows {', '.join(unknown)}")
    currency = found.pop("currency")
    if wrong := sorted(name for name, value in found.items() if not _is_price(value)):
        raise BadPrices(f"{file}: not above 0: {', '.join(wrong)}")
    return Prices(str(currency), found)


def _read(file: Path) -> dict[str, float]:
    try:
        return tomllib.loads(file.read_text())
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadPrices(f"{file}: {error}") from error


def _is_price(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value > 0
