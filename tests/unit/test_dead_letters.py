from streams.dead_letters import DETAIL_LENGTH, REPLAYED, original_headers, rejected_headers
from streams.messages import header
from streams.order import Reason

ORIGINAL = [("ce_id", b"1"), ("traceparent", b"00-a"), ("ce_id", b"again")]


def rejected(headers: list[tuple[str, bytes]], detail: str = "because") -> list[tuple[str, bytes]]:
    return rejected_headers(headers, Reason.INVALID_FIELD, detail, "orders", 3, 17)


def test_a_rejected_record_keeps_its_headers_and_says_why_and_from_where() -> None:
    headers = rejected(ORIGINAL)
    assert headers[:3] == ORIGINAL
    assert dict(headers[3:]) == {
        "lacak_reason": b"invalid_field",
        "lacak_detail": b"because",
        "lacak_topic": b"orders",
        "lacak_partition": b"3",
        "lacak_offset": b"17",
    }


def test_taking_them_off_gives_the_original_again() -> None:
    assert original_headers(rejected(ORIGINAL)) == ORIGINAL


def test_a_record_rejected_again_has_each_header_once_and_still_says_what_was_replayed() -> None:
    twice = rejected([*rejected(ORIGINAL), (REPLAYED, b"courier-status-rejected:0:1")], "still bad")
    assert [name for name, _ in twice].count("lacak_reason") == 1
    assert header(twice, "lacak_detail") == b"still bad"
    assert header(twice, REPLAYED) == b"courier-status-rejected:0:1"
    assert original_headers(twice) == ORIGINAL


def test_a_detail_is_bounded_and_may_quote_anything() -> None:
    value = header(rejected([], "\ud800" + "x" * 5000), "lacak_detail")
    assert value is not None and value.startswith(b"\\ud800") and len(value) < DETAIL_LENGTH + 10
