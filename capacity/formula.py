"""Formulas as text: what `--explain` shows is what was computed. Arithmetic, and the few functions below; no more."""

import ast
import math
import operator
from collections.abc import Callable, Mapping
from functools import cache

_FUNCTIONS: dict[str, Callable[..., float]] = {"ceil": math.ceil, "floor": math.floor, "max": max, "min": min}
_OPERATORS: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}


def value(formula: str, known: Mapping[str, float]) -> float:
    """What it comes to. Raises KeyError for a name that is not known, ValueError for what is no such formula, and
    ZeroDivisionError."""
    return _value(_parsed(formula), known)


@cache
def names(formula: str) -> frozenset[str]:
    """The names in it that are not functions."""
    nodes = ast.walk(_parsed(formula))
    return frozenset(node.id for node in nodes if isinstance(node, ast.Name)) - _FUNCTIONS.keys()


def spelled(formula: str, known: Mapping[str, float]) -> str:
    """The formula with numbers in the place of its names."""
    text = ast.unparse(_Numbers(known).visit(ast.parse(formula, mode="eval")))
    return text.replace(" * ", " × ").replace(" / ", " ÷ ").replace(" - ", " − ")


def number(value: float) -> str:
    """For people: four digits, or all of a whole number."""
    places = 0 if value == round(value) else max(0, 3 - math.floor(math.log10(abs(value))))
    return f"{value:,.{places}f}"


@cache
def _parsed(formula: str) -> ast.expr:
    return ast.parse(formula, mode="eval").body


def _value(node: ast.expr, known: Mapping[str, float]) -> float:
    match node:
        case ast.Constant(value=int() | float() as number):
            return number
        case ast.Name(id=name):
            return known[name]
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
            return _OPERATORS[type(op)](_value(left, known), _value(right, known))
        case ast.Call(func=ast.Name(id=name), args=args, keywords=[]) if name in _FUNCTIONS:
            return _FUNCTIONS[name](*(_value(arg, known) for arg in args))
    raise ValueError(f"no such arithmetic: {ast.unparse(node)}")


class _Numbers(ast.NodeTransformer):
    def __init__(self, known: Mapping[str, float]) -> None:
        self._known = known

    def visit_Name(self, node: ast.Name) -> ast.Name:
        known = self._known.get(node.id)
        return node if known is None else ast.Name(id=number(known))

    def visit_Constant(self, node: ast.Constant) -> ast.expr:
        return ast.Name(id=number(node.value)) if isinstance(node.value, int | float) else node
