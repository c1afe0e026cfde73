"""What the orders' store promises, asked of the one in memory and of the one on a real Cassandra."""

import asyncio
import random
import uuid
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

import stack
from conftest import fresh_settings
from order_examples import NOON, a_life, a_row, an_order, corrected, written
from streams.order import Applied, Late, Order, Position, Row, Update, fold, placed
from streams.settings import Settings
from tables.api_keys import new_key
from tables.cassandra_orders import CassandraOrders
from tables.idempotency import Answer, Hold, InProgress, OtherRequest
from tables.memory_orders import MemoryOrders
from tables.orders import DAY_MS, BadCursor, Current, Orders, OrderWrite, Page, RejectedUpdate, StoredOrder, Waiting

NOW = NOON + DAY_MS


@pytest.fixture(scope="module")
def keyspace(servers: stack.Servers, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return fresh_settings(servers, tmp_path_factory.mktemp("orders"))


@pytest.fixture(params=["memory", "cassandra"])
def shared(request: pytest.FixtureRequest) -> Settings | None:
    """The settings of one keyspace for many tests, or None for the store in memory."""
    return None if request.param == "memory" else request.getfixturevalue("keyspace")


@pytest.fixture
async def orders(shared: Settings | None) -> AsyncIterator[Orders]:
    """One store for many tests: each uses ids and users of its own."""
    store: Orders = MemoryOrders(lambda: NOW) if shared is None else await CassandraOrders.connect(shared)
    yield store
    await store.close()


def stored(order: Order, rows: list[Row]) -> StoredOrder:
    return StoredOrder(order, tuple(rows))


# An order and its rows


async def test_an_order_comes_back_as_it_was_written(orders: Orders) -> None:
    order = an_order()
    rows = a_life(order)
    await orders.write(written(order, rows), NOW)
    assert await orders.load(order.id_order) == stored(order, rows)
    assert await orders.order(order.id_order) == Current.of(order, rows)


async def test_a_correction_comes_back_with_what_it_corrects_and_who_did_it(orders: Orders) -> None:
    order = an_order()
    rows = corrected(a_life(order))
    await orders.write(written(order, rows[:-1]), NOW)
    await orders.write(written(order, rows, 1), NOW)
    assert await orders.load(order.id_order) == stored(order, rows)
    assert (await orders.history(order.id_order, 1)).items == rows[-1:]
    assert await orders.order(order.id_order) == Current.of(order, rows)


async def test_what_may_be_absent_stays_absent(orders: Orders) -> None:
    order = an_order(produk_nama=None, promised_at=None)
    bare = a_row(2, "confirmed", 2, substatus=None, note=None, latitude=None, longitude=None, eta=None)
    rows = [placed(order), bare]
    await orders.write(written(order, rows), NOW)
    assert await orders.load(order.id_order) == stored(order, rows)
    assert await orders.order(order.id_order) == Current.of(order, rows)


@pytest.mark.parametrize("big", [True, False])
async def test_the_ends_of_every_range_are_kept(orders: Orders, big: bool) -> None:
    number, offset = (2**31 - 1, 2**63 - 1) if big else (0, 0)
    order = an_order(
        id_order=random.randrange(2**62, 2**63) if big else random.randrange(1, 2**31),
        id_user=number,
        id_produk=number,
        harga=number,
        jumlah=number or 1,
        total_harga=offset,
        produk_nama="漢字 \x00 é 😀" * 30 if big else "",
        position=Position("i" * 22 if big else "", number, offset),
    )
    extreme = a_row(
        2,
        "confirmed",
        2,
        occurred_at=2_177_452_799_999 if big else 946_684_800_000,
        courier="k" * 200 if big else "k",
        corrects=number if big else 1,
        operator="😀" * 64 if big else "a",
        substatus="",
        note="😀" * 500 if big else "",
        latitude=90.0 if big else -90.0,
        longitude=180.0 if big else -180.0,
        position=Position("u", number, offset),
    )
    rows = [placed(order), extreme]
    await orders.write(written(order, rows), NOW)
    assert await orders.load(order.id_order) == stored(order, rows)


async def test_a_history_of_a_thousand_rows_is_one_write(orders: Orders) -> None:
    order = an_order()
    note = "x" * 500
    rows = [placed(order), *(a_row(number, "in_transit", number, note=note) for number in range(2, 1001))]
    await orders.write(written(order, rows), NOW)
    assert await orders.load(order.id_order) == stored(order, rows)


async def test_a_stale_writer_cannot_overwrite_what_is_newer(orders: Orders) -> None:
    order = an_order()
    rows = a_life(order)
    for known in (5, 4, 2, 1):
        await orders.write(written(order, rows[:known], 1), NOW + known)
    assert await orders.order(order.id_order) == Current.of(order, rows)


async def test_written_twice_it_is_the_same(orders: Orders) -> None:
    order = an_order(id_user=4_200)
    rows = a_life(order)
    for _ in range(2):
        await orders.write(written(order, rows, lists=True), NOW)
    assert await orders.load(order.id_order) == stored(order, rows)
    assert await orders.orders_of_user(4_200, 10) == Page([Current.of(order, rows)], None)


async def test_many_orders_are_written_and_read_at_once(orders: Orders) -> None:
    lives = {order.id_order: (order, a_life(order)) for order in (an_order() for _ in range(200))}
    await asyncio.gather(*(orders.write(written(*life), NOW) for life in lives.values()))
    found = await asyncio.gather(*map(orders.load, lives))
    assert found == [stored(*life) for life in lives.values()]


async def test_what_is_not_there_is_none(orders: Orders) -> None:
    assert await orders.load(1) is None
    assert await orders.order(1) is None
    assert (await orders.history(1, 10)).items == []
    assert await orders.waiting(1) == []
    assert await orders.orders_of_user(2**31 - 2, 10) == Page([], None)


@pytest.mark.parametrize("left", [[], [2, 4, 5], [1, 2, 5], [1, 3]])
async def test_an_order_of_which_rows_are_missing_counts_as_absent(orders: Orders, left: list[int]) -> None:
    order = an_order()
    rows = a_life(order)
    whole = written(order, rows)
    await orders.write(replace(whole, rows=tuple(row for row in rows if row.number in left)), NOW)
    assert await orders.load(order.id_order) is None


async def test_the_history_is_paged_newest_first(orders: Orders) -> None:
    order = an_order()
    rows = a_life(order)
    await orders.write(written(order, rows), NOW)
    newest_first = sorted(rows, key=lambda row: -row.id_order_status_history)
    assert [row.number for row in newest_first] == [5, 4, 2, 1, 3]  # the late scan has its own time
    first = await orders.history(order.id_order, 2)
    second = await orders.history(order.id_order, 2, first.next)
    third = await orders.history(order.id_order, 2, second.next)
    assert first.items + second.items + third.items == newest_first
    assert third.next is None
    assert await orders.history(order.id_order, 5) == (newest_first, None)


@pytest.mark.parametrize("before", [-(2**70), 0, 2**63, 2**70])
async def test_the_history_takes_any_number_to_begin_before(orders: Orders, before: int) -> None:
    order = an_order()
    await orders.write(written(order, [placed(order)]), NOW)
    assert len((await orders.history(order.id_order, 5, before)).items) == (1 if before > 0 else 0)


# Any order of writes

_STATUSES = st.sampled_from(
    ["confirmed", "picked_up", "in_transit", "out_for_delivery", "delivered", "exception", "cancelled"]
)
_EVENTS = st.lists(st.tuples(_STATUSES, st.integers(-5, 30), st.booleans()), max_size=6)


def _writes(events: list[tuple[str, int, bool]]) -> tuple[StoredOrder, list[OrderWrite]]:
    """One write a step of a life, as the worker makes them, and the order that they leave."""
    order = an_order()
    rows = [placed(order)]
    writes = [written(order, rows)]
    for offset, (status, minutes, located) in enumerate(events):
        position = Position("updates", 0, offset)
        place = (-6.2, 106.8, NOON + minutes) if located else (None, None, None)
        occurred_at, recorded_at = NOON + minutes * 60_000, NOON + 1_800_000 + offset
        update = Update(
            f"e{offset}", order.id_order, status, occurred_at, "jne", None, None, *place, position, recorded_at
        )
        rows, outcome = fold(rows, update)
        if isinstance(outcome, Applied | Late):
            writes.append(written(order, rows, 1))
    return stored(order, rows), writes


@given(_EVENTS, st.randoms(use_true_random=False))
@hypothesis_settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
async def test_any_order_and_repetition_of_the_writes_leaves_the_same(
    orders: Orders, events: list[tuple[str, int, bool]], randomness: random.Random
) -> None:
    expected, writes = _writes(events)
    shuffled = writes + randomness.choices(writes, k=2)
    randomness.shuffle(shuffled)
    for write in shuffled:
        await orders.write(write, NOW)
    id_order = expected.order.id_order
    assert await orders.load(id_order) == expected
    assert await orders.order(id_order) == Current.of(expected.order, expected.rows)


# Updates that wait


def _waiting(id_order: int, offset: int, incarnation: str = "a", **changes: object) -> Waiting:
    position = Position(incarnation, 1, offset)
    headers = [("ce_id", b"\x00\xff"), ("ce_id", b""), ("traceparent", b"00-1")]
    waiting = Waiting(id_order, position, NOON + offset, b"\x00value\xff", headers)
    return replace(waiting, **changes)  # type: ignore[arg-type]


async def test_updates_wait_in_the_order_of_the_log(orders: Orders) -> None:
    id_order = an_order().id_order
    # The topic was made anew: "b" is the older one, whose offsets were greater.
    expected = [_waiting(id_order, 900, "b", recorded_at=NOON - 2), _waiting(id_order, 901, "b", recorded_at=NOON - 1)]
    expected += [_waiting(id_order, offset) for offset in (1, 2, 10, 100)]
    for waiting in random.sample(expected, len(expected)):
        await orders.add_waiting(waiting, NOW)
    assert await orders.waiting(id_order) == expected


async def test_a_waiting_update_added_again_changes_nothing(orders: Orders) -> None:
    waiting = _waiting(an_order().id_order, 5, headers=[], value=b"")
    for _ in range(2):
        await orders.add_waiting(waiting, NOW)
    assert await orders.waiting(waiting.id_order) == [waiting]


async def test_a_rejected_update_stays_rejected(orders: Orders) -> None:
    first, second = _waiting(8_800, 5), _waiting(8_800, 6)
    for waiting in (first, second):
        await orders.add_waiting(waiting, NOW)
    await orders.mark_rejected(first, NOW)
    await orders.add_waiting(first, NOW)
    assert await orders.waiting(8_800) == [replace(first, rejected=True), second]


async def test_every_waiting_update_can_be_scanned(orders: Orders) -> None:
    id_orders = [an_order().id_order for _ in range(3)]
    expected = [_waiting(id_order, offset) for id_order in id_orders for offset in range(400)]
    await asyncio.gather(*(orders.add_waiting(waiting, NOW) for waiting in expected))
    scanned = [waiting async for waiting in orders.all_waiting() if waiting.id_order in id_orders]
    assert sorted(scanned, key=lambda waiting: (waiting.id_order, waiting.position)) == expected
    assert await orders.waiting(id_orders[0]) == expected[:400]


# Lists


async def _placed(orders: Orders, **changes: object) -> Current:
    order = an_order(**changes)
    write = written(order, [placed(order)], lists=True)
    await orders.write(write, NOW)
    return write.now


async def _all_pages(orders: Orders, id_user: int, limit: int) -> list[Current]:
    items: list[Current] = []
    page = await orders.orders_of_user(id_user, limit)
    while page.next is not None:
        assert len(page.items) == limit
        items += page.items
        page = await orders.orders_of_user(id_user, limit, page.next)
    return items + page.items


@pytest.mark.parametrize("limit", [1, 3, 4, 7, 8, 100])
async def test_a_users_orders_are_paged_newest_first_across_months(orders: Orders, limit: int) -> None:
    id_user = 500 + limit
    ages = [0, 0, 0, 20, 33, 33, 70, 400]  # days: in four months, some at the same time
    for age in random.sample(ages, len(ages)):
        await _placed(orders, id_user=id_user, placed_at=NOON - age * DAY_MS)
    found = await _all_pages(orders, id_user, limit)
    keys = [(now.order.placed_at, now.order.id_order) for now in found]
    assert [(NOON - placed_at) // DAY_MS for placed_at, _ in keys] == ages
    assert keys == sorted(keys, reverse=True)


async def test_a_list_shows_the_current_status(orders: Orders) -> None:
    now = await _placed(orders, id_user=601)
    rows = a_life(now.order)
    await orders.write(written(now.order, rows, 4), NOW)
    assert (await orders.orders_of_user(601, 5)).items == [Current.of(now.order, rows)]


async def test_a_list_leaves_out_orders_that_are_not_there(orders: Orders) -> None:
    """What remains of an order's lists, when its id belongs to another one now, is not shown."""
    kept = await _placed(orders, id_user=602)
    moved = await _placed(orders, id_user=602, placed_at=NOON - 5)
    anew = replace(moved.order, id_user=603, placed_at=NOON + 5, recorded_at=moved.order.recorded_at + DAY_MS)
    await orders.write(written(anew, [placed(anew)], lists=True), NOW)
    assert await orders.orders_of_user(602, 1) == Page([kept], None)
    assert [now.order for now in (await orders.orders_of_user(603, 5)).items] == [anew]


async def test_a_products_orders_are_listed_by_day(orders: Orders) -> None:
    for hours in (-13, -12, 0, 11, 12):
        await _placed(orders, id_produk=8_001, placed_at=NOON + hours * 3_600_000)
    day = date(2026, 1, 5)
    first = await orders.orders_of_produk(8_001, day, 2)
    second = await orders.orders_of_produk(8_001, day, 2, first.next)
    assert [now.order.placed_at for now in first.items + second.items] == [
        NOON + 11 * 3_600_000,
        NOON,
        NOON - DAY_MS // 2,
    ]
    assert second.next is None
    assert await orders.orders_of_produk(8_001, date(2026, 1, 7), 2) == Page([], None)


@pytest.mark.parametrize(
    "cursor", ["", "x", "ä", "AAAA", "A" * 28, "=" * 28, "dQ==", "A" * 29, "_" * 28, "a b", "1" * 10_000, "dQAA\n" * 6]
)
async def test_a_cursor_that_is_none_is_refused(orders: Orders, cursor: str) -> None:
    with pytest.raises(BadCursor):
        await orders.orders_of_user(42, 5, cursor)
    with pytest.raises(BadCursor):
        await orders.orders_of_produk(42, date(2026, 1, 5), 5, cursor)


@given(st.text(alphabet="dAQ_-9w=\n", min_size=26, max_size=30))
@hypothesis_settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_a_forged_cursor_is_refused_or_harmless(orders: Orders, cursor: str) -> None:
    for forged in (cursor, "dQAAACo" + cursor[7:28]):
        try:
            await orders.orders_of_user(42, 1, forged)
        except BadCursor:
            continue


async def test_another_lists_cursor_is_refused(orders: Orders) -> None:
    for _ in range(2):
        await _placed(orders, id_user=604, id_produk=604)
    cursor = (await orders.orders_of_user(604, 1)).next
    with pytest.raises(BadCursor):
        await orders.orders_of_user(605, 1, cursor)
    with pytest.raises(BadCursor):
        await orders.orders_of_produk(604, date(2026, 1, 5), 1, cursor)


async def test_users_who_have_orders_are_counted(orders: Orders) -> None:
    for age in (0, 0, 40):
        await _placed(orders, id_user=606, placed_at=NOON - age * DAY_MS)
    await _placed(orders, id_user=607)
    counts = dict(await orders.users(10_000))
    assert (counts[606], counts[607]) == (3, 1)
    assert len(await orders.users(1)) == 1


async def test_the_store_says_that_it_is_there(orders: Orders) -> None:
    await orders.ping()


# Node numbers


@pytest.fixture(params=["memory", "cassandra"])
def own(request: pytest.FixtureRequest) -> Settings | None:
    """The settings of a keyspace of the test's own, or None for the store in memory."""
    return None if request.param == "memory" else request.getfixturevalue("settings")


@pytest.fixture
async def fresh(own: Settings | None) -> AsyncIterator[Orders]:
    """A store in which no node number is taken."""
    store: Orders = MemoryOrders() if own is None else await CassandraOrders.connect(own)
    yield store
    await store.close()


async def test_no_two_owners_have_the_same_node(fresh: Orders) -> None:
    owners = [f"owner-{number}" for number in range(8)]
    # At once, and again: a renewal keeps the number.
    first = await asyncio.gather(*(fresh.lease_node(owner, 5, 60) for owner in owners))
    taken = {owner: node for owner, node in zip(owners, first, strict=True) if node is not None}
    assert sorted(taken.values()) == [0, 1, 2, 3, 4]
    again = await asyncio.gather(*(fresh.lease_node(owner, 5, 60) for owner in owners))
    assert again == list(first)


async def test_a_lease_that_is_not_renewed_is_free_again(fresh: Orders) -> None:
    assert await fresh.lease_node("gone", 1, 1) == 0
    assert await fresh.lease_node("next", 1, 30) is None
    async with asyncio.timeout(30):
        while await fresh.lease_node("next", 1, 30) is None:
            await asyncio.sleep(0.1)
    assert await fresh.lease_node("gone", 1, 1) is None


# Idempotency keys


def a_hold(**changes: Any) -> Hold:
    return Hold(random.randbytes(32), b"request", uuid.uuid4().hex, NOW, NOW, 7)._replace(**changes)


def another(hold: Hold, **changes: Any) -> Hold:
    """The next try of the same request, to which other ids have been assigned."""
    own = {"owner": uuid.uuid4().hex, "began_at": NOW + 1, "held_at": NOW + 1, "id_order": 8}
    return hold._replace(**{**own, **changes})


STALE_MS = 1000
ANSWER = Answer(202, {"location": "/v1/orders/7"}, b'{"id_order":"7"}')


async def test_a_key_is_held_by_one_of_many_at_once(orders: Orders) -> None:
    first = a_hold()
    tries = [first, *(another(first) for _ in range(7))]
    held = await asyncio.gather(*(orders.hold_key(one, STALE_MS) for one in tries), return_exceptions=True)
    [got] = [one for one in held if isinstance(one, Hold)]
    assert got in tries
    assert all(isinstance(one, InProgress) for one in held if one is not got)


async def test_what_was_answered_is_given_again_and_to_nobody_else(orders: Orders) -> None:
    mine = a_hold(id_order=None)
    assert await orders.hold_key(mine, STALE_MS) == mine
    await orders.key_answered(mine, ANSWER)
    assert await orders.hold_key(another(mine, held_at=NOW + DAY_MS), STALE_MS) == ANSWER
    with pytest.raises(OtherRequest):
        await orders.hold_key(another(mine, request=b"other"), STALE_MS)
    other = a_hold()
    assert await orders.hold_key(other, STALE_MS) == other


@pytest.mark.parametrize("id_order", [7, None])
async def test_who_takes_over_from_the_dead_gets_what_was_assigned(orders: Orders, id_order: int | None) -> None:
    dead = a_hold(id_order=id_order)
    await orders.hold_key(dead, STALE_MS)
    with pytest.raises(InProgress):
        await orders.hold_key(another(dead, held_at=NOW + STALE_MS - 1), STALE_MS)
    with pytest.raises(OtherRequest):
        await orders.hold_key(another(dead, request=b"other", held_at=NOW + STALE_MS), STALE_MS)
    tries = [another(dead, held_at=NOW + STALE_MS) for _ in range(4)]
    held = await asyncio.gather(*(orders.hold_key(one, STALE_MS) for one in tries), return_exceptions=True)
    [heir] = [one for one in held if isinstance(one, Hold)]
    assert (heir.began_at, heir.id_order) == (dead.began_at, id_order)
    assert heir.owner in [one.owner for one in tries]
    await orders.key_answered(dead, ANSWER)  # it was only slow
    with pytest.raises(InProgress):
        await orders.hold_key(another(dead, held_at=NOW + STALE_MS + 1), STALE_MS)
    await orders.key_answered(heir, ANSWER)
    assert await orders.hold_key(another(dead), STALE_MS) == ANSWER


async def test_what_was_let_go_is_gone_on_with_at_once(orders: Orders) -> None:
    first = a_hold()
    await orders.hold_key(first, STALE_MS)
    await orders.release_key(first)
    held = await orders.hold_key(another(first), STALE_MS)
    assert isinstance(held, Hold) and (held.began_at, held.id_order) == (NOW, 7)
    await orders.release_key(first)  # not its any more
    with pytest.raises(InProgress):
        await orders.hold_key(another(first), STALE_MS)


async def test_the_couriers_that_an_order_names_are_kept(orders: Orders) -> None:
    for couriers in (("jne",), ("jne", "Pos Indonesia é"), None):
        order = an_order(couriers=couriers)
        await orders.write(written(order, [placed(order)]), NOW)
        stored = await orders.load(order.id_order)
        assert stored is not None and stored.order == order


# Rejected updates


async def test_why_an_update_was_rejected_is_kept_the_later_reason_of_two(orders: Orders) -> None:
    id_order, at = an_order().id_order, NOW
    first = RejectedUpdate(id_order, "e/1", "jne", "lost", "illegal_transition", "delivered → lost", at)
    later = first._replace(status="returned", detail="delivered → returned", recorded_at=at + 1)
    for rejected in (later, first, first._replace(event_id="e/2")):
        await orders.note_rejected(rejected, NOW)
    assert await orders.rejected_update(id_order, "e/1") == later
    assert await orders.rejected_update(id_order, "e/2") == first._replace(event_id="e/2")
    assert await orders.rejected_update(id_order, "e/3") is None
    assert await orders.rejected_update(id_order + 1, "e/1") is None


# API keys


async def test_api_keys_are_kept_until_they_are_revoked(orders: Orders) -> None:
    first, second = (
        new_key("jne-test", frozenset(scopes), courier, NOW, "somebody", NOW + DAY_MS)[1]
        for scopes, courier in ((["status:write", "ops"], "jne"), (["orders:write"], None))
    )
    for key in (first, second):
        await orders.add_api_key(key)
    assert {first, second} <= set(await orders.api_keys())
    assert await orders.revoke_api_key(first.id, NOW + 1)
    assert {first._replace(revoked_at=NOW + 1), second} <= set(await orders.api_keys())
    assert await orders.revoke_api_key(first.id, NOW + 2)  # it has ended already
    assert first._replace(revoked_at=NOW + 1) in await orders.api_keys()
    assert not await orders.revoke_api_key("nobody's", NOW)
    assert "nobody's" not in {key.id for key in await orders.api_keys()}
