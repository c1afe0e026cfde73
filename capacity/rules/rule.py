"""What a rule is."""

from typing import NamedTuple

A_MONTH = "a month"
"""The unit of what costs money: the price list says in which currency."""


class Rule(NamedTuple):
    """One number. `needs`: a condition without which there is no plan, and what to say then."""

    name: str
    unit: str
    formula: str
    why: str
    needs: tuple[str, str] | None = None
    """A formula that must be above 0, and what is wrong otherwise."""


def spread(process: str) -> str:
    """Processes of one core each: as many in each zone as carry the peak, and go on carrying it when a zone is lost."""
    usual, loss = (
        f"{process}_cores / ({utilisation} - {process}_idle_cores)"
        for utilisation in ("utilisation", "utilisation_in_loss")
    )
    return f"zones * max(ceil({usual} / zones), ceil({loss} / zones_left))"
