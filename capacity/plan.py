"""The plan: what the rules come to for some inputs, figures and prices. Nothing is read or written here."""

from collections.abc import Mapping
from dataclasses import dataclass

from capacity import formula
from capacity.inputs import Inputs
from capacity.rules import RULES
from capacity.rules.rule import Rule

REPLICAS = {"track": "track_workers", "notify": "notify_workers", "api": "apis", "gateway": "gateways"}
"""The processes of `lacak serve`, and the number of the plan that says how many there are."""


class Impossible(Exception):
    """There is no plan for these inputs; its text says why, in one line."""


@dataclass(frozen=True, slots=True)
class Step:
    """One number, and how it came about."""

    rule: Rule
    value: float
    used: Mapping[str, float]

    @property
    def arithmetic(self) -> str:
        """The rule's formula with the numbers that it had."""
        return formula.spelled(self.rule.formula, self.used)


@dataclass(frozen=True, slots=True)
class Plan:
    """All of them, by their names, in the order in which they follow from each other."""

    inputs: Inputs
    steps: Mapping[str, Step]

    def __getitem__(self, name: str) -> float:
        return self.steps[name].value

    @property
    def replicas(self) -> dict[str, int]:
        """How many of each process: what a deployment has."""
        return {process: int(self[name]) for process, name in REPLICAS.items()}


def plan(inputs: Inputs, figures: Mapping[str, float], prices: Mapping[str, float]) -> Plan:
    """The plan. Raises `Impossible`."""
    known = {**figures, **prices, **inputs.model_dump()}
    steps: dict[str, Step] = {}
    for rule in (rule for rules in RULES.values() for rule in rules):
        value = formula.value(rule.formula, known)
        steps[rule.name] = Step(rule, value, {name: known[name] for name in formula.names(rule.formula)})
        known[rule.name] = value
        if rule.needs and formula.value(rule.needs[0], known) <= 0:
            raise Impossible(rule.needs[1])
    return Plan(inputs, steps)
