"""What is remembered of a user's open orders."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from changes import T0, change, lives, still_open
from streams.messages import Message
from streams.order import STATUSES
from tables.users import MAX_OPEN, OpenOrder, UserOrders, advance, decode, encode, is_seen, last_seen

KEEP_MS = 90 * 24 * 60 * 60 * 1000


def after(*changes: Message, keep_ms: int = KEEP_MS, limit: int = MAX_OPEN) -> dict[int, OpenOrder]:
    orders: dict[int, OpenOrder] = {}
    for each in changes:
        if not is_seen(last_seen(orders, each, keep_ms), each):
            orders = advance(orders, each, each["status"] == "picked_up", keep_ms, limit)
    return orders


def seen(orders: UserOrders, message: Message) -> bool:
    return is_seen(last_seen(orders, message, KEEP_MS), message)


def test_an_open_order_is_remembered_with_the_last_version_that_was_announced() -> None:
    orders = after(change("placed", 1), change("picked_up", 2), change("in_transit", 3))
    assert orders == {7: OpenOrder("in_transit", version=3, announced=2, placed_at=T0, recorded_at=T0 + 3)}


def test_a_version_that_is_not_after_the_last_one_seen_is_seen() -> None:
    orders = after(change("placed", 1), change("picked_up", 4))
    assert [version for version in range(1, 7) if seen(orders, change("in_transit", version))] == [1, 2, 3, 4]
    assert not seen(orders, change("placed", 1, id_order=8))


@pytest.mark.parametrize("status", ["delivered", "returned", "cancelled"])
def test_a_finished_order_leaves_and_a_user_without_open_orders_too(status: str) -> None:
    placed = change("placed", 1)
    assert set(after(placed, change("placed", 1, id_order=8), change(status, 2))) == {8}
    assert encode(after(placed, change(status, 2))) is None


def test_a_lost_order_stays_because_it_can_be_found() -> None:
    assert after(change("lost", 2))[7].status == "lost"


def test_an_id_that_is_used_again_begins_a_new_life() -> None:
    orders = after(change("lost", 5))
    again = change("placed", 1, placed_at=T0 + KEEP_MS, recorded_at=T0 + KEEP_MS)
    assert not seen(orders, again)
    orders = advance(orders, again, False, KEEP_MS)
    assert orders[7] == OpenOrder("placed", 1, 0, T0 + KEEP_MS, T0 + KEEP_MS)
    assert seen(orders, change("lost", 5)), "a replay of the life before says nothing"


def test_an_order_without_a_change_for_long_is_forgotten_with_the_next_change_of_its_user() -> None:
    old = change("in_transit", 3)
    recorded_at = old["recorded_at"] + KEEP_MS
    assert set(after(old, change("placed", 1, id_order=8, recorded_at=recorded_at))) == {7, 8}
    assert set(after(old, change("placed", 1, id_order=8, recorded_at=recorded_at + 1))) == {8}


def test_beyond_the_limit_the_order_that_changed_longest_ago_is_forgotten() -> None:
    orders = [change("placed", 1, id_order=n, recorded_at=T0 + n) for n in (1, 2, 3)]
    moved = change("picked_up", 2, id_order=1, recorded_at=T0 + 4)
    fourth = change("placed", 1, id_order=4, recorded_at=T0 + 5)
    assert list(after(*orders, moved, fourth, limit=3)) == [3, 1, 4]


def test_the_fullest_user_fits_into_a_record_of_the_changelog() -> None:
    fullest = {2**63 - 1 - n: OpenOrder("out_for_delivery", 1000, 1000, 2**41, 2**41) for n in range(MAX_OPEN)}
    assert len(encode(fullest) or b"") < 128 * 1024


def test_the_orders_before_a_change_are_left_as_they_were() -> None:
    orders = after(change("placed", 1))
    advance(orders, change("delivered", 2), True, KEEP_MS)
    assert orders[7].status == "placed"


@given(
    st.dictionaries(
        st.integers(1, 2**63 - 1),
        st.builds(OpenOrder, st.sampled_from(STATUSES), *[st.integers(0, 2**53)] * 4),
        max_size=20,
    )
)
def test_orders_come_back_from_their_bytes_as_they_were(orders: dict[int, OpenOrder]) -> None:
    back = decode(encode(orders))
    assert back == orders and list(back) == list(orders)


@given(st.integers(0, 2**32), st.data())
def test_any_repetition_gives_the_same_table(seed: int, data: st.DataObject) -> None:
    changes = lives(orders=6, users=1, seed=seed)
    back_to = data.draw(st.integers(0, len(changes)))
    died_at = data.draw(st.integers(back_to, len(changes)))
    again = changes[:died_at] + changes[back_to:]
    announced_apart = {str(id_order): [order.status, order.version] for id_order, order in after(*again).items()}
    assert announced_apart == {i: order[:2] for i, order in still_open(changes).get("1", {}).items()}


def test_the_form_on_disk_is_documented_json() -> None:
    value = encode(after(change("placed", 1), change("picked_up", 2)))
    assert json.loads(value or b"") == {"7": ["picked_up", 2, 2, T0, T0 + 2]}
