"""JSON bodies: what is read, and what is refused before it costs anything."""

import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.json_body import MAX_CONTAINERS, MAX_DEPTH, MAX_VALUES, read_json
from api.problems import Problem

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def refusal(body: bytes) -> str:
    with pytest.raises(Problem) as refused:
        read_json(body)
    return refused.value.type.name


@given(VALUES, st.booleans(), st.sampled_from([None, 2]))
def test_what_is_json_is_read(value: Any, ascii_only: bool, indent: int | None) -> None:
    try:
        text = json.dumps(value, ensure_ascii=ascii_only, indent=indent).encode()
    except UnicodeEncodeError:
        return  # half a character
    try:
        expected = orjson.loads(text)
    except orjson.JSONDecodeError:
        assert refusal(text) == "not-json"
    else:
        assert read_json(text) == expected


@given(st.binary(max_size=60) | st.text(alphabet='"\\[]{}:,a1 ').map(str.encode))
def test_nothing_but_problems_comes_of_what_is_none(body: bytes) -> None:
    try:
        read_json(body)
    except Problem as problem:
        assert problem.status_code in (400, 413)


def test_a_member_that_comes_twice_is_refused_wherever_it_is() -> None:
    assert refusal(b'{"a": 1, "a": 1}') == "bad-request"
    assert refusal(b'{"updates": [{"status": "lost"}, {"status": "lost", "status": "delivered"}]}') == "bad-request"
    assert refusal(rb'{"a": 1, "\u0061": 2}') == "bad-request"
    assert read_json(b'{"a": ":", "b": {"a": ":\\":"}}') == {"a": ":", "b": {"a": ':":'}}


def test_depth_is_bounded() -> None:
    assert read_json(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH)
    assert refusal(b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1)) == "bad-request"
    assert refusal(b'{"a":' * (MAX_DEPTH + 1) + b"1" + b"}" * (MAX_DEPTH + 1)) == "bad-request"
    assert refusal(b"[" * 1000) == "bad-request"
    assert read_json(b'["' + b"[" * 1000 + b'"]')


def test_counts_are_bounded() -> None:
    assert len(read_json(b"[" + b",".join([b"{}"] * (MAX_CONTAINERS - 1)) + b"]")) == MAX_CONTAINERS - 1
    assert refusal(b"[" + b",".join([b"{}"] * MAX_CONTAINERS) + b"]") == "too-large"
    assert refusal(b"[" + b",".join([b"1"] * (MAX_VALUES + 2)) + b"]") == "too-large"
    assert read_json(b'["' + b"{,[" * 300_000 + b'"]')


@pytest.mark.parametrize("body", [rb'"\"' + rb"\"" * 500_000, b'"' * 1_000_001, b'"' + b"\\" * 1_000_001])
def test_a_string_that_does_not_end_is_looked_at_once(body: bytes) -> None:
    """Quadratic, it would take minutes."""
    assert refusal(body) == "not-json"
