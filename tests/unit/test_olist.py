"""The Olist files as our messages, told once more from the CSV by other means."""

import csv
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from shutil import copytree

import pytest

from cli.lines import Bad, NotRead
from cli.olist import Files, Ids, read
from cli.publish import Item
from streams.messages import Message

SAMPLE = Path(__file__).parent.parent / "data" / "olist"


def items(folder: Path = SAMPLE) -> list[Item | Bad]:
    files = Files()
    for path in sorted(folder.glob("*.csv")):
        assert files.add(path)
    return list(read(files))


def rows(name: str) -> list[dict[str, str]]:
    with (SAMPLE / f"olist_{name}_dataset.csv").open() as file:
        return list(csv.DictReader(file))


def orders() -> dict[str, tuple[dict[str, str], Message, list[Message]]]:
    """By order_id: its row, its OrderPlaced, its updates."""
    by_id: dict[int, tuple[Message, list[Message]]] = {}
    for item in items():
        assert isinstance(item, Item)
        if item.is_order:
            by_id[item.message["id_order"]] = (item.message, [])
        else:
            by_id[item.message["id_order"]][1].append(item.message)
    return {row["order_id"]: (row, *by_id[Ids().id_order(row["order_id"])]) for row in rows("orders")}


def ms(text: str) -> int:
    return (datetime.fromisoformat(text) - datetime(1970, 1, 1)) // timedelta(milliseconds=1)


def test_the_sample_has_every_status_of_the_data_set() -> None:
    assert set(Counter(row["order_status"] for row in rows("orders"))) == {
        *("created", "approved", "processing", "invoiced", "shipped", "delivered", "canceled", "unavailable")
    }


def test_every_recorded_time_is_a_step_in_the_order_of_the_columns() -> None:
    columns = {"order_approved_at": "confirmed", "order_delivered_carrier_date": "picked_up"}
    columns["order_delivered_customer_date"] = "delivered"
    for row, order, updates in orders().values():
        assert order["placed_at"] == ms(row["order_purchase_timestamp"])
        assert order["promised_at"] == ms(row["order_estimated_delivery_date"])
        told = [(update["status"], update["occurred_at"]) for update in updates if update["status"] != "cancelled"]
        assert told == [(status, ms(row[column])) for column, status in columns.items() if row[column]]


def test_canceled_and_unavailable_orders_end_cancelled_at_their_last_known_time() -> None:
    seen = 0
    for row, order, updates in orders().values():
        cancelled = [update for update in updates if update["status"] == "cancelled"]
        if row["order_status"] not in ("canceled", "unavailable"):
            assert not cancelled
            continue
        seen += 1
        assert cancelled == updates[-1:]
        assert cancelled[0]["occurred_at"] == max(
            order["placed_at"], *(update["occurred_at"] for update in updates[:-1]), 0
        )
    assert seen == 9


def test_produk_and_harga_are_the_first_lines_and_the_total_is_the_sum_in_cents() -> None:
    lines: dict[str, list[dict[str, str]]] = {}
    for line in rows("order_items"):
        lines.setdefault(line["order_id"], []).append(line)
    shapes = Counter[int]()
    for order_id, (_, order, _) in orders().items():
        of_order = sorted(lines.get(order_id, []), key=lambda line: int(line["order_item_id"]))
        shapes[len(of_order)] += 1
        if not of_order:
            assert (order["id_produk"], order["harga"], order["jumlah"], order["total_harga"]) == (0, 0, 1, 0)
            continue
        cents = [round(float(line["price"]) * 100) for line in of_order]
        assert order["id_produk"] == Ids().id_produk(of_order[0]["product_id"])
        assert (order["harga"], order["jumlah"], order["total_harga"]) == (cents[0], len(cents), sum(cents))
        assert order["currency"] == "BRL"
    assert shapes[0] and shapes[1] and shapes[2]


def test_one_person_has_one_id_user_whatever_customer_id_an_order_has() -> None:
    person = {row["customer_id"]: row["customer_unique_id"] for row in rows("customers")}
    users: dict[str, set[int]] = {}
    for row, order, _ in orders().values():
        users.setdefault(person[row["customer_id"]], set()).add(order["id_user"])
    assert all(len(ids) == 1 for ids in users.values())
    assert len(users) == len({next(iter(ids)) for ids in users.values()}) < len(person)


def test_event_ids_are_unique_within_an_order_and_the_same_in_every_load() -> None:
    assert items() == items()
    for _, _, updates in orders().values():
        assert len({update["event_id"] for update in updates}) == len(updates)


def test_the_numbers_of_hashes_never_change() -> None:
    ids = Ids()
    assert ids.id_order("a4591c265e18cb1dcee52889e2d8acc3") == 5748163009736016930
    assert ids.id_user("a4591c265e18cb1dcee52889e2d8acc3") == 1650132000
    assert ids.id_produk("a4591c265e18cb1dcee52889e2d8acc3") == 31861695


def test_two_hashes_with_one_number_are_told_not_merged() -> None:
    ids, numbers = Ids(), dict[int, str]()
    for n in range(200_000):  # about 9 collisions are to be expected in 31 bits
        text = f"person {n}"
        try:
            number = ids.id_user(text)
        except ValueError as error:
            assert "would have the same number" in str(error)
            return
        assert numbers.setdefault(number, text) == text
    raise AssertionError("no collision was told")


def test_a_bad_line_leaves_out_its_order_and_no_other(tmp_path: Path) -> None:
    folder = copytree(SAMPLE, tmp_path / "olist")
    path = folder / "olist_order_items_dataset.csv"
    broken = rows("order_items")[0]
    path.write_text(path.read_text().replace(f",{broken['price']},", ",free,", 1))
    path = folder / "olist_orders_dataset.csv"
    path.write_text(path.read_text() + "x,y,delivered,yesterday,,,,\nx,y\n")
    found = items(folder)
    bad = [item for item in found if isinstance(item, Bad)]
    assert [one.source.partition(":")[0] for one in bad] == [
        "olist_order_items_dataset.csv",
        "olist_orders_dataset.csv",
        "olist_orders_dataset.csv",
    ]
    assert "'free' is not an amount" in bad[0].why
    assert sum(isinstance(item, Item) and item.is_order for item in found) == 40


def test_without_the_orders_there_is_nothing_to_load() -> None:
    files = Files()
    files.add(SAMPLE / "olist_customers_dataset.csv")
    with pytest.raises(NotRead, match="olist_orders_dataset"):
        read(files)
