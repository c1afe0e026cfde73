"""Orders of the public Olist data set (Brazilian E-Commerce, on Kaggle) as our messages: a pure reader.

`order_purchase_timestamp`, `order_approved_at`, `order_delivered_carrier_date` and `order_delivered_customer_date`
become placed, confirmed, picked_up and delivered, each where a time is recorded, in this order; canceled and
unavailable orders end with `cancelled` at their last known time. Times have no zone in the data and are taken as UTC.
What contradicts itself (picked up before it was approved) is sent as it was recorded: the pipeline judges.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from hashlib import blake2b
from pathlib import Path

from cli.lines import Bad, NotRead, csv_header, csv_rows
from cli.publish import Item
from streams.messages import ID_MAX, INT_MAX, Invalid, Message, check_order, check_update

ORDERS = frozenset({"order_id", "customer_id", "order_status", "order_purchase_timestamp"})
ITEMS = frozenset({"order_id", "order_item_id", "product_id", "price"})
CUSTOMERS = frozenset({"customer_id", "customer_unique_id"})
STEPS = (
    ("confirmed", "order_approved_at"),
    ("picked_up", "order_delivered_carrier_date"),
    ("delivered", "order_delivered_customer_date"),
)
CANCELLED = frozenset({"canceled", "unavailable"})
COURIER = "olist"
CURRENCY = "BRL"


@dataclass
class Files:
    """Which files of the data set there are. Only the orders are needed."""

    orders: list[Path] = field(default_factory=list)
    items: list[Path] = field(default_factory=list)
    customers: list[Path] = field(default_factory=list)

    def add(self, path: Path) -> bool:
        """Takes the file if it is one of them, by its header."""
        header = set(csv_header(path))
        for columns, paths in ((ORDERS, self.orders), (ITEMS, self.items), (CUSTOMERS, self.customers)):
            if columns <= header:
                paths.append(path)
                return True
        return False


class Ids:
    """The data set's hashes as numbers, the same in every load. Two of one number are an error, not a merge."""

    def __init__(self) -> None:
        self._given: dict[tuple[str, int], str] = {}

    def id_order(self, text: str) -> int:
        """1 … 2^63 - 1."""
        return self._number("id_order", text, ID_MAX) + 1

    def id_user(self, text: str) -> int:
        """0 … 2^31 - 1."""
        return self._number("id_user", text, INT_MAX + 1)

    def id_produk(self, text: str) -> int:
        """1 … 2^31 - 1: 0 is an order without lines."""
        return self._number("id_produk", text, INT_MAX) + 1

    def _number(self, kind: str, text: str, below: int) -> int:
        number = int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big") % below
        other = self._given.setdefault((kind, number), text)
        if other != text:
            raise ValueError(f"{kind}: {text} and {other} would have the same number")
        return number


@dataclass(slots=True)
class _Lines:
    """The lines of one order."""

    first: int
    produk: str
    harga: int
    jumlah: int
    total: int


def read(files: Files) -> Iterator[Item | Bad]:
    """Each order and then its updates. A bad line of an order leaves out this order."""
    if not files.orders:
        raise NotRead("of the Olist files, the one with the orders (olist_orders_dataset.csv) is missing")
    return _read(files)


def _read(files: Files) -> Iterator[Item | Bad]:
    bad: list[Bad] = []
    spoilt: set[str] = set()
    people, lines, ids = _people(files, bad), _lines(files, bad, spoilt), Ids()
    yield from bad
    for path in files.orders:
        for number, row in csv_rows(path):
            source = f"{path.name}:{number}"
            if isinstance(row, Bad):
                yield row
            elif row["order_id"] not in spoilt:
                yield from _order(row, source, ids, people, lines.get(row["order_id"]))


def _order(
    row: dict[str, str], source: str, ids: Ids, people: dict[str, str], lines: _Lines | None
) -> Iterator[Item | Bad]:
    try:
        user = ids.id_user(people.get(row["customer_id"], row["customer_id"]))
        order = _placed(row, ids.id_order(row["order_id"]), user, lines, ids)
        check_order(order)
        updates = list(_updates(row, order))
        for update in updates:
            check_update(update)
    except (Invalid, ValueError) as error:
        yield Bad(source, str(error))
        return
    yield Item(True, order, source)
    yield from (Item(False, update, source) for update in updates)


def _placed(row: dict[str, str], id_order: int, id_user: int, lines: _Lines | None, ids: Ids) -> Message:
    return {
        "id_order": id_order,
        "id_user": id_user,
        "id_produk": ids.id_produk(lines.produk) if lines else 0,
        "harga": lines.harga if lines else 0,
        "jumlah": lines.jumlah if lines else 1,
        "total_harga": lines.total if lines else 0,
        "currency": CURRENCY,
        "placed_at": _time(row["order_purchase_timestamp"]),
        "produk_nama": None,
        "promised_at": _time_or_none(row.get("order_estimated_delivery_date", "")),
    }


def _updates(row: dict[str, str], order: Message) -> Iterator[Message]:
    last = order["placed_at"]
    for status, column in STEPS:
        time = _time_or_none(row.get(column, ""))
        if time is not None:
            last = max(last, time)
            yield _update(order["id_order"], status, time)
    if row["order_status"] in CANCELLED:
        yield _update(order["id_order"], "cancelled", last)


def _update(id_order: int, status: str, time: int) -> Message:
    message: Message = dict.fromkeys(("substatus", "note", "latitude", "longitude", "eta"))
    return message | {
        "event_id": f"olist-{status}",
        "id_order": id_order,
        "status": status,
        "occurred_at": time,
        "courier": COURIER,
    }


def _people(files: Files, bad: list[Bad]) -> dict[str, str]:
    """Who a customer_id is: the data set gives one person a new customer_id with every order."""
    people = {}
    for path in files.customers:
        for _, row in csv_rows(path):
            if isinstance(row, Bad):
                bad.append(row)
            else:
                people[row["customer_id"]] = row["customer_unique_id"]
    return people


def _lines(files: Files, bad: list[Bad], spoilt: set[str]) -> dict[str, _Lines]:
    orders: dict[str, _Lines] = {}
    for path in files.items:
        for number, row in csv_rows(path):
            if isinstance(row, Bad):
                bad.append(row)
                continue
            try:
                _add(orders, row)
            except ValueError as error:
                bad.append(Bad(f"{path.name}:{number}", f"{error}; order {row['order_id']} is left out"))
                spoilt.add(row["order_id"])
    return orders


def _add(orders: dict[str, _Lines], row: dict[str, str]) -> None:
    number, price = int(row["order_item_id"]), _cents(row["price"])
    lines = orders.setdefault(row["order_id"], _Lines(number, row["product_id"], price, 0, 0))
    lines.jumlah += 1
    lines.total += price
    if number < lines.first:
        lines.first, lines.produk, lines.harga = number, row["product_id"], price


def _cents(text: str) -> int:
    try:
        cents = Decimal(text) * 100
        if cents != int(cents):
            raise ValueError(f"price: {text!r} has parts of a cent")
        return int(cents)
    except (InvalidOperation, OverflowError):
        raise ValueError(f"price: {text!r} is not an amount") from None


def _time(text: str) -> int:
    return round(datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC).timestamp() * 1000)


def _time_or_none(text: str) -> int | None:
    return _time(text) if text else None
