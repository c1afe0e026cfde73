"""The load of a fault run: the same again by its seed, all kinds of bad input in it, and what REST is told is what it
puts on the topic."""

from collections import Counter
from collections.abc import Iterator
from functools import cache
from itertools import islice

import pytest

from api.models import NewOrder
from api.update_models import BatchedStatus
from faults.garbage import BAD_BODIES
from faults.script import ORDERS, UPDATES, WATCHED, Input, Script
from streams.carrier_codes import Carriers
from streams.codec import Codec, Undecodable, UnknownSchema
from streams.messages import Invalid, check_order, check_update
from streams.order import TERMINAL, TRANSITIONS
from streams.topics import partition_of, plain_decimal

START = 1_790_000_000_000
PARTITIONS = 12
CODECS = {ORDERS: Codec("OrderPlaced"), UPDATES: Codec("CourierStatusUpdate")}


def inputs(seed: int = 1, rest_share: float = 0.2, **clocks: int) -> Iterator[Input]:
    """320 inputs a second."""
    script = Script(seed, 600, rest_share, PARTITIONS, open_orders=500)
    script.clocks |= clocks
    second = 0
    while True:
        for n in range(320):
            yield script.take(START + second * 1000 + n * 3)
        second += 1


@cache
def some(seed: int = 1, rest_share: float = 0.2) -> list[Input]:
    """Enough of them for every kind to be there."""
    return list(islice(inputs(seed, rest_share), 8000))


def message(one: Input) -> dict[str, object]:
    return one.message if one.message is not None else CODECS[one.topic].decode(one.value)


def is_bad(one: Input) -> bool:
    """Whether the pipeline would reject the record for what it is in itself."""
    try:
        decoded = CODECS[one.topic].decode(one.value)
        (check_order if one.topic == ORDERS else check_update)(decoded)
    except (Undecodable, UnknownSchema, Invalid):
        return True
    return plain_decimal(one.key) != decoded["id_order"]


def test_a_seed_says_everything() -> None:
    assert list(islice(inputs(7), 8000)) == some(seed=7)
    assert some(seed=7) != some(seed=8)


def test_every_input_has_an_id_of_its_own_and_no_event_id_names_two_events() -> None:
    seen = some()
    assert len({one.id for one in seen}) == len(seen)
    steps = [message(one)["event_id"] for one in seen if one.topic == UPDATES and one.what in ("step", "late")]
    assert len(set(steps)) == len(steps)


def test_about_a_tenth_is_what_couriers_get_wrong() -> None:
    whats = Counter(one.what.partition(",")[0] for one in some())
    wrong = sum(count for what, count in whats.items() if what not in ("step", "order"))
    assert 0.07 < wrong / whats.total() < 0.14
    kinds = [
        "duplicate",
        "late",
        "illegal",
        "garbage",
        "misrouted",
        "early",
        "stray",
        "correct",
        "duplicate correction",
    ]
    assert not {*kinds, "order again", "order conflict"} - set(whats)


def test_the_steps_of_an_order_are_legal_when_they_are_read_as_they_were_sent() -> None:
    status: dict[int, str] = {}
    for one in some():
        what = one.what.partition(",")[0]
        if one.topic == UPDATES and what in ("step", "early", "stray", "misrouted"):
            before, now = status.get(one.id_order, "placed"), str(message(one)["status"])
            assert now in TRANSITIONS[before] or now == before in TERMINAL
            status[one.id_order] = now
        elif what == "correct":
            assert status[one.id_order] in TERMINAL
            status[one.id_order] = str(message(one)["status"])
    assert set(status.values()) >= TERMINAL


def test_an_illegal_one_is_illegal_after_the_step_before_it() -> None:
    status: dict[int, str] = {}
    illegal = 0
    for one in some():
        now = str(message(one)["status"]) if one.topic == UPDATES and one.what != "garbage" else ""
        if one.what == "illegal":
            illegal += 1
            assert now not in TRANSITIONS[status[one.id_order]]
        elif now and not one.what.startswith(
            ("late", "duplicate", "illegal", "duplicate correction", "correct too late")
        ):
            status[one.id_order] = now
    assert illegal


def test_an_operator_corrects_about_every_fiftieth_end_by_its_version_and_some_are_too_late() -> None:
    many = list(islice(inputs(rest_share=0), 12_000))
    versions, ends = Counter[int](), 0
    seen = Counter[str]()
    for one in many:
        what = one.what.partition(",")[0]
        if one.topic == ORDERS or what in ("garbage", "late", "illegal", "duplicate"):
            continue
        said = message(one)
        seen[what] += 1
        if "correct" in what:
            now = versions[one.id_order] + 1
            assert (
                said["corrects"] == {"correct": now, "duplicate correction": now - 1, "correct too late": now - 1}[what]
            )
            check_update(said)
        versions[one.id_order] += what not in ("duplicate correction", "correct too late")
        ends += what == "step" and said["status"] in TERMINAL
    assert 0.01 < seen["correct"] / ends < 0.04 and seen["duplicate correction"] and seen["correct too late"]


def test_whatever_is_called_garbage_is_bad_and_nothing_else_is() -> None:
    of_kafka = [one for one in some() if one.door == "kafka"]
    assert [one for one in of_kafka if is_bad(one) != (one.what == "garbage")] == []


@pytest.mark.parametrize("topic", [ORDERS, UPDATES])
def test_each_bad_body_is_refused(topic: str) -> None:
    model = NewOrder if topic == ORDERS else BatchedStatus
    body = next(one.body for one in inputs(rest_share=1) if one.topic == topic and one.what in ("order", "step"))
    model.model_validate(body).message(**_given(topic, body))
    for bad in BAD_BODIES[topic]:
        with pytest.raises(ValueError):
            model.model_validate(body | bad).message(**_given(topic, body))


def test_what_rest_is_told_is_what_it_puts_on_the_topic() -> None:
    for one in some(rest_share=1):
        if one.message is None or one.what == "garbage":
            continue
        model = NewOrder if one.topic == ORDERS else BatchedStatus
        assert model.model_validate(one.body).message(**_given(one.topic, one.body)) == one.message


def _given(topic: str, body: dict[str, object]) -> dict[str, object]:
    """What the API itself adds to a body; none of it may get into the message."""
    taken = {"id_order": int(str(body["id_order"])), "now": 0}
    return (
        taken
        if topic == ORDERS
        else taken | {"event_id": body["event_id"], "courier": body["courier"], "carriers": Carriers([])}
    )


def test_a_misrouted_record_lies_where_its_key_does_not_belong() -> None:
    wrong = [one for one in some() if one.partition is not None]
    assert wrong
    for one in wrong:
        assert one.door == "kafka" and "misrouted" in one.what and one.key is not None
        assert one.partition != partition_of(one.key, PARTITIONS) and 0 <= int(one.partition or 0) < PARTITIONS


def test_an_early_update_is_sent_before_its_order_and_a_stray_one_has_none() -> None:
    placed: set[int] = set()
    early: set[int] = set()
    stray: set[int] = set()
    for one in some():
        if one.topic == ORDERS and one.what != "garbage":
            placed.add(one.id_order)
        elif one.what.startswith("early"):
            assert one.id_order not in placed
            early.add(one.id_order)
        elif one.what.startswith("stray"):
            stray.add(one.id_order)
    assert early & placed and stray and not stray & placed


def test_a_duplicate_repeats_an_event_of_its_order() -> None:
    told: dict[int, set[object]] = {}
    for one in some():
        if one.topic == UPDATES and one.what != "garbage":
            event_id = message(one)["event_id"]
            assert (event_id in told.setdefault(one.id_order, set())) == one.what.startswith("duplicate")
            told[one.id_order].add(event_id)


def test_a_couriers_clock_is_as_wrong_as_it_was_set() -> None:
    ahead = Counter(
        (one.message["courier"], one.message["occurred_at"] - START > 3_000_000)
        for one in islice(inputs(rest_share=1, jne=3_600_000), 2000)
        if one.message and one.what == "step"
    )
    assert ahead["jne", True] and not ahead["jne", False] and not ahead["jnt", True]


def test_the_open_orders_stay_as_many_as_asked_for_and_the_watched_users_have_the_most() -> None:
    lives: dict[int, list[int]] = {}
    for n, one in enumerate(some()):
        lives.setdefault(one.id_order, []).append(n)
    overlapping = sum(seen[0] < 6000 <= seen[-1] for seen in lives.values())
    assert 250 < overlapping <= 500
    users = [int(str(message(one)["id_user"])) for one in some() if one.what == "order"]
    assert sum(user <= WATCHED for user in users) > len(users) / 3
