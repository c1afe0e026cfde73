"""Which dead letters a replay sends, and what a replayed record looks like."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from cli.dead_letters import DeadLetter, Place, can_be_sent, glance, plan
from cli.edge import Failed
from cli.rejected import parse_place, start
from streams.codec import Codec
from streams.dead_letters import REPLAYED, rejected_headers
from streams.messages import Headers, header
from streams.order import Reason
from streams.settings import Settings

TARGETS = {"orders", "courier-status-updates"}
UPDATE = dict.fromkeys(("substatus", "note", "latitude", "longitude", "eta")) | {
    "event_id": "e1",
    "id_order": 5,
    "status": "teleported",
    "occurred_at": 1_760_000_000_000,
    "courier": "jne",
}
ORIGINAL: Headers = [("ce_id", b"1")]


def letter(offset: int, *, topic: str = "courier-status-updates", replayed: str | None = None) -> DeadLetter:
    headers = [*ORIGINAL, *([(REPLAYED, replayed.encode())] if replayed else [])]
    rejected = rejected_headers(headers, Reason.UNKNOWN_STATUS, "'teleported'", topic, 2, 30)
    value = Codec("CourierStatusUpdate").encode(UPDATE)
    return DeadLetter("courier-status-rejected", Place(0, offset), 1_760_000_000_000 + offset, b"5", value, rejected)


def test_each_is_sent_once() -> None:
    first, second = letter(1), letter(2)
    made = plan([first, second], {first.mark}, TARGETS, again=False)
    assert (made.todo, made.done) == ({second.place}, 1)


def test_one_that_was_rejected_again_is_left_alone_unless_asked_for() -> None:
    came_back = letter(3, replayed=letter(1).mark)
    assert plan([came_back], {letter(1).mark}, TARGETS, again=False).again == 1
    assert plan([came_back], {letter(1).mark}, TARGETS, again=True).todo == {came_back.place}


def test_what_has_nowhere_to_go_is_counted() -> None:
    nothing = DeadLetter("rejected", Place(0, 1), 0, None, None, letter(1).headers)
    made = plan([letter(1, topic="someone-elses"), nothing], set(), TARGETS, again=True)
    assert (made.todo, made.nowhere) == (set(), 2)


def test_a_replay_has_the_original_headers_and_says_whose_it_is() -> None:
    one = letter(4)
    assert one.resent() == [*ORIGINAL, (REPLAYED, one.mark.encode())]
    assert header(one.resent(), REPLAYED) == b"courier-status-rejected:0:4@2025-10-09T08:53:20.004Z"


def test_it_is_counted_how_often_a_record_was_replayed() -> None:
    first = letter(1)
    second = replace(letter(2), headers=rejected_headers(first.resent(), Reason.UNDECODABLE, "", "orders", 0, 0))
    third = replace(letter(3), headers=rejected_headers(second.resent(), Reason.UNDECODABLE, "", "orders", 0, 1))
    assert (first.replays, second.replays, third.replays) == ([], [first.mark], [first.mark, second.mark])
    assert third.resent() == [*ORIGINAL, *((REPLAYED, each.mark.encode()) for each in (first, second, third))]


def test_headers_are_sent_again_in_their_order_doubled_ones_and_empty_ones_too() -> None:
    headers: Headers = [("b", b"1"), ("a", b""), ("b", b"1"), ("\\xff", b"\xff"), ("b", b"0")]
    one = replace(letter(4), headers=rejected_headers(headers, Reason.UNDECODABLE, "", "orders", 0, 0))
    assert one.resent()[:-1] == headers


def test_an_original_that_is_not_whole_or_too_large_for_its_topic_is_not_sent() -> None:
    cut = replace(
        letter(1), headers=rejected_headers([], Reason.INVALID_FIELD, "too large", "orders", 0, 0), value=None
    )
    whole = replace(cut, headers=rejected_headers([], Reason.UNDECODABLE, "no value", "orders", 0, 0))
    assert [can_be_sent(each, TARGETS) for each in (cut, whole)] == [False, True]
    sizes = {size: read(b"x" * size) for size in (1_000_000, 1_048_576)}
    assert {size: can_be_sent(each, TARGETS) for size, each in sizes.items()} == {1_000_000: True, 1_048_576: False}
    assert not can_be_sent(sizes[1_048_576].without_value(), TARGETS), "a plan keeps no values"


def read(value: bytes) -> DeadLetter:
    """A dead letter as it is read from Kafka."""
    headers = letter(1).headers
    return DeadLetter.of(
        SimpleNamespace(topic="t", partition=0, offset=0, timestamp=0, key=b"5", value=value, headers=headers)
    )


def test_what_it_says_is_shown_where_the_bytes_say_anything() -> None:
    settings = Settings(_env_file=None)  # type: ignore[call-arg]
    message = letter(1).message(settings)
    assert message is not None and (message["id_order"], message["status"]) == ("5", "teleported")
    broken = DeadLetter("rejected", Place(0, 1), 0, b"5", b"\x00garbage", letter(1).headers)
    assert broken.message(settings) is None
    assert glance(broken.value) == "\\x00garbage"


@pytest.mark.parametrize("text", ["3:17", "courier-status-rejected:3:17"])
def test_a_place_is_given_with_or_without_the_topic(text: str) -> None:
    assert parse_place(text) == Place(3, 17)


def test_a_since_is_a_time_or_so_long_ago() -> None:
    assert start(None, 5) is None
    assert start("2h", 10_000_000) == 10_000_000 - 7_200_000
    assert start("2026-01-31T09:30:00+07:00", 0) == 1_769_826_600_000
    for wrong in ("yesterday", "2026-01-31", "2y"):
        with pytest.raises(Failed):
            start(wrong, 0)
