"""What a worker makes of a partition's records: one test for each rule of DESIGN section 6 that the lane keeps.

Each of them fails when its rule is taken out; the rules came from a model of the protocol.
"""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import REGISTRY

from agents.lane import Effects
from agents.records import Kind
from logs import T0, Log, Worker, correction_message, order_message, update_message
from streams import topics
from streams.order import Reason, Row
from tables.memory_orders import MemoryOrders
from tables.orders import WAITING_KEPT_MS, WAITS_MS, Orders


def reasons(worker: Worker) -> list[Reason]:
    return [rejection.reason for effects in worker.done for rejection in effects.rejections]


def versions(worker: Worker) -> list[int | None]:
    return [event.row.version for effects in worker.done for event in effects.events]


async def rows(store: Orders, id_order: int = 7) -> tuple[Row, ...]:
    stored = await store.load(id_order)
    return stored.rows if stored else ()


def memory(log: Log) -> MemoryOrders:
    return MemoryOrders(clock=lambda: log.clock)


async def test_an_order_and_its_updates_become_rows_and_events() -> None:
    log = Log()
    store = memory(log)
    log.order()
    for status in ("picked_up", "in_transit", "delivered"):
        log.update(status)
    worker = Worker(log, store)
    await worker.read(Kind.ORDERS)
    await worker.read(Kind.UPDATES)
    assert versions(worker) == [1, 2, 3, 4]
    assert [row.status for row in await rows(store)] == ["placed", "picked_up", "in_transit", "delivered"]


async def test_rule_1_a_rejection_read_again_is_rejected_again_though_it_would_be_legal_by_now() -> None:
    log = Log()
    store = memory(log)
    log.order()
    log.update("attempt_failed", occurred_at=T0 + 5000)  # placed -> attempt_failed is no edge
    log.update("in_transit", occurred_at=T0 + 2000)  # from which it would be one
    first = Worker(log, store)
    await first.read(Kind.ORDERS)
    await first.read(Kind.UPDATES, commit=False)
    again = Worker(log, store, orders=1)
    await again.read(Kind.UPDATES)
    assert reasons(again) == reasons(first) == [Reason.ILLEGAL_TRANSITION]
    assert versions(again) == [2]


async def test_rule_1_versions_and_eta_of_a_replay_are_those_of_the_first_time() -> None:
    log = Log()
    store = memory(log)
    log.order()
    log.update("picked_up", eta=T0 + 77)
    log.update("in_transit", eta=T0 + 99)
    first = Worker(log, store)
    await first.read(Kind.ORDERS)
    await first.read(Kind.UPDATES)
    again = Worker(log, store, orders=1)
    await again.read(Kind.UPDATES, 1)
    (event,) = again.done[0].events
    assert (event.row.version, event.row.eta) == (2, T0 + 77)
    assert [row.eta for row in await rows(store)] == [None, T0 + 77, T0 + 99]


async def test_rule_2_an_update_waits_while_the_arrival_of_its_order_is_unfinished() -> None:
    log = Log()
    store = memory(log)
    log.order()
    log.update("picked_up")
    await Worker(log, store).read(Kind.ORDERS, commit=False)  # died after its writes
    successor = Worker(log, store)
    effects = await successor.read(Kind.UPDATES)
    assert [each.position.offset for each in effects.waiting] == [0] and not effects.events
    await successor.read(Kind.ORDERS)
    assert versions(successor) == [1, 2]


async def test_rule_2_holds_for_a_cached_order_too() -> None:
    log = Log()
    store = memory(log)
    log.order()
    log.update("picked_up")
    await Worker(log, store).read(Kind.ORDERS, commit=False)
    successor = Worker(log, store)
    await successor.read(Kind.ORDERS, commit=False)  # cached now, and not acknowledged
    effects = await successor.read(Kind.UPDATES)
    assert effects.waiting and not effects.events


async def test_rule_5_a_record_read_again_has_all_its_effects_again() -> None:
    log = Log()
    store = memory(log)
    log.update("picked_up")
    log.update("attempt_failed", event_id="x", occurred_at=T0 + 2000)
    log.update("delivered", occurred_at=T0 + 3000)
    log.order()
    first = Worker(log, store)
    await first.read(Kind.UPDATES, 2)
    await first.read(Kind.ORDERS)
    again = Worker(log, store, updates=2)
    await again.read(Kind.ORDERS)
    assert again.done[0] == first.done[1]
    assert again.done[0].writes[0].lists and versions(again) == [1, 2, 3]


async def test_rule_6_a_waiting_row_that_is_still_to_be_read_is_not_folded_early() -> None:
    log = Log()
    store = memory(log)
    log.order()
    log.update("picked_up")
    log.update("in_transit", occurred_at=T0 + 2000)
    await Worker(log, store).read(Kind.UPDATES, commit=False)  # both wait; neither is acknowledged
    successor = Worker(log, store)
    await successor.read(Kind.ORDERS)
    assert versions(successor) == [1], "the updates come by themselves, in order"
    await successor.read(Kind.UPDATES)
    assert versions(successor) == [1, 2, 3]


async def test_updates_that_waited_are_judged_in_log_order_right_after_their_order() -> None:
    log = Log()
    store = memory(log)
    log.update("picked_up")
    log.update("confirmed", event_id="y", occurred_at=T0 + 500)
    log.update("delivered", occurred_at=T0 + 9000)
    log.order()
    worker = Worker(log, store)
    await worker.read(Kind.UPDATES)
    await worker.read(Kind.ORDERS)
    assert versions(worker) == [1, 2, 3]
    assert [(row.status, row.applied) for row in await rows(store)] == [
        ("placed", True),
        ("picked_up", True),
        ("confirmed", False),
        ("delivered", True),
    ]


async def test_an_update_that_waited_longer_than_seven_days_is_left_to_be_expired() -> None:
    log = Log()
    store = memory(log)
    log.update("picked_up")
    log.clock += WAITS_MS + 2
    log.order(placed_at=log.clock)
    worker = Worker(log, store)
    await worker.read(Kind.UPDATES)
    await worker.read(Kind.ORDERS)
    assert versions(worker) == [1]


async def test_it_is_left_out_too_where_its_order_was_read_first() -> None:
    log = Log()
    store = memory(log)
    log.update("picked_up")
    log.clock += WAITS_MS + 2
    log.order(placed_at=log.clock)
    worker = Worker(log, store)
    await worker.read(Kind.ORDERS)
    effects = await worker.read(Kind.UPDATES)
    assert versions(worker) == [1] and [each.position.offset for each in effects.waiting] == [0]


async def test_beyond_a_thousand_waiting_updates_an_unknown_order_is_rejected() -> None:
    log = Log()
    store = memory(log)
    for number in range(1002):
        log.update("in_transit", event_id=str(number))
    worker = Worker(log, store)
    await worker.read(Kind.UPDATES)
    assert reasons(worker) == [Reason.UNKNOWN_ORDER] * 2
    again = Worker(log, store)
    await again.read(Kind.UPDATES)
    assert again.done == worker.done, "and read again, just the same ones"


async def test_an_operator_takes_a_terminal_status_back_and_the_courier_goes_on() -> None:
    log = Log()
    store = memory(log)
    log.order()
    log.update("delivered")
    log.append(Kind.UPDATES, correction_message("in_transit", 1))
    log.append(Kind.UPDATES, correction_message("in_transit", 2, event_id="second"))
    log.append(Kind.UPDATES, correction_message("exception", 2, event_id="third"))
    log.update("out_for_delivery", occurred_at=T0 + 9000)
    worker = Worker(log, store)
    await worker.read(Kind.ORDERS)
    await worker.read(Kind.UPDATES)
    assert [(row.status, row.corrects, row.operator) for row in await rows(store)] == [
        ("placed", None, None),
        ("delivered", None, None),
        ("in_transit", 2, "ani"),
        ("out_for_delivery", None, None),
    ]
    assert versions(worker) == [1, 2, 3, 4] and reasons(worker) == [Reason.ILLEGAL_TRANSITION] * 2
    again = Worker(log, store, orders=1)
    await again.read(Kind.UPDATES)
    assert again.done[0].events == worker.done[1].events, "and read again, it says the same"


async def test_a_correction_that_waited_for_its_order_finds_nothing_to_correct() -> None:
    log = Log()
    store = memory(log)
    log.append(Kind.UPDATES, correction_message("in_transit", 1))
    log.order()
    worker = Worker(log, store)
    await worker.read(Kind.UPDATES)
    await worker.read(Kind.ORDERS)
    assert reasons(worker) == [Reason.ILLEGAL_TRANSITION] and versions(worker) == [1]


@pytest.mark.parametrize(
    "bad",
    [
        {"operator": None},
        {"corrects": None},
        {"corrects": 0},
        {"corrects": -1},
        {"operator": ""},
        {"operator": "x" * 65},
        {"note": None},
        {"note": ""},
        {"note": "x" * 501},
        {"courier": "jne"},
        {"courier": "shop"},
    ],
)
async def test_a_correction_that_does_not_say_what_who_and_why_is_invalid(bad: dict[str, Any]) -> None:
    log = Log()
    log.append(Kind.UPDATES, correction_message("in_transit", 2) | bad)
    worker = Worker(log, memory(log))
    await worker.read(Kind.UPDATES)
    assert reasons(worker) == [Reason.INVALID_FIELD]


async def test_the_same_order_again_is_a_duplicate_and_another_under_its_id_conflicts() -> None:
    log = Log()
    store = memory(log)
    log.order()
    log.order(placed_at=T0 - 5)
    log.order(harga=1)
    worker = Worker(log, store)
    await worker.read(Kind.ORDERS)
    assert reasons(worker) == [Reason.CONFLICTING_ORDER] and versions(worker) == [1]


async def test_an_order_is_placed_by_the_record_that_comes_first_in_the_log_not_by_one_behind_it() -> None:
    log = Log()
    store = memory(log)
    log.order()
    log.order(harga=1)
    await Worker(log, store, orders=1).read(Kind.ORDERS)  # one that was behind: it began too far on
    worker = Worker(log, store)
    await worker.read(Kind.ORDERS)
    assert [event.order.harga for event in worker.done[0].events] == [10_000]
    assert reasons(worker) == [Reason.CONFLICTING_ORDER]


async def test_a_shops_clock_that_runs_ahead_is_taken_as_the_append_time() -> None:
    log = Log()
    record = log.order(placed_at=T0 + 999_999)
    worker = Worker(log, memory(log))
    effects = await worker.read(Kind.ORDERS)
    assert effects.events[0].order.placed_at == effects.events[0].row.occurred_at == record.recorded_at


async def test_a_worker_keeps_so_many_orders_in_memory_and_no_more() -> None:
    log = Log()
    for id_order in (7, 8, 9):
        log.append(Kind.ORDERS, order_message(id_order))
    worker = Worker(log, memory(log), cached=2)
    await worker.read(Kind.ORDERS)
    assert worker.lane.cached == 2


async def test_records_that_are_bad_in_themselves_are_rejected_with_their_reason() -> None:
    log = Log()
    store = memory(log)
    good = log.order()
    log.append(Kind.ORDERS, None, b"7")
    log.append(Kind.ORDERS, b"not avro", b"7")
    log.append(Kind.ORDERS, (good.value or b"") + b"\0", b"7")
    log.append(Kind.ORDERS, b"\0\0\0\0\2" + (good.value or b"")[5:], b"7")
    for bad in ({"jumlah": 0}, {"harga": -1}, {"total_harga": -1}, {"currency": "rupiah"}, {"placed_at": 0}):
        log.append(Kind.ORDERS, order_message(**bad), b"7")
    log.append(Kind.ORDERS, order_message(), b"007")
    log.records[Kind.ORDERS].append(good._replace(position=good.position._replace(offset=11), key=None))
    worker = Worker(log, store)
    await worker.read(Kind.ORDERS)
    bad_bytes = [Reason.UNDECODABLE] * 3 + [Reason.UNKNOWN_SCHEMA]
    assert reasons(worker) == bad_bytes + [Reason.INVALID_FIELD] * 7
    log.update("on its way")
    for bad in (
        {"event_id": ""},
        {"event_id": "x" * 65},
        {"event_id": "placed"},
        {"latitude": float("nan"), "longitude": 1.0},
        {"latitude": 91.0, "longitude": 1.0},
        {"latitude": 1.0},
        {"note": "x" * 501},
        {"occurred_at": 2**62},
        {"courier": ""},
    ):
        log.append(Kind.UPDATES, update_message("in_transit", **bad), b"7")
    await worker.read(Kind.UPDATES)
    assert reasons(worker)[11:] == [Reason.UNKNOWN_STATUS] + [Reason.INVALID_FIELD] * 9
    assert not worker.done[1].writes and not worker.done[1].waiting


async def test_a_record_in_a_strange_partition_is_forwarded_as_it_is() -> None:
    log = Log()
    record = log.append(Kind.UPDATES, b"whatever it is", b"6")
    worker = Worker(log, memory(log))
    effects = await worker.read(Kind.UPDATES)
    assert [each.record for each in effects.forwards] == [record] and not effects.rejections
    assert effects.forwards[0].partition != record.position.partition


async def test_a_record_that_was_only_small_compressed_is_rejected_before_it_is_forwarded_or_waits() -> None:
    log = Log()
    record = log.append(Kind.UPDATES, update_message("picked_up"), headers=[("blob", b"x" * topics.MAX_RECORD)])
    log.append(Kind.UPDATES, record.value, b"6", headers=record.headers)
    worker = Worker(log, memory(log))
    effects = await worker.read(Kind.UPDATES)
    assert reasons(worker) == [Reason.INVALID_FIELD] * 2 and not effects.forwards and not effects.waiting


@pytest.mark.parametrize("trace", [b"x" * 900_000, b"00-zz-00-01", b""])
async def test_a_trace_header_that_is_none_is_not_copied_into_the_event(trace: bytes) -> None:
    log = Log()
    log.append(Kind.ORDERS, order_message(), headers=[("traceparent", trace)])
    worker = Worker(log, memory(log))
    await worker.read(Kind.ORDERS)
    assert [event.record.processed for event in worker.done[0].events] == [None]


async def test_an_order_outlives_the_updates_that_waited_for_it() -> None:
    log = Log()
    store = memory(log)
    log.update("picked_up")
    log.order(placed_at=T0 - 400 * 86_400_000)
    worker = Worker(log, store)
    await worker.read(Kind.UPDATES)
    effects = await worker.read(Kind.ORDERS)
    assert effects.writes[0].expires_at > log.clock + WAITING_KEPT_MS


async def test_an_old_order_that_is_still_updated_has_all_its_rows_live_longer() -> None:
    log = Log()
    store = memory(log)
    log.order(placed_at=T0 - 89 * 86_400_000)
    worker = Worker(log, store)
    await worker.read(Kind.ORDERS)
    log.clock += 5 * 86_400_000  # beyond the end of its life by 2 days
    log.update("picked_up")
    effects = await worker.read(Kind.UPDATES)
    assert [row.number for row in effects.writes[0].rows] == [1, 2] and effects.writes[0].lists
    log.update("in_transit", occurred_at=T0 + 2000)
    effects = await worker.read(Kind.UPDATES)
    assert [row.number for row in effects.writes[0].rows] == [3], "once a day, not with each update"


STEPS = ("confirmed", "picked_up", "in_transit", "attempt_failed", "delivered", "exception", "nonsense")
inputs = st.lists(
    st.tuples(st.sampled_from(STEPS), st.integers(0, 5), st.integers(-3000, 9000), st.sampled_from([7, 7, 7, 8])),
    max_size=15,
)


def half(effects: Effects, data: st.DataObject) -> Effects:
    """Some of the writes, as a killed worker leaves them."""
    kept = [each for each in effects.writes if data.draw(st.booleans())]
    return Effects(writes=kept, waiting=[each for each in effects.waiting if data.draw(st.booleans())])


@settings(max_examples=300, deadline=None)
@given(inputs, st.data())
async def test_any_split_either_topic_first_and_any_crash_give_the_same(
    items: list[tuple[str, int, int, int]], data: st.DataObject
) -> None:
    log = Log()
    log.order()
    log.append(Kind.ORDERS, order_message(11), b"7")  # a key that is not the value's
    for status, event, at, id_order in items:
        log.update(status, event_id=f"e{event}", occurred_at=T0 + at, id_order=id_order)
    plain_store = memory(log)
    plain = Worker(log, plain_store)
    await plain.read(Kind.ORDERS)
    await plain.read(Kind.UPDATES)
    store = memory(log)
    committed = {Kind.ORDERS: 0, Kind.UPDATES: 0}
    seen: set[tuple[int, int | None]] = set()
    dead: set[tuple[Kind, int]] = set()
    worker = Worker(log, store, cached=data.draw(st.sampled_from([1, 1000])))
    while committed != {kind: len(log.records[kind]) for kind in Kind}:
        kind = data.draw(st.sampled_from([k for k in Kind if committed[k] < len(log.records[k])]))
        records = log.records[kind][committed[kind] :][: data.draw(st.integers(1, 6))]
        effects = await worker.lane.judge(records)
        dies = data.draw(st.sampled_from(["never", "never", "before it writes", "halfway", "before it commits"]))
        if dies != "before it writes":
            await worker.write(half(effects, data) if dies == "halfway" else effects)
        if dies in ("never", "before it commits"):
            seen |= {(event.order.id_order, event.row.version) for event in effects.events}
            dead |= {(each.record.kind, each.record.position.offset) for each in effects.rejections}
        if dies == "never":
            worker.lane.advance(kind, records[-1].position.offset + 1)
            committed[kind] += len(records)
        else:
            worker = Worker(log, store, committed[Kind.ORDERS], committed[Kind.UPDATES])
    assert await rows(store) == await rows(plain_store)
    assert seen == {(7, row.version) for row in await rows(plain_store) if row.applied}
    assert dead == {
        (each.record.kind, each.record.position.offset) for effects in plain.done for each in effects.rejections
    }


async def test_what_was_not_in_memory_is_counted() -> None:
    def loaded() -> float:
        return REGISTRY.get_sample_value("lacak_loaded_orders_total") or 0

    log, before = Log(), loaded()
    store = memory(log)
    log.order()
    for status in ("picked_up", "in_transit"):
        log.update(status)
    worker = Worker(log, store)
    await worker.read(Kind.ORDERS)
    await worker.read(Kind.UPDATES)
    assert loaded() - before == 1, "when it was placed, and not again"
    await Worker(log, store, orders=1).read(Kind.UPDATES)
    assert loaded() - before == 2, "another worker knows nothing of it yet"
