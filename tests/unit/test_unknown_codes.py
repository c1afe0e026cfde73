"""Words that nobody knows are counted by courier and word, and never without end."""

import pytest
from structlog.testing import capture_logs

from agents.records import Kind, Record, Rejection, understand
from streams.codec import Codec
from streams.labels import COURIERS, LENGTH, OTHER
from streams.metrics import UNKNOWN_CODES
from streams.order import Position, Reason
from streams.unknown_codes import CODES, UnknownCodes

UPDATE = {
    "event_id": "e",
    "id_order": 1,
    "status": "vanished",
    "occurred_at": 1_760_000_000_000,
    "courier": "of-kafka",
    "substatus": None,
    "note": None,
    "latitude": None,
    "longitude": None,
    "eta": None,
}


@pytest.fixture(autouse=True)
def nothing_counted_yet() -> None:
    UNKNOWN_CODES.clear()


def series() -> dict[tuple[str, str], float]:
    [metric] = UNKNOWN_CODES.collect()
    return {
        (one.labels["courier"], one.labels["code"]): one.value for one in metric.samples if one.name.endswith("_total")
    }


def test_each_word_of_each_courier_is_counted_and_the_first_of_each_logged() -> None:
    seen = UnknownCodes()
    with capture_logs() as lines:
        for courier, code in [("jne", "D99"), ("jne", "D99"), ("tiki", "D99")]:
            seen.count(courier, code)
    assert series() == {("jne", "D99"): 2, ("tiki", "D99"): 1}
    assert [(line["courier"], line["code"]) for line in lines] == [("jne", "D99"), ("tiki", "D99")]


def test_one_who_sends_anything_makes_no_series_without_end_and_hides_nobody_elses() -> None:
    seen = UnknownCodes()
    for n in range(10 * CODES):
        seen.count("noisy", f"{n}")
    seen.count("quiet", "D99")
    assert len(series()) == CODES + 2
    assert series()["noisy", OTHER] == 9 * CODES
    assert series()["quiet", "D99"] == 1


def test_so_do_not_many_who_send_under_any_name() -> None:
    seen = UnknownCodes()
    for n in range(10 * COURIERS):
        seen.count(f"{n:04}" * 500, f"{n:04}" * 500)
    assert len(series()) == COURIERS + 1
    assert series()[OTHER, OTHER] == 9 * COURIERS
    assert all(len(label) <= LENGTH for labels in series() for label in labels)


def test_a_status_that_the_worker_rejects_is_counted_too() -> None:
    value = Codec("CourierStatusUpdate").encode(UPDATE)
    rejected = understand(Record(Kind.UPDATES, Position("i", 0, 0), 1_760_000_000_000, b"1", value, []))
    assert isinstance(rejected, Rejection) and rejected.reason is Reason.UNKNOWN_STATUS
    assert series() == {("of-kafka", "vanished"): 1}
