"""Bodies: what REST takes, the worker does not reject for what it is in itself; and small pieces of the API."""

import re
from pathlib import Path
from typing import Any

import orjson
import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.models import IdOrder, NewOrder, Strict, Time, decimal_pattern
from api.problem_types import ALL, URN
from api.problems import field_name
from api.update_models import BatchedStatus, NewStatus
from streams import carrier_files
from streams.carrier_codes import UnknownCode, UnknownVocabulary
from streams.codec import Codec
from streams.messages import Invalid, check_order, check_update, parse_time
from streams.order import STATUSES
from streams.trace import valid

DOCS = Path(__file__).parents[2] / "docs"
NOW = 1_760_000_000_000
CARRIERS = carrier_files.load()
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**65), 2**65),
    st.floats(),
    st.text(max_size=5),
    st.sampled_from(["1", "42", "2026-01-01T00:00:00Z", "1999-01-01T00:00:00Z", "IDR", "delivered", "placed"]),
    st.text(min_size=190, max_size=210),
)


def bodies(model: type[Strict], **valid: Any) -> st.SearchStrategy[dict[str, Any]]:
    """Valid bodies with some fields made anything."""
    return st.dictionaries(st.sampled_from(sorted(model.model_fields)), SCALARS).map(lambda some: {**valid, **some})


@given(bodies(NewOrder, id_user=42, id_produk=7, harga=100, jumlah=1))
def test_an_order_that_is_taken_is_one_that_kafka_and_the_worker_take(body: dict[str, Any]) -> None:
    try:
        message = NewOrder.model_validate(body).message(1, NOW)
    except (pydantic.ValidationError, Invalid):
        return
    check_order(message)
    assert Codec("OrderPlaced").decode(Codec("OrderPlaced").encode(message)) == message


@given(bodies(NewStatus, status="delivered"))
def test_an_update_that_is_taken_is_one_that_kafka_and_the_worker_take(body: dict[str, Any]) -> None:
    try:
        message = NewStatus.model_validate(body).message(1, "e", "jne", NOW, CARRIERS)
    except (pydantic.ValidationError, Invalid, UnknownVocabulary, UnknownCode):
        return
    check_update(message)
    no_correction = {"corrects": None, "operator": None}
    assert Codec("CourierStatusUpdate").decode(Codec("CourierStatusUpdate").encode(message)) == message | no_correction


class Id(Strict):
    value: IdOrder


@pytest.mark.parametrize("value", [42, 42.0, "42"])
def test_an_id_is_a_number_or_its_plain_decimal(value: object) -> None:
    assert Id.model_validate({"value": value}).value == 42


@given(st.integers(1, 2**63 - 1))
def test_an_id_keeps_its_last_digit(number: int) -> None:
    for body in (b'{"value": "%d"}' % number, b'{"value": %d}' % number):
        assert Id.model_validate(orjson.loads(body)).value == number


class At(Strict):
    value: Time


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2026-01-02T10:00:00+07:00", "2026-01-02T03:00:00Z"),
        ("2026-01-01T20:00:00.123456-07:00", "2026-01-02T03:00:00.123Z"),
        ("2000-01-01T00:00:00.000Z", "2000-01-01T00:00:00Z"),
        ("2026-01-02 03:00:00z", "2026-01-02T03:00:00Z"),
        ("2026-01-02t03:00:00.1-00:00", "2026-01-02T03:00:00.100Z"),
        ("2038-12-31T23:59:59.999Z", "2038-12-31T23:59:59.999Z"),
    ],
)
def test_a_time_may_have_any_offset(text: str, utc: str) -> None:
    assert At.model_validate({"value": text}).value == parse_time(utc)


@pytest.mark.parametrize(
    "text",
    [
        "2026-W01-1T00:00:00Z",
        "20260101T000000Z",
        "2026-01-01X00:00:00Z",
        "2026-01-01T00Z",
        "2026-01-01T00:00:00,5Z",
        "2026-01-01T00:00:00+07:00:30",
        "2016-12-31T23:59:60Z",
        "２０２６-01-01T00:00:00Z",
        "2026-01-01T00:00:00Z\n",
    ],
)
def test_a_time_of_another_form_is_none(text: str) -> None:
    with pytest.raises(pydantic.ValidationError):
        At.model_validate({"value": text})


def test_every_status_is_taken_since_the_pipeline_judges() -> None:
    for status in STATUSES:
        assert BatchedStatus.model_validate({"id_order": 1, "status": status}).status == status


@pytest.mark.parametrize(
    ("loc", "name"),
    [
        (("updates", 3, "latitude"), "updates[3].latitude"),
        (("updates", 0), "updates[0]"),
        (("jumlah",), "jumlah"),
        ((), "body"),
    ],
)
def test_a_field_is_named_as_one_would_write_it(loc: tuple[int | str, ...], name: str) -> None:
    assert field_name(loc) == name


def test_problem_types_are_unique_urns() -> None:
    assert len({type_.uri for type_ in ALL}) == len(ALL)
    assert all(type_.uri.startswith(URN) and type_.status >= 400 for type_ in ALL)


def test_the_docs_list_the_problem_types_as_they_are() -> None:
    listed = [line for line in (DOCS / "rest.md").read_text().splitlines() if line.startswith(f"| `{URN}")]
    assert listed == [f"| `{type_.uri}` | {type_.status} | {type_.title} |" for type_ in ALL]


def test_a_valid_traceparent_passes_as_it_came() -> None:
    traceparent = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    assert valid(traceparent) == traceparent
    assert valid(None) is None
    assert valid(traceparent + b"\n") is None
    assert valid(b"ff" + traceparent[2:]) is None


@pytest.mark.parametrize(("low", "high"), [(1, 2**63 - 1), (0, 2**31 - 1)])
def test_the_pattern_of_an_id_describes_the_ids_that_are_taken_and_no_other(low: int, high: int) -> None:
    pattern = re.compile(decimal_pattern(low, high))
    digits = len(str(high))
    edges = {n + step for n in (low, high, *(10**d for d in range(digits + 1))) for step in (-1, 0, 1)}
    near = {high - 10**d * k for d in range(digits) for k in (-3, -1, 1, 3)}
    for number in edges | near:
        assert (pattern.fullmatch(str(number)) is not None) == (low <= number <= high), number
