"""Orders, rows and writes for the tests of the store."""

import itertools
from dataclasses import replace

from streams.order import OPERATOR, Order, Position, Row, placed
from tables.orders import DAY_MS, Current, OrderWrite, expires_at

NOON = 1_767_614_400_000  # 2026-01-05T12:00:00Z
RETENTION_MS = 90 * DAY_MS
PLACED_AT_THE_BROKER = Position("orders-incarnation", 3, 17)
_ids = itertools.count(7_000_000_000_000)


def an_order(**changes: object) -> Order:
    """An order with an id of its own."""
    order = Order(
        id_order=next(_ids),
        id_user=42,
        id_produk=7,
        harga=150_000,
        jumlah=2,
        total_harga=300_000,
        currency="IDR",
        placed_at=NOON,
        produk_nama="Kopi Gayo 250 g",
        promised_at=NOON + 3 * DAY_MS,
        position=PLACED_AT_THE_BROKER,
        recorded_at=NOON + 250,
    )
    return replace(order, **changes)  # type: ignore[arg-type]


def a_row(number: int, status: str, version: int | None, **changes: object) -> Row:
    """A history row, an hour after the one of the number before."""
    row = Row(
        number=number,
        status=status,
        previous_status=None,
        version=version,
        occurred_at=NOON + number * 3_600_000,
        recorded_at=NOON + number * 3_600_000 + 40,
        event_id=f"event-{number}",
        courier="jne",
        substatus="HUB_JKT",
        note="Tiba di gudang Jakarta",
        latitude=-6.2,
        longitude=106.816666,
        eta=NOON + 2 * DAY_MS,
        position=Position("updates-incarnation", 3, 100 + number),
    )
    return replace(row, **changes)  # type: ignore[arg-type]


def a_life(order: Order) -> list[Row]:
    """placed, confirmed, a late scan, picked_up and delivered."""
    return [
        placed(order),
        a_row(2, "confirmed", 2, previous_status="placed", eta=None, latitude=None, longitude=None),
        a_row(3, "placed", None, occurred_at=NOON - 60_000, substatus=None, note=None),
        a_row(4, "picked_up", 3, previous_status="confirmed"),
        a_row(5, "delivered", 4, previous_status="picked_up", courier="sicepat"),
    ]


def corrected(life: list[Row]) -> list[Row]:
    """A life whose end an operator took back."""
    said = {"courier": OPERATOR, "note": "Salah pindai", "corrects": 4, "operator": "ani"}
    return [*life, a_row(6, "in_transit", 5, previous_status="delivered", **said)]


def written(
    order: Order, rows: list[Row], new: int | None = None, *, lists: bool = False, later: int = 0
) -> OrderWrite:
    """The write of an order's last `new` rows (all by default); `later` ms make it live longer."""
    until = expires_at(order, rows[-1].recorded_at, RETENTION_MS) + later
    return OrderWrite(Current.of(order, rows), tuple(rows if new is None else rows[-new:]), until, lists)
