"""Rows of Cassandra and the fold's types, in both directions.

Values are written in the protocol's own form: binding them by the driver's types costs three times as much, on the
hottest path there is. A None is left unset, since a null would be a tombstone.
"""

import struct
from collections.abc import Sequence
from typing import Any, Final

from cassandra.query import UNSET_VALUE, BatchStatement, BatchType, PreparedStatement

from streams.order import ROW_NUMBER_BITS, Order, Position, Row
from streams.topics import ORDERS, UPDATES
from tables.orders import Current, Waiting

Values = list[Any]  # bytes, or UNSET_VALUE

pack_int: Final = struct.Struct(">i").pack
pack_bigint: Final = struct.Struct(">q").pack
_pack_double: Final = struct.Struct(">d").pack
_TRUE, _FALSE = b"\x01", b"\x00"
_PLACED_TOPIC, _UPDATES_TOPIC = ORDERS.name.encode(), UPDATES.name.encode()


class OrderBatch(BatchStatement):
    """One order's rows: one partition of one keyspace, so Cassandra makes one mutation of them, with no batch log."""

    def __init__(self, statement: PreparedStatement, id_order: int) -> None:
        super().__init__(BatchType.UNLOGGED)
        self.is_idempotent = True
        self.keyspace = statement.column_metadata[0].keyspace_name
        self.routing_key = pack_bigint(id_order)

    def put(self, statement: PreparedStatement, values: Values) -> None:
        """Adds a row whose values are in the protocol's form already."""
        self._add_statement_and_params(True, statement.query_id, values)


def _int(value: int | None) -> Any:
    return UNSET_VALUE if value is None else pack_int(value)


def _bigint(value: int | None) -> Any:
    return UNSET_VALUE if value is None else pack_bigint(value)


def _double(value: float | None) -> Any:
    return UNSET_VALUE if value is None else _pack_double(value)


def _text(value: str | None) -> Any:
    return UNSET_VALUE if value is None else value.encode()


def _texts(values: Sequence[str] | None) -> Any:
    """A list<text>: the protocol's section 6.12."""
    if values is None:
        return UNSET_VALUE
    encoded = [value.encode() for value in values]
    return b"".join([pack_int(len(encoded)), *(pack_int(len(each)) + each for each in encoded)])


def order_values(now: Current) -> Values:
    """The columns of `orders`, as ORDER_COLUMNS names them."""
    order = now.order
    return [
        pack_bigint(order.id_order),
        pack_int(order.id_user),
        pack_int(order.id_produk),
        pack_int(order.harga),
        pack_int(order.jumlah),
        pack_bigint(order.total_harga),
        order.currency.encode(),
        pack_bigint(order.placed_at),
        _text(order.produk_nama),
        _bigint(order.promised_at),
        now.status.encode(),
        pack_bigint(now.status_at),
        pack_int(now.version),
        _text(now.courier),
        _bigint(now.eta),
        order.position.incarnation.encode(),
        pack_int(order.position.partition),
        pack_bigint(order.position.offset),
        pack_bigint(order.recorded_at),
        _texts(order.couriers),
    ]


def history_values(id_order: int, row: Row) -> Values:
    """The columns of `order_status_history`, as HISTORY_COLUMNS names them."""
    return [
        pack_bigint(id_order),
        pack_bigint(row.id_order_status_history),
        row.status.encode(),
        _text(row.previous_status),
        _int(row.version),
        _FALSE if row.version is None else _TRUE,
        pack_bigint(row.occurred_at),
        pack_bigint(row.recorded_at),
        row.event_id.encode(),
        _text(row.courier),
        _text(row.substatus),
        _text(row.note),
        _double(row.latitude),
        _double(row.longitude),
        _bigint(row.eta),
        row.position.incarnation.encode(),
        _PLACED_TOPIC if row.number == 1 else _UPDATES_TOPIC,
        pack_int(row.position.partition),
        pack_bigint(row.position.offset),
        _int(row.corrects),
        _text(row.operator),
    ]


def current_of(values: tuple[Any, ...]) -> Current | None:
    """The order of a row of `orders`; None for one without id_user, which is what is left of an expired one."""
    if values[1] is None:
        return None
    position, recorded_at, couriers = Position(*values[15:18]), values[18], values[19]
    order = Order(*(*values[:10], position, recorded_at, None if couriers is None else tuple(couriers)))
    return Current(order, *values[10:15])


def row_of(values: tuple[Any, ...]) -> Row:
    """The history row of a row of `order_status_history`."""
    number = values[1] & (1 << ROW_NUMBER_BITS) - 1
    position = Position(values[15], *values[17:19])
    return Row(*(number, *values[2:5], *values[6:15], position, *values[19:21]))


def waiting_of(values: tuple[Any, ...]) -> Waiting | None:
    """The waiting update of a row of `waiting_updates`; None where only the mark of a rejected one is left."""
    id_order, incarnation, partition, offset, recorded_at, value, headers, rejected_at = values
    if value is None:
        return None
    position = Position(incarnation, partition, offset)
    return Waiting(id_order, position, recorded_at, value, list(headers or ()), rejected_at is not None)


def waiting_values(waiting: Waiting) -> list[Any]:
    """The columns of `waiting_updates` but the last, as WAITING_COLUMNS names them; for the driver to bind."""
    return [waiting.id_order, *waiting.position, waiting.recorded_at, waiting.value, waiting.headers]
