"""Lines of one's own: what they may look like, and that a bad one is told with its number and nothing else."""

import json
from pathlib import Path
from typing import Any

import pytest

from cli.lines import Bad, NotRead, read_csv, read_json
from cli.publish import Item
from streams import carrier_files
from streams.messages import parse_time

NOW = parse_time("2026-05-01T00:00:00Z")
CARRIERS = carrier_files.load()
ORDER: dict[str, Any] = {"id_order": "9007199254740993", "id_user": 42, "id_produk": 7, "harga": 15000, "jumlah": 2}
UPDATE: dict[str, Any] = {
    "id_order": 9007199254740993,
    "status": "in_transit",
    "occurred_at": "2026-05-01T09:00:00+07:00",
    "courier": "jne",
}


def from_json(tmp_path: Path, *lines: dict[str, Any] | bytes) -> list[Item | Bad]:
    path = tmp_path / "own.jsonl"
    path.write_bytes(b"\n".join(line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines))
    return list(read_json(path, NOW, CARRIERS))


def from_csv(tmp_path: Path, text: str | bytes) -> list[Item | Bad]:
    path = tmp_path / "own.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return list(read_csv(path, NOW, CARRIERS))


def only(items: list[Item | Bad]) -> Item:
    (item,) = items
    assert isinstance(item, Item), item
    return item


def test_an_order_gets_the_defaults_that_the_api_gives(tmp_path: Path) -> None:
    item = only(from_json(tmp_path, ORDER))
    assert item.is_order
    assert item.message == {
        "id_order": 9007199254740993,
        "id_user": 42,
        "id_produk": 7,
        "harga": 15000,
        "jumlah": 2,
        "total_harga": 30000,
        "currency": "IDR",
        "placed_at": NOW,
        "produk_nama": None,
        "promised_at": None,
    }


def test_a_line_with_a_status_is_an_update_and_times_take_any_offset(tmp_path: Path) -> None:
    item = only(from_json(tmp_path, UPDATE | {"latitude": -6.2, "longitude": 106, "note": None}))
    assert not item.is_order
    assert item.message["occurred_at"] == parse_time("2026-05-01T02:00:00Z")
    assert (item.message["latitude"], item.message["longitude"], item.message["note"]) == (-6.2, 106.0, None)


def test_an_update_without_an_event_id_gets_the_same_one_every_time(tmp_path: Path) -> None:
    first, second = (only(from_json(tmp_path, UPDATE)).message["event_id"] for _ in range(2))
    assert first == second == f"in_transit-{parse_time('2026-05-01T02:00:00Z')}"


def test_csv_holds_both_and_an_empty_cell_is_an_absent_field(tmp_path: Path) -> None:
    order, update = from_csv(
        tmp_path,
        "\ufeffid_order,id_user,id_produk,harga,jumlah,produk_nama,status,occurred_at,courier\r\n"
        '5,42,7,15000,1,"Kopi, 250 g",,,\r\n'
        "\r\n"
        "5,,,,,,picked_up,2026-05-01T09:00:00+07:00,jnt\r\n",
    )
    assert isinstance(order, Item) and order.is_order and order.message["produk_nama"] == "Kopi, 250 g"
    assert isinstance(update, Item) and not update.is_order and update.message["courier"] == "jnt"
    assert update.source == "own.csv:4"


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b"{", "no JSON"),
        (b'"text"', "not a JSON object"),
        (b'{"id_order": "\xff"}', "not UTF-8"),
        (b"[" * 100_000, "no JSON"),
        (ORDER | {"colour": "red"}, "no such field: colour"),
        ({"id_order": 1}, "missing: id_user, id_produk, harga, jumlah"),
        (ORDER | {"jumlah": 0}, "jumlah: 0 is not in"),
        (ORDER | {"harga": -1}, "harga: -1 is not in"),
        (ORDER | {"harga": 2**31}, "harga: 2147483648 is not in"),
        (ORDER | {"harga": 1.5}, "harga: '1.5' is not a whole number"),
        (ORDER | {"harga": True}, "harga: 'True' is not a whole number"),
        (ORDER | {"id_order": str(2**63)}, "id_order: 9223372036854775808 is not in"),
        (ORDER | {"id_order": "١"}, "is not a whole number"),
        (ORDER | {"currency": "rupiah"}, "currency: not an ISO 4217 code"),
        (ORDER | {"placed_at": "1999-12-31T00:00:00Z"}, "placed_at"),
        (UPDATE | {"occurred_at": "2026-05-01T09:00:00"}, "occurred_at: a time needs an offset"),
        (UPDATE | {"occurred_at": "yesterday"}, "occurred_at: Invalid isoformat"),
        (UPDATE | {"occurred_at": 5}, "occurred_at: '5' is not a time"),
        (UPDATE | {"status": "teleported"}, "status: 'teleported'"),
        (UPDATE | {"latitude": 5.0}, "latitude and longitude: both or none"),
        (UPDATE | {"latitude": float("nan"), "longitude": 1.0}, "latitude: nan is not in"),
        (UPDATE | {"latitude": "91", "longitude": "1"}, "latitude: 91.0 is not in"),
        (UPDATE | {"courier": 5}, "courier: '5' is not a text"),
        (UPDATE | {"event_id": "placed"}, "event_id: 'placed' is the order's own"),
    ],
)
def test_a_bad_line_is_told_with_its_number_and_the_others_are_read(
    tmp_path: Path, line: dict[str, Any] | bytes, why: str
) -> None:
    before, bad, after = from_json(tmp_path, ORDER, line, UPDATE)
    assert isinstance(before, Item) and isinstance(after, Item)
    assert isinstance(bad, Bad) and bad.source == "own.jsonl:2"
    assert why in bad.why


def test_a_csv_line_with_too_few_cells_or_bytes_that_are_no_text_is_bad(tmp_path: Path) -> None:
    found = from_csv(tmp_path, b"id_order,id_user,id_produk,harga,jumlah\n1,2,3\n\xff,1,1,1,1\n1,2,3,4,5\n")
    assert found[:2] == [Bad("own.csv:2", "3 cells, the header has 5"), Bad("own.csv:3", "not UTF-8")]
    assert isinstance(found[2], Item)


def test_a_csv_file_with_other_columns_is_not_read_at_all(tmp_path: Path) -> None:
    with pytest.raises(NotRead, match="no such column: colour"):
        from_csv(tmp_path, "id_order,colour\n1,red\n")
    with pytest.raises(NotRead, match="no column id_order"):
        from_csv(tmp_path, "")


THEIRS: dict[str, Any] = {name: value for name, value in UPDATE.items() if name != "status"}


def test_a_line_may_be_in_a_carriers_own_words(tmp_path: Path) -> None:
    code = {"vocabulary": "aftership", "code": "Exception", "subcode": "Exception_010"}
    item = only(from_json(tmp_path, THEIRS | {"carrier_code": code}))
    assert not item.is_order
    assert (item.message["status"], item.message["substatus"]) == ("returning", "Exception/Exception_010")
    own = only(from_json(tmp_path, THEIRS | {"courier": "kiriminaja", "carrier_code": {"code": 200}, "substatus": "x"}))
    assert (own.message["status"], own.message["substatus"]) == ("delivered", "x")
    in_csv = only(
        from_csv(
            tmp_path,
            "id_order,occurred_at,courier,carrier_code.vocabulary,carrier_code.code,carrier_code.subcode\n"
            "5,2026-05-01T09:00:00+07:00,jne,aftership,Exception,Exception_010\n",
        )
    )
    assert {**in_csv.message, "id_order": item.message["id_order"]} == item.message


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"carrier_code": {"code": "Gone", "vocabulary": "aftership"}}, "carrier_code.code: 'Gone' is not known"),
        ({"carrier_code": {"code": "D01"}}, "carrier_code.vocabulary: 'jne' is none of aftership"),
        ({"carrier_code": {"code": "Delivered", "vocabulary": "aftership"}, "status": "lost"}, "one of both"),
        ({"carrier_code": {"vocabulary": "aftership"}}, "missing: carrier_code.code"),
        ({"carrier_code": {"code": "Delivered", "color": "x"}}, "no such field: carrier_code.color"),
        ({"carrier_code": "Delivered"}, "carrier_code: not a JSON object"),
    ],
)
def test_a_code_that_is_not_known_makes_a_bad_line(tmp_path: Path, changes: dict[str, Any], why: str) -> None:
    (bad,) = from_json(tmp_path, THEIRS | changes)
    assert isinstance(bad, Bad) and why in bad.why
