"""What can be wrong with the inputs and with Cassandra, and the kinds of findings it must make."""

from collections.abc import Callable
from typing import Any

import wire
from damage import (
    NAMES,
    Case,
    Damage,
    added,
    history,
    input_at,
    without_input,
)
from evidence import TABLES, UPDATES, Evidence, pack_headers
from findings import Kind
from sample_run import ANI, BOOK, SHOES, STRAY, T0, TEA, update


def rest_record(evidence: Evidence, id_: str) -> list[int]:
    topic = evidence.topics[UPDATES]
    return [index for index, each in enumerate(topic) if dict(each.headers).get("ce_id") == id_.encode()]


def row_of(evidence: Evidence, table: str, *start: Any) -> int:
    return next(i for i, row in enumerate(evidence.tables[table]) if row[: len(start)] == start)


def history_row(evidence: Evidence, event_id: str) -> int:
    column = TABLES["order_status_history"].index("event_id")
    return next(i for i, row in enumerate(evidence.tables["order_status_history"]) if row[column] == event_id)


def cell(table: str, name: str, value: Any, where: Callable[[Evidence], int]) -> Damage:
    """Alters one cell."""

    def damage(evidence: Evidence) -> None:
        index, column = where(evidence), TABLES[table].index(name)
        row = evidence.tables[table][index]
        assert row[column] != value
        evidence.tables[table][index] = (*row[:column], value, *row[column + 1 :])

    return damage


def order_cell(name: str, value: Any) -> Damage:
    return cell("orders", name, value, lambda evidence: row_of(evidence, "orders", SHOES))


def event_cell(name: str, value: Any) -> Damage:
    return cell("order_status_history", name, value, lambda evidence: history_row(evidence, "s2"))


def less(table: str, *start: Any) -> Damage:
    def damage(evidence: Evidence) -> None:
        del evidence.tables[table][row_of(evidence, table, *start)]

    return damage


def more(table: str, *row: Any) -> Damage:
    def damage(evidence: Evidence) -> None:
        evidence.tables[table].append(row)

    return damage


def drop_rest_input(evidence: Evidence) -> None:
    for index in reversed(rest_record(evidence, "r-3")):
        del evidence.topics[UPDATES][index]


def alter_input(evidence: Evidence) -> None:
    topic, index = input_at(evidence, "k-7")
    evidence.topics[topic][index] = evidence.topics[topic][index]._replace(packed=pack_headers([("new", b"1")]))


def never_forwarded(evidence: Evidence) -> None:
    topic, index = input_at(evidence, "k-10")
    stray = evidence.topics[topic][index]
    evidence.topics[topic] = [each for each in evidence.topics[topic] if each is stray or each.value != stray.value]


def strange_input(evidence: Evidence) -> None:
    topic, index = input_at(evidence, "k-17")
    record = evidence.topics[topic][index]
    said_now = wire.encode(NAMES[UPDATES], update("s2", SHOES, "delivered", 30))  # a duplicate: no effect of its own
    added(evidence, topic, record._replace(value=said_now))


def refused_input(evidence: Evidence) -> None:
    history(evidence).append(
        {
            "kind": "sent",
            "id": "r-9",
            "at": T0,
            "door": "rest",
            "topic": UPDATES,
            "message": update("s2", SHOES, "lost", 3),
        }
    )
    history(evidence).append({"kind": "refused", "id": "r-9", "at": T0, "status": 422})
    record = evidence.topics[UPDATES][input_at(evidence, "k-17")[1]]
    added(evidence, UPDATES, record._replace(value=wire.encode(NAMES[UPDATES], update("s2", SHOES, "lost", 3))))


def stale_order(evidence: Evidence) -> None:
    for name, value in (("status", "out_for_delivery"), ("version", 4), ("courier", None)):
        order_cell(name, value)(evidence)


def more_history(evidence: Evidence) -> None:
    row = evidence.tables["order_status_history"][history_row(evidence, "s5")]
    evidence.tables["order_status_history"].append((row[0], row[1] + 1, *row[2:]))


def moved_history(evidence: Evidence) -> None:
    index = history_row(evidence, "s2")
    row = evidence.tables["order_status_history"][index]
    evidence.tables["order_status_history"][index] = (row[0], row[1] + (5 << 22), *row[2:6], row[6] + 5, *row[7:])


def stale_history(evidence: Evidence) -> None:
    row = evidence.tables["order_status_history"][history_row(evidence, "s2")]
    evidence.tables["order_status_history"].insert(0, (row[0], row[1] + (5 << 22), *row[2:6], row[6] + 5, *row[7:]))


def replicas_differ(evidence: Evidence) -> None:
    evidence.fingerprints = {
        "LOCAL_QUORUM": dict.fromkeys(TABLES, 1),
        "ALL": {**dict.fromkeys(TABLES, 1), "orders": 2},
    }


STORE: list[Case] = [
    ("an acknowledged input is gone", without_input("k-7"), {Kind.LOST}),
    ("other bytes are where an input was acknowledged", alter_input, {Kind.LOST, Kind.PHANTOM}),
    ("an input that nobody sent", strange_input, {Kind.PHANTOM}),
    ("a refused input is on the topic", refused_input, {Kind.PHANTOM}),
    ("no row of orders", less("orders", SHOES), {Kind.LOST}),
    (
        "a row of orders that nobody placed",
        lambda e: more("orders", 999, *e.tables["orders"][0][1:])(e),
        {Kind.PHANTOM},
    ),
    ("another status", order_cell("status", "lost"), {Kind.WRONG_STATE}),
    ("a stale order", stale_order, {Kind.WRONG_STATE}),
    ("another price", order_cell("harga", 1), {Kind.WRONG_STATE}),
    ("another status's time", order_cell("status_at", T0), {Kind.WRONG_STATE}),
    ("no eta", order_cell("eta", None), {Kind.WRONG_STATE}),
    ("another incarnation", order_cell("placed_incarnation", "x"), {Kind.WRONG_STATE}),
    ("what is left of an order", order_cell("id_user", None), {Kind.LOST}),
    (
        "a history row is gone",
        lambda e: e.tables["order_status_history"].pop(history_row(e, "s2")) and None,
        {Kind.LOST},
    ),
    ("a history row too many", more_history, {Kind.PHANTOM}),
    ("another time, and id", moved_history, {Kind.WRONG_STATE}),
    ("a row of a stale writer beside the right one", stale_history, {Kind.PHANTOM}),
    ("a note out of nowhere", event_cell("note", "?"), {Kind.WRONG_STATE}),
    ("a place that is another", event_cell("latitude", -6.0), {Kind.WRONG_STATE}),
    ("another version", event_cell("version", 9), {Kind.WRONG_STATE}),
    ("not applied", event_cell("applied", False), {Kind.WRONG_STATE}),
    ("another source", event_cell("source_offset", 99), {Kind.WRONG_STATE}),
    (
        "a late one applied",
        cell("order_status_history", "version", 5, lambda e: history_row(e, "s4")),
        {Kind.WRONG_STATE},
    ),
    ("a user's list without an order", less("orders_by_user", ANI), {Kind.LOST}),
    ("a list's row too many", more("orders_by_user", ANI, 202601, T0, SHOES), {Kind.PHANTOM}),
    ("a product's list without an order", less("orders_by_produk", 6), {Kind.LOST}),
    ("a product's row too many", more("orders_by_produk", 6, 0, 0, SHOES), {Kind.PHANTOM}),
    ("no month", less("months_by_user", ANI), {Kind.LOST}),
    ("a month too many", more("months_by_user", ANI, 190001), {Kind.PHANTOM}),
    ("an update that does not wait", less("waiting_updates", STRAY), {Kind.LOST}),
    ("one that waits and never came", more("waiting_updates", TEA, "i", 0, 99, b"", None, 0, None), {Kind.PHANTOM}),
    (
        "other bytes wait",
        cell("waiting_updates", "value", b"x", lambda e: row_of(e, "waiting_updates", STRAY)),
        {Kind.WRONG_STATE},
    ),
    (
        "other headers wait",
        cell("waiting_updates", "headers", None, lambda e: row_of(e, "waiting_updates", STRAY)),
        {Kind.WRONG_STATE},
    ),
    (
        "a judged one, altered",
        cell("waiting_updates", "recorded_at", 1, lambda e: row_of(e, "waiting_updates", BOOK)),
        {Kind.WRONG_STATE},
    ),
    ("the replicas differ", replicas_differ, {Kind.WRONG_STATE}),
]
