"""What the fault suite's checker expects is what the pipeline's own rules say, though written by another hand."""

import io
import json
from itertools import accumulate
from typing import Any

import avro.io
import avro.schema
import pytest
from aiokafka.partitioner import murmur2
from hypothesis import given
from hypothesis import strategies as st

import wire
from agents.records import Kind, Misrouted, Rejection, parse
from agents.records import Record as Consumed
from evidence import ORDERS, UPDATES, Record, pack_headers
from expected import Expected, Rejected, expect
from life import Life
from sample_run import ANI, BUDI, PARTITIONS, TRACE, order, update
from streams import messages
from streams import order as rules
from streams.order import Position
from streams.trace import derived, of_headers
from tables.orders import Current
from tables.rows import ROW_NUMBER_BITS

DAY = 86_400_000
T0 = 1_790_000_000_000
KEY = b"7"


# -- the fold

steps = st.lists(
    st.fixed_dictionaries(
        {
            "event_id": st.integers(0, 11).map("e{}".format),
            "status": st.sampled_from(rules.STATUSES),
            "occurred_at": st.integers(-20, 40).map(lambda s: T0 + s * 1000),
            "eta": st.none() | st.integers(T0, T0 + 5),
            "note": st.none() | st.just("titip"),
            "passes": st.integers(0, 9_000),
            "corrects": st.none() | st.integers(1, 6),
        }
    ),
    max_size=25,
)


@given(steps, st.integers(-5, 5))
def test_the_checkers_fold_is_the_pipelines(log: list[dict[str, Any]], ahead: int) -> None:
    said = order(7, ANI, placed_at=T0 + ahead * 1000)
    placing = Record(3, 0, T0, KEY, b"")
    theirs = messages.order_of(said, Position("o", 3, 0), T0)
    ours, rows = Life.begin(said, placing), [rules.placed(theirs)]
    times = accumulate((step.pop("passes") for step in log), initial=T0)
    for offset, (step, at) in enumerate(zip(log, [*times][1:], strict=True)):
        message = said_by(step)
        verdict = ours.judge(message, Record(3, offset, at, KEY, b""))
        rows, outcome = rules.fold(rows, messages.update_of(message, Position("u", 3, offset), at))
        assert verdict == getattr(outcome, "reason", type(outcome).__name__.lower())
    _same(ours, theirs, rows)


def said_by(step: dict[str, Any]) -> dict[str, Any]:
    """The update of a step: a courier's, or an operator's."""
    who = {} if step["corrects"] is None else {"courier": "operator", "operator": "ani", "note": "keliru"}
    return {**update("", 7, "", 0), **step, **who}


def _same(ours: Life, theirs: rules.Order, rows: list[rules.Row]) -> None:
    assert len(ours.rows) == len(rows)
    for mine, row in zip(ours.rows, rows, strict=True):
        cells = ours.history_cells(mine, {ORDERS: "o", UPDATES: "u"})
        assert cells["id_order_status_history"] == row.occurred_at << ROW_NUMBER_BITS | row.number
        assert (cells["source_incarnation"], cells["source_partition"], cells["source_offset"]) == row.position
        assert all(cells[name] == getattr(row, name) for name in cells if hasattr(row, name))
        if row.applied:
            assert ours.event(mine) == messages.status_changed(theirs, row)
            assert ours.event_json(mine) == messages.as_json(messages.status_changed(theirs, row))
    now, cells = Current.of(theirs, rows), ours.order_cells("o")
    assert all(cells[name] == getattr(now, name) for name in ("status", "status_at", "version", "courier", "eta"))
    assert all(cells[name] == getattr(theirs, name) for name in cells if hasattr(theirs, name))


def test_the_thousandth_row_is_the_last() -> None:
    life = Life.begin(order(7, ANI), Record(0, 0, T0, KEY, b""))
    said = [life.judge(update(f"e{n}", 7, "in_transit", n), Record(0, n, T0 + 10**7, KEY, b"")) for n in range(1, 1002)]
    assert said == ["applied"] * 999 + ["too_many_updates"] * 2
    assert life.judge(update("late", 7, "in_transit", 0), Record(0, 1002, T0 + 10**7, KEY, b"")) == "too_many_updates"
    assert life.judge(update("e5", 7, "in_transit", 0), Record(0, 1003, T0 + 10**7, KEY, b"")) == "duplicate"


# -- what is valid

CORRECTION = {"corrects": 3, "operator": "ani", "courier": "operator", "note": "keliru"}
BAD: list[tuple[str, dict[str, Any]]] = [
    (ORDERS, {"jumlah": 0}),
    (ORDERS, {"harga": -1}),
    (ORDERS, {"id_user": -1}),
    (ORDERS, {"id_produk": -1}),
    (ORDERS, {"id_order": 0}),
    (ORDERS, {"total_harga": -1}),
    (ORDERS, {"currency": "rp"}),
    (ORDERS, {"currency": "IDR\n"}),
    (ORDERS, {"placed_at": 0}),
    (ORDERS, {"promised_at": 0}),
    (ORDERS, {"promised_at": 2**62}),
    (ORDERS, {"produk_nama": "k" * 501}),
    (ORDERS, {"produk_nama": ""}),
    (UPDATES, {"status": "teleported"}),
    (UPDATES, {"status": "teleported", "event_id": ""}),
    (UPDATES, {"event_id": ""}),
    (UPDATES, {"event_id": "placed"}),
    (UPDATES, {"event_id": "e" * 64}),
    (UPDATES, {"event_id": "e" * 65}),
    (UPDATES, {"id_order": -7}),
    (UPDATES, {"occurred_at": 0}),
    (UPDATES, {"occurred_at": 2_177_452_800_000}),
    (UPDATES, {"courier": ""}),
    (UPDATES, {"courier": "j" * 201}),
    (UPDATES, {"substatus": "s" * 201}),
    (UPDATES, {"note": "№" * 500}),
    (UPDATES, {"note": "n" * 501}),
    (UPDATES, {"latitude": 91.0, "longitude": 0.0}),
    (UPDATES, {"latitude": 90.0, "longitude": -180.0}),
    (UPDATES, {"latitude": 1.0, "longitude": 180.5}),
    (UPDATES, {"latitude": float("nan"), "longitude": 0.0}),
    (UPDATES, {"latitude": 1.0}),
    (UPDATES, {"longitude": 1.0}),
    (UPDATES, {"eta": 0}),
    (UPDATES, {"corrects": 3}),
    (UPDATES, {"operator": "ani"}),
    (UPDATES, CORRECTION),
    (UPDATES, CORRECTION | {"courier": "jne"}),
    (UPDATES, CORRECTION | {"note": None}),
    (UPDATES, CORRECTION | {"note": ""}),
    (UPDATES, CORRECTION | {"corrects": 0}),
    (UPDATES, CORRECTION | {"corrects": 2**31 - 1}),
    (UPDATES, CORRECTION | {"operator": ""}),
    (UPDATES, CORRECTION | {"operator": "a" * 64}),
    (UPDATES, CORRECTION | {"operator": "a" * 65}),
]
GOOD = {ORDERS: order(7, ANI), UPDATES: update("e1", 7, "picked_up", 1, latitude=-6.2, longitude=106.8, note="titip")}
NAMES = {ORDERS: "OrderPlaced", UPDATES: "CourierStatusUpdate"}
HOME = wire.partition_of(KEY, PARTITIONS)


def bytes_of(topic: str, **changes: Any) -> bytes:
    return wire.encode(NAMES[topic], GOOD[topic] | changes)


def verdicts(topic: str, record: Record) -> tuple[str, str]:
    """What the checker and what the pipeline make of a record, in the checker's words."""
    expected = expect(*([record] if topic == each else [] for each in (ORDERS, UPDATES)), PARTITIONS)
    reasons = [each.reason for each in expected.rejected.values()]
    position = Position("i", record.partition, record.offset)
    consumed = Consumed(Kind(topic), position, record.timestamp, record.key, record.value, list(record.headers))
    found = parse(consumed, PARTITIONS)
    theirs = found.reason if isinstance(found, Rejection) else "misrouted" if isinstance(found, Misrouted) else "valid"
    return (*reasons, *("misrouted" for _ in expected.misrouted), "valid")[0], theirs


@pytest.mark.parametrize(("topic", "changes"), BAD)
def test_both_call_the_same_fields_bad(topic: str, changes: dict[str, Any]) -> None:
    ours, theirs = verdicts(topic, Record(HOME, 0, T0, KEY, bytes_of(topic, **changes)))
    assert ours == theirs


@pytest.mark.parametrize("key", [None, b"", b"07", b"+7", b"7 ", b"8", b"0", b"-7", b"kopi", b"9" * 19, b"9" * 20])
@pytest.mark.parametrize("partition", range(PARTITIONS))
def test_both_call_the_same_keys_bad_or_misrouted(key: bytes | None, partition: int) -> None:
    ours, theirs = verdicts(UPDATES, Record(partition, 0, T0, key, bytes_of(UPDATES)))
    assert ours == theirs != "valid"


@given(st.sampled_from([ORDERS, UPDATES]), st.data())
def test_both_read_the_same_in_broken_bytes(topic: str, data: st.DataObject) -> None:
    other = UPDATES if topic == ORDERS else ORDERS
    value = bytearray(bytes_of(data.draw(st.sampled_from([topic, topic, topic, other]))))
    for _ in range(data.draw(st.integers(0, 3))):
        value[data.draw(st.integers(0, len(value) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.sampled_from([len(value), len(value), 4, 5, len(value) - 1]))
    record = Record(HOME, 0, T0, KEY, bytes(value[:cut]) + data.draw(st.sampled_from([b"", b"", b"\0"])))
    ours, theirs = verdicts(topic, record)
    assert ours == theirs


@pytest.mark.parametrize("size", [1_047_000, 1_047_552, 1_048_000])
def test_both_find_the_same_too_large(size: int) -> None:
    headers = pack_headers([("padding", b"x" * (size - len(bytes_of(UPDATES)) - 100))])
    ours, theirs = verdicts(UPDATES, Record(HOME, 0, T0, KEY, bytes_of(UPDATES), headers))
    assert ours == theirs


def test_no_value_is_undecodable() -> None:
    assert verdicts(ORDERS, Record(HOME, 0, T0, KEY, None)) == ("undecodable", "undecodable")


# -- the wire


@given(st.binary(max_size=40))
def test_murmur2_is_kafkas(data: bytes) -> None:
    assert wire.murmur2(data) == murmur2(data) & 0xFFFFFFFF


def test_what_is_decoded_is_what_apaches_library_decodes() -> None:
    life = Life.begin(order(7, ANI), Record(0, 0, T0, KEY, b""))
    life.judge(GOOD[UPDATES], Record(0, 0, T0 + 10**7, KEY, b""))
    for name, message in (
        *((NAMES[topic], GOOD[topic]) for topic in GOOD),
        ("OrderStatusChanged", life.event(life.now)),
    ):
        text = json.loads((wire.AVRO / f"{name}.avsc").read_text())
        schema = avro.schema.parse(json.dumps(wire.without_logical_types(text)))
        value = wire.encode(name, message)
        reader = avro.io.DatumReader(schema)
        theirs = reader.read(avro.io.BinaryDecoder(io.BytesIO(value[5:])))
        assert theirs == message == wire.decode(name, value)


@given(st.integers(946_684_800_000, 2_177_452_799_999))
def test_times_are_shown_as_the_pipeline_shows_them(ms: int) -> None:
    assert wire.rfc3339(ms) == messages.rfc3339(ms)


@pytest.mark.parametrize("trace", [TRACE, b"nonsense", None, TRACE.upper(), b"", b"ff" + TRACE[2:], TRACE[:-1] + b"2"])
def test_headers_are_those_of_the_pipeline(trace: bytes | None) -> None:
    headers = (("x", None), ("traceparent", trace), ("traceparent", TRACE))
    ours = wire.trace_of(headers)
    assert ours == of_headers(headers)
    assert wire.trace_after(ours, "orders/3/99") == derived(ours, "orders", 3, 99)
    theirs = messages.cloud_event(messages.STATUS_CHANGED, "7-1", "track", T0, ours)
    assert wire.cloud_event("lacak.order.status-changed", "7-1", "track", T0, ours) == tuple(theirs)


# -- both topics together


def placing(offset: int, at: int = T0, partition: int = HOME, **changes: Any) -> Record:
    return Record(partition, offset, at, KEY, bytes_of(ORDERS, **changes))


def scan(offset: int, event_id: str, status: str, at: int = T0 + 1000, partition: int = HOME) -> Record:
    value = bytes_of(UPDATES, event_id=event_id, status=status, occurred_at=T0 + offset)
    return Record(partition, offset, at, KEY, value)


def both(orders: list[Record], updates: list[Record]) -> Expected:
    return expect(orders, updates, PARTITIONS)


def test_the_first_valid_order_counts_and_the_others_are_judged_by_it() -> None:
    bad, first, same, other = (
        placing(0, jumlah=0),
        placing(1),
        placing(2, placed_at=T0 + 5),
        placing(3, id_user=BUDI),
    )
    expected = both([bad, first, same, other], [])
    assert expected.orders[7].record is first
    assert expected.rejected == {
        (ORDERS, HOME, 0): Rejected(bad, "invalid_field"),
        (ORDERS, HOME, 3): Rejected(other, "conflicting_order"),
    }
    assert (expected.counts["applied"], expected.counts["duplicate"]) == (1, 1)


def test_an_early_update_is_folded_as_if_it_had_waited() -> None:
    expected = both([placing(0, at=T0 + 500)], [scan(0, "a", "confirmed", at=T0 + 100), scan(1, "b", "picked_up")])
    assert [row.status for row in expected.orders[7].changes] == ["placed", "confirmed", "picked_up"]
    assert expected.early == {(UPDATES, HOME, 0)} and not expected.waiting
    assert expected.applied[UPDATES, HOME, 1] == (7, 3)


def test_updates_of_an_order_that_never_came_wait_the_first_thousand_of_them() -> None:
    records = [scan(n, f"e{n}", "confirmed") for n in range(1001)]
    expected = both([], records)
    assert expected.waiting == {7: records[:1000]}
    assert expected.rejected == {(UPDATES, HOME, 1000): Rejected(records[1000], "unknown_order")}


def test_an_update_that_waited_for_more_than_a_week_is_not_folded() -> None:
    in_time, too_old = scan(1, "b", "confirmed", at=T0), scan(0, "a", "confirmed", at=T0 - 1)
    expected = both([placing(0, at=T0 + 7 * DAY)], [too_old, in_time])
    assert expected.waiting == {7: [too_old]}
    assert [row.event_id for row in expected.orders[7].changes] == ["placed", "b"]


def test_a_misrouted_record_has_no_effect_and_its_copy_has() -> None:
    wrong = (HOME + 1) % PARTITIONS
    stray = scan(0, "a", "confirmed", partition=wrong)
    assert both([placing(0)], [stray]).orders[7].now.status == "placed"
    expected = both([placing(0)], [stray, scan(5, "a", "confirmed"), scan(6, "a", "confirmed")])
    assert expected.misrouted == [(UPDATES, stray)]
    assert expected.applied[UPDATES, HOME, 5] == (7, 2)
    assert expected.counts["duplicate"] == 1


@given(steps.filter(bool), st.integers(0, 5))
def test_the_rejected_the_late_and_the_duplicates_change_nothing(log: list[dict[str, Any]], later: int) -> None:
    """Without what is not applied, the applied ones are the same."""
    life, again = (Life.begin(order(7, ANI), Record(0, 0, T0, KEY, b"")) for _ in range(2))
    kept = []
    for offset, step in enumerate(log):
        message = said_by({name: value for name, value in step.items() if name != "passes"})
        record = Record(0, offset, T0 + later * 1000 + offset, KEY, b"")
        if life.judge(message, record) == "applied":
            kept.append((message, record))
    assert all(again.judge(*each) == "applied" for each in kept)
    assert [row._replace(number=0) for row in again.changes] == [row._replace(number=0) for row in life.changes]
