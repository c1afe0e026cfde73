"""What is said to whom, and whether."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.notices import QUIET, WORDS, decide, is_plausible, notification
from changes import NEWS, T0, change, lives, news
from streams.codec import Codec
from streams.messages import Message
from streams.order import OPERATOR, STATUSES
from tables.users import UserOrders

KEEP_MS = 90 * 24 * 60 * 60 * 1000
CODEC = Codec("UserNotification")


def told(message: Message) -> Message:
    said = notification(message)
    assert said is not None
    return said


def announcements(changes: list[Message]) -> list[Message]:
    """What the worker announces of one user's changes."""
    orders: UserOrders = {}
    said = []
    for each in changes:
        orders, announced, *_ = decide(orders, each, KEEP_MS)
        if announced is not None:
            said.append(announced)
    return said


def test_the_statuses_that_are_news_are_those_of_the_brief() -> None:
    assert {status for status in STATUSES if notification(change(status))} == NEWS
    assert notification(change("unknown")) is None, "a status of a newer release"


@pytest.mark.parametrize("status", sorted(NEWS))
def test_titles_fit_on_a_lock_screen_and_bodies_have_nothing_left_to_fill_in(status: str) -> None:
    for fields in ({}, {"produk_nama": None, "courier": None}, {"produk_nama": "P" * 500, "courier": "C" * 200}):
        said = told(change(status, note="n" * 500, **fields))
        assert 0 < len(said["title"]) <= 60 and 0 < len(said["title_en"]) <= 60
        for body in (said["body"], said["body_en"]):
            assert len(body) < 600 and not set("{}") & set(body)
            assert body[0].isupper() or body[0] == "C"
        assert said["body"] != said["body_en"] and said["title"] != said["title_en"]


def test_it_names_the_product_and_the_courier() -> None:
    said = told(change("out_for_delivery", courier="jne"))
    assert said["title"] == "Paketmu sedang diantar kurir"
    assert said["body"] == ('Paket "Sepatu Lari" sedang diantar kurir JNE ke alamatmu. Pastikan ada yang menerima, ya.')
    assert said["body_en"] == (
        'JNE is bringing your parcel "Sepatu Lari" to your address. Please make sure someone is there to receive it.'
    )


@pytest.mark.parametrize("status", STATUSES)
def test_a_correction_is_always_told_whatever_the_status_is_now(status: str) -> None:
    said = told(change(status, corrects=5, courier=OPERATOR, note="Salah pindai"))
    assert (
        said["title"] == "Status pesananmu dikoreksi" and said["title_en"] == "Your order's status has been corrected"
    )
    assert said["body"].startswith("Status sebelumnya keliru dan sudah dikoreksi. ")
    assert said["body_en"].startswith("The status before was wrong, and has been corrected. ")
    for body, why in ((said["body"], "Alasan: Salah pindai"), (said["body_en"], "Reason: Salah pindai")):
        assert body.endswith(why) and '"Sepatu Lari"' in body
        assert "operator" not in body.lower() and not set("{}") & set(body)


def test_a_correction_says_what_is_true_now_in_the_usual_words() -> None:
    assert told(change("out_for_delivery", corrects=5, courier=OPERATOR))["body"] == (
        "Status sebelumnya keliru dan sudah dikoreksi. "
        'Paket "Sepatu Lari" sedang diantar kurir ke alamatmu. Pastikan ada yang menerima, ya.'
    )
    assert told(change("in_transit", corrects=5, courier=OPERATOR))["body_en"] == (
        'The status before was wrong, and has been corrected. Your parcel "Sepatu Lari" is still on its way.'
    )
    assert notification(change("unknown", corrects=5)) is None, "a status of a newer release"


def test_a_finished_order_that_is_corrected_is_open_again() -> None:
    orders, *_ = decide({}, change("in_transit", 2), KEEP_MS)
    orders, *_ = decide(orders, change("delivered", 3), KEEP_MS)
    assert orders == {}
    corrected = decide(orders, change("in_transit", 4, corrects=3), KEEP_MS)
    assert corrected.orders[7][:3] == ("in_transit", 4, 4)
    assert decide(corrected.orders, change("delivered", 3), KEEP_MS).skipped == "seen"
    assert decide(corrected.orders, change("delivered", 5), KEEP_MS).notification is not None


def test_without_a_product_name_it_names_the_order() -> None:
    said = told(change("out_for_delivery", produk_nama=None, courier=None))
    assert said["body"].startswith("Paketmu (pesanan 7) sedang diantar kurir ke alamatmu.")
    assert said["body_en"].startswith("The courier is bringing your parcel (order 7) to your address.")


def test_a_failed_attempt_says_why() -> None:
    said = told(change("attempt_failed", note="Rumah kosong\n"))
    assert said["body"] == (
        'Kurir JNE sudah mencoba mengantar paket "Sepatu Lari", tapi belum berhasil. Catatan kurir: Rumah kosong'
    )
    assert said["body_en"].endswith("but was unable to. Courier's note: Rumah kosong")


def test_a_note_is_not_passed_on_where_it_is_for_the_courier_system() -> None:
    for status in ("picked_up", "out_for_delivery"):
        assert "internal" not in told(change(status, note="internal"))["body"]


@pytest.mark.parametrize(
    ("given_name", "written"),
    [("jne", "JNE"), ("tiki", "TIKI"), ("sicepat", "Sicepat"), ("J&T Express", "J&T Express")],
)
def test_couriers_are_written_as_people_write_them(given_name: str, written: str) -> None:
    assert f"kurir {written} ke alamatmu" in told(change("out_for_delivery", courier=given_name))["body"]


def test_what_others_wrote_cannot_break_the_line_or_fill_in_a_template() -> None:
    said = told(change("delivered", produk_nama="a\nb\x00\u202e{kurir}", note="{paket}\r\n\tsatpam"))
    assert 'Paket "a b {kurir}"' in said["body"] and said["body"].endswith("Catatan kurir: {paket} satpam")
    assert said["body"].isprintable()


def test_its_id_and_time_come_from_the_change() -> None:
    message = change("delivered", 6, id_order=2**62, recorded_at=T0 + 5)
    assert told(message)["notification_id"] == f"{2**62}-6"
    assert told(message)["created_at"] == T0 + 5


@given(st.sampled_from(sorted(NEWS)), st.one_of(st.none(), st.text(max_size=500)), st.one_of(st.none(), st.text()))
def test_any_words_can_be_encoded_and_a_replay_is_the_same_bytes(
    status: str, name: str | None, note: str | None
) -> None:
    message = change(status, produk_nama=name, note=note)
    assert CODEC.encode(told(message)) == CODEC.encode(told(dict(message)))
    assert CODEC.decode(CODEC.encode(told(message))) == told(message)


@given(st.integers(0, 2**32))
def test_each_change_that_is_news_is_announced_once(seed: int) -> None:
    changes = lives(orders=5, users=1, seed=seed)
    said = announcements(changes)
    assert [each["notification_id"] for each in said] == list(news(changes))


@given(st.integers(0, 2**32), st.data())
def test_after_a_replay_from_anywhere_who_drops_repeated_ids_sees_the_same(seed: int, data: st.DataObject) -> None:
    changes = lives(orders=5, users=1, seed=seed)
    back_to = data.draw(st.integers(0, len(changes)))
    died_at = data.draw(st.integers(back_to, len(changes)))
    once = {each["notification_id"]: each for each in announcements(changes)}
    twice: dict[str, Any] = {}
    for each in announcements(changes[:died_at] + changes[back_to:]):
        assert twice.setdefault(each["notification_id"], each) == each
    assert twice == once


def test_a_gap_is_announced_all_the_same_and_counted() -> None:
    orders, *_ = decide({}, change("placed", 1), KEEP_MS)
    decision = decide(orders, change("delivered", 4), KEEP_MS)
    assert decision.notification is not None and decision.missing == 2
    assert decide(orders, change("delivered", 2), KEEP_MS).missing == 0


def test_why_there_is_no_notification_is_told() -> None:
    quiet = decide({}, change("in_transit", 3), KEEP_MS)
    assert (quiet.notification, quiet.skipped) == (None, "quiet")
    seen = decide(quiet.orders, change("picked_up", 2), KEEP_MS)
    assert (seen.notification, seen.skipped) == (None, "seen")
    assert seen.orders is quiet.orders


@pytest.mark.parametrize(
    "fields",
    [{"id_order": 0}, {"id_user": -1}, {"version": 0}, {"recorded_at": -1}, {"recorded_at": 2**62}],
)
def test_numbers_that_our_worker_never_writes_are_not_plausible(fields: dict[str, int]) -> None:
    assert is_plausible(change("delivered"))
    assert not is_plausible(change("delivered", **fields))


def test_every_status_with_words_exists() -> None:
    assert set(WORDS) | set(QUIET) == set(STATUSES) and not set(WORDS) & set(QUIET)
