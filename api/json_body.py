"""JSON bodies read safely: their size, depth and count are bounded before anything is made of them.

orjson takes no NaN, no invalid UTF-8 and no nesting without end; of a member that comes twice it would take the last,
and a proxy or a log in between perhaps the first (RFC 8259, section 4): so such a body is refused.
"""

import re
from typing import Any

import orjson

from api.problem_types import BAD_REQUEST, NOT_JSON, TOO_LARGE
from api.problems import Problem

MAX_DEPTH = 16
MAX_CONTAINERS = 2_000  # objects and arrays: a batch of 500 has up to three an update
MAX_VALUES = 20_000
# It matches to the end where a string does not end: so no byte is looked at twice.
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


def read_json(body: bytes) -> Any:
    """What the body says; raises a Problem."""
    bare = _STRING.sub(b"", body)
    _check_shape(bare)
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Problem(NOT_JSON, str(error)) from error
    if _members(value) != bare.count(b":"):
        raise Problem(BAD_REQUEST, "a member comes twice in one object")
    return value


def _check_shape(bare: bytes) -> None:
    """Of a body without its strings."""
    containers = bare.count(b"{") + bare.count(b"[")
    if containers > MAX_CONTAINERS or bare.count(b",") > MAX_VALUES:
        raise Problem(TOO_LARGE, f"more than {MAX_CONTAINERS} objects and arrays, or {MAX_VALUES} values")
    if containers > MAX_DEPTH and _depth(bare.translate(None, _NOT_BRACKETS)) > MAX_DEPTH:
        raise Problem(BAD_REQUEST, f"nested deeper than {MAX_DEPTH}")


def _depth(brackets: bytes) -> int:
    depth = deepest = 0
    for each in brackets:
        depth += 1 if each in b"[{" else -1
        deepest = max(deepest, depth)
    return deepest


def _members(value: Any) -> int:
    """Of all objects in it."""
    if isinstance(value, dict):
        return len(value) + sum(map(_members, value.values()))
    return sum(map(_members, value)) if isinstance(value, list) else 0
