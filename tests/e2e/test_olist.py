"""Real orders, every status, through Kafka, the worker and Cassandra; compared with a fold of the CSV of its own.

The Olist data set's licence forbids to commit it: where it does not lie beside the project, a small sample of our own
making in the same format stands in.
"""

import asyncio
import csv
import subprocess
import sys
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import topics_reader
from cli.olist import Ids
from fresh import environment
from lacak import Lacak
from processes import until
from streams.settings import Settings
from tables.cassandra_orders import CassandraOrders
from tables.orders import StoredOrder

ROOT = Path(__file__).parents[2]
REAL = ROOT.parent / "shared" / "data" / "olist"
FOLDER = REAL if REAL.is_dir() else ROOT / "tests" / "data" / "olist"
Step = tuple[str, int]


def rows(name: str) -> list[dict[str, str]]:
    with (FOLDER / f"olist_{name}_dataset.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def ms(text: str) -> int:
    return int(datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC).timestamp()) * 1000


def life(row: dict[str, str]) -> list[Step]:
    """What became of an order by the CSV: (status, time) of each applied change. No code of the pipeline's."""
    steps = [("placed", ms(row["order_purchase_timestamp"]))]
    for status, column in (
        ("confirmed", "order_approved_at"),
        ("picked_up", "order_delivered_carrier_date"),
        ("delivered", "order_delivered_customer_date"),
    ):
        if row[column]:
            steps.append((status, ms(row[column])))
    if row["order_status"] in ("canceled", "unavailable") and steps[-1][0] != "delivered":
        steps.append(("cancelled", max(time for _, time in steps)))
    return steps


@pytest.fixture(scope="module")
def expected() -> dict[int, dict[str, Any]]:
    """Each order as the CSV tells it, by our id."""
    ids, people = Ids(), {row["customer_id"]: row["customer_unique_id"] for row in rows("customers")}
    lines = defaultdict(list)
    for row in rows("order_items"):
        lines[row["order_id"]].append(row)
    found = {}
    for row in rows("orders"):
        mine = sorted(lines[row["order_id"]], key=lambda line: int(line["order_item_id"]))
        cents = [round(float(line["price"]) * 100) for line in mine]
        found[ids.id_order(row["order_id"])] = {
            "id_user": ids.id_user(people[row["customer_id"]]),
            "id_produk": ids.id_produk(mine[0]["product_id"]) if mine else 0,
            "harga": cents[0] if mine else 0,
            "jumlah": len(mine) or 1,
            "total_harga": sum(cents),
            "life": life(row),
        }
    return found


@pytest.fixture(scope="module")
def loaded(lacak: Lacak, expected: dict[int, dict[str, Any]]) -> Lacak:
    """All of it, sent by `lacak load` and gone through the worker."""
    command = [sys.executable, "-m", "cli.main", "load", *map(str, sorted(FOLDER.glob("*.csv")))]
    done = subprocess.run(
        command, cwd=ROOT, env=environment(lacak.settings), capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    changes = sum(len(order["life"]) for order in expected.values())
    until(lambda: len(changed(lacak.settings)) >= changes, 240, f"{changes} changes are published")
    return lacak


def changed(settings: Settings) -> list[dict[str, Any]]:
    return topics_reader.messages(settings, "order-status-changed", "OrderStatusChanged")


def stored(settings: Settings, ids: list[int]) -> dict[int, StoredOrder]:
    async def load() -> dict[int, StoredOrder]:
        store = await CassandraOrders.connect(settings)
        found: dict[int, StoredOrder] = {}
        try:
            for at in range(0, len(ids), 100):
                some = await asyncio.gather(*map(store.load, ids[at : at + 100]))
                found |= {order.order.id_order: order for order in some if order}
            return found
        finally:
            await store.close()

    return asyncio.run(load())


def test_every_status_of_the_data_is_among_them(expected: dict[int, dict[str, Any]]) -> None:
    assert {row["order_status"] for row in rows("orders")} >= {"delivered", "shipped", "canceled", "unavailable"}
    assert len(expected) == len(rows("orders"))
    if FOLDER == REAL:
        assert len(expected) == 4043


def test_every_orders_rows_in_cassandra_are_what_the_csv_says(
    loaded: Lacak, expected: dict[int, dict[str, Any]]
) -> None:
    found = stored(loaded.settings, list(expected))
    assert found.keys() == expected.keys()
    for id_order, want in expected.items():
        order, applied = found[id_order].order, [row for row in found[id_order].rows if row.applied]
        assert [(row.status, row.occurred_at) for row in applied] == want["life"]
        assert [row.version for row in applied] == list(range(1, len(applied) + 1))
        assert (order.id_user, order.id_produk, order.harga, order.jumlah, order.total_harga) == (
            want["id_user"],
            want["id_produk"],
            want["harga"],
            want["jumlah"],
            want["total_harga"],
        )


def test_the_topic_has_every_change_of_every_order_with_versions_from_one(
    loaded: Lacak, expected: dict[int, dict[str, Any]]
) -> None:
    events: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for event in changed(loaded.settings):
        events[event["id_order"]].append(event)
    assert events.keys() == expected.keys()
    for id_order, want in expected.items():
        mine = events[id_order]
        assert [event["version"] for event in mine] == list(range(1, len(want["life"]) + 1))
        assert [(event["status"], event["occurred_at"]) for event in mine] == want["life"]
        assert {(event["id_user"], event["total_harga"]) for event in mine} == {(want["id_user"], want["total_harga"])}


def test_what_came_after_the_end_is_in_the_dead_letters(loaded: Lacak, expected: dict[int, dict[str, Any]]) -> None:
    ended = [row for row in rows("orders") if row["order_delivered_customer_date"]]
    after = [row for row in ended if row["order_status"] in ("canceled", "unavailable")]
    rejected = topics_reader.read(loaded.settings, "courier-status-rejected")
    assert sorted(record.key() for record in rejected) == sorted(
        str(Ids().id_order(row["order_id"])).encode() for row in after
    )
