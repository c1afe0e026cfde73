"""Plausible changes of orders, as the order-tracking worker would publish them, and what a customer should be told."""

import random
from collections.abc import Iterable
from typing import Any

from streams.codec import Codec
from streams.messages import Message
from streams.order import STATUSES, TERMINAL, TRANSITIONS

T0 = 1_760_000_000_000
CHANGED = Codec("OrderStatusChanged")
# The brief's list, written once more: these tests must not take it from the code.
NEWS = {
    "picked_up",
    "out_for_delivery",
    "attempt_failed",
    "ready_for_pickup",
    "delivered",
    "exception",
    "returned",
    "cancelled",
    "lost",
}


def change(status: str, version: int = 2, id_order: int = 7, id_user: int = 42, **fields: Any) -> Message:
    """A valid OrderStatusChanged."""
    return {
        "event_id": f"e{version}",
        "id_order_status_history": (T0 + version) << 22 | version,
        "id_order": id_order,
        "id_user": id_user,
        "id_produk": 5,
        "produk_nama": "Sepatu Lari",
        "harga": 10_000,
        "jumlah": 2,
        "total_harga": 20_000,
        "currency": "IDR",
        "placed_at": T0,
        "status": status,
        "previous_status": None,
        "version": version,
        "occurred_at": T0 + version,
        "recorded_at": T0 + version,
        "courier": "jne",
        "substatus": None,
        "note": None,
        "latitude": None,
        "longitude": None,
        "eta": None,
        "promised_at": None,
        "corrects": None,
        **fields,
    }


def record(message: Message) -> tuple[bytes, bytes]:
    """Its key and value."""
    return str(message["id_user"]).encode(), CHANGED.encode(message)


def lives(orders: int, users: int, seed: int) -> list[Message]:
    """The changes of so many orders on legal ways, of different orders in between each other; some never end, and some
    ends are corrected."""
    dice = random.Random(seed)
    ways = [_way(dice, id_order, 1 + id_order % users) for id_order in range(1, orders + 1)]
    changes = []
    while ways:
        way = dice.choice(ways)
        changes.append(way.pop(0))
        if not way:
            ways.remove(way)
    return [{**each, "recorded_at": T0 + n} for n, each in enumerate(changes)]


def _way(dice: random.Random, id_order: int, id_user: int) -> list[Message]:
    way = [change("placed", 1, id_order, id_user)]
    while len(way) < 9:
        status, version = way[-1]["status"], len(way)
        corrects = version if status in TERMINAL else None
        if corrects and dice.random() < 0.6:
            break
        then = set(STATUSES) - {status} if corrects else TRANSITIONS[status]
        note = f"catatan {version + 1}"
        way.append(change(dice.choice(sorted(then)), version + 1, id_order, id_user, note=note, corrects=corrects))
    return way


def is_news(change: Message) -> bool:
    """Whether the customer is to be told."""
    return change["status"] in NEWS or change["corrects"] is not None


def news(changes: Iterable[Message]) -> dict[str, str]:
    """The notification_ids a customer should get, and the status of each."""
    return {f"{each['id_order']}-{each['version']}": each["status"] for each in changes if is_news(each)}


def still_open(changes: Iterable[Message]) -> dict[str, dict[str, list[Any]]]:
    """By user and order: [status, version, last version announced] of the orders that have not ended."""
    users: dict[str, dict[str, list[Any]]] = {}
    for each in changes:
        orders = users.setdefault(str(each["id_user"]), {})
        _, _, announced = orders.pop(str(each["id_order"]), ["", 0, 0])
        if each["status"] not in {"delivered", "returned", "cancelled"}:
            announced = each["version"] if is_news(each) else announced
            orders[str(each["id_order"])] = [each["status"], each["version"], announced]
    return {user: orders for user, orders in users.items() if orders}
