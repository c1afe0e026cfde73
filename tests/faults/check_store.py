"""Cassandra's tables against the orders' lives: no row missing, none too many, no cell other than it must be."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from evidence import ORDERS, TABLES, UPDATES, Evidence, Record, Row
from expected import Expected
from findings import Kind, Report
from life import HistoryRow, Life

DAY_MS = 24 * 60 * 60 * 1000
_NUMBER = (1 << 22) - 1


def check_store(evidence: Evidence, expected: Expected, report: Report) -> None:
    """All six tables, and the replicas' agreement where it was asked for."""
    _orders(evidence, expected, report)
    _History(evidence, expected, report).check()
    _waiting(evidence, expected, report)
    for table, rows in lists(expected.orders.values()).items():
        _same_rows(table, rows, evidence.tables[table], report)
    _replicas(evidence, report)


def _orders(evidence: Evidence, expected: Expected, report: Report) -> None:
    there = {row[0]: row for row in evidence.tables["orders"] if row[1] is not None}
    for id_order in there.keys() - expected.orders.keys():
        report.add(Kind.PHANTOM, "row of orders", str(id_order), f"orders has {id_order}, which nobody placed")
    for id_order, life in expected.orders.items():
        if id_order not in there:
            report.add(Kind.LOST, "row of orders", str(id_order), f"order {id_order} was placed, and is not in orders")
        else:
            cells = life.order_cells(evidence.incarnations[ORDERS])
            _same_cells("orders", str(id_order), cells, there[id_order], report)


def _same_cells(table: str, where: str, cells: Mapping[str, Any], row: Row, report: Report) -> None:
    differ = [
        f"{name} is {value!r}, not {cells[name]!r}"
        for name, value in zip(TABLES[table], row, strict=True)
        if value != cells[name]
    ]
    if differ:
        report.add(Kind.WRONG_STATE, f"row of {table}", where, f"{table} {where}: " + "; ".join(differ))


class _History:
    """order_status_history. A row is known by its number in its order's history."""

    def __init__(self, evidence: Evidence, expected: Expected, report: Report) -> None:
        self._evidence, self._expected, self._report = evidence, expected, report
        self._seen: dict[int, int] = {}  # id_order: a bit a number

    def check(self) -> None:
        strange = [row for row in self._evidence.tables["order_status_history"] if not self._take(row, exactly=True)]
        for row in strange:
            if not self._take(row, exactly=False):
                where = f"{row[0]}/{row[1]}"
                self._report.add(
                    Kind.PHANTOM, "row of order_status_history", where, f"no input explains {where}: {row[2]}"
                )
        for id_order, life in self._expected.orders.items():
            for row in life.rows:
                if not self._seen.get(id_order, 0) >> row.number & 1:
                    self._lost(id_order, row)

    def _take(self, row: Row, exactly: bool) -> bool:
        """Whether a row is that of an input, and the first such."""
        id_order, id_, number = row[0], row[1], row[1] & _NUMBER
        life = self._expected.orders.get(id_order)
        if life is None or not 1 <= number <= len(life.rows):
            return False
        due = life.rows[number - 1]
        seen = self._seen.get(id_order, 0)
        if seen >> number & 1 or (exactly and due.id != id_):
            return False
        self._seen[id_order] = seen | 1 << number
        cells = life.history_cells(due, self._evidence.incarnations)
        _same_cells("order_status_history", f"{id_order}/{number}", cells, row, self._report)
        return True

    def _lost(self, id_order: int, row: HistoryRow) -> None:
        where = f"{id_order}/{row.number}"
        source = f"{ORDERS if row.number == 1 else UPDATES}/{row.record.partition}/{row.record.offset}"
        sentence = f"{source} says {row.status}, and has no row {row.number} in the history of {id_order}"
        self._report.add(Kind.LOST, "row of order_status_history", where, sentence)


def _waiting(evidence: Evidence, expected: Expected, report: Report) -> None:
    """Updates of orders never placed wait; those of others may have waited once. As they came, all of them."""
    records = {(each.partition, each.offset): each for each in evidence.topics[UPDATES]}
    table, seen = "row of waiting_updates", set()
    for row in evidence.tables["waiting_updates"]:
        id_order, _, partition, offset = row[:4]
        where = f"{id_order}/{partition}/{offset}"
        if expected.may_wait.get((partition, offset)) != id_order:
            report.add(Kind.PHANTOM, table, where, f"no update explains the waiting {where}")
            continue
        seen.add((partition, offset))
        cells = _waiting_cells(id_order, records[partition, offset], evidence.incarnations[UPDATES])
        _same_cells("waiting_updates", where, cells, _plain(row), report)
    for id_order, waits in expected.waiting.items():
        for record in waits:
            if (record.partition, record.offset) not in seen:
                where = f"{id_order}/{record.partition}/{record.offset}"
                report.add(
                    Kind.LOST, table, where, f"order {id_order} was never placed, and its update {where} does not wait"
                )


def _plain(row: Row) -> Row:
    """The row with its headers as a tuple of pairs."""
    return (*row[:5], tuple((name, value) for name, value in row[5] or ()), *row[6:])


def _waiting_cells(id_order: int, record: Record, incarnation: str) -> dict[str, Any]:
    return {
        "id_order": id_order,
        "source_incarnation": incarnation,
        "source_partition": record.partition,
        "source_offset": record.offset,
        "value": record.value,
        "headers": record.headers,
        "recorded_at": record.timestamp,
        "rejected_at": None,
    }


def lists(lives: Iterable[Life]) -> dict[str, set[Row]]:
    """The rows of the three lists that these orders make."""
    rows: dict[str, set[Row]] = {"orders_by_user": set(), "orders_by_produk": set(), "months_by_user": set()}
    for life in lives:
        said = life.said
        placed_at, place = said["placed_at"], (said["placed_at"], said["id_order"])
        day = datetime.fromtimestamp(placed_at // 1000, UTC)
        month = day.year * 100 + day.month
        rows["orders_by_user"].add((said["id_user"], month, *place))
        rows["orders_by_produk"].add((said["id_produk"], placed_at - placed_at % DAY_MS, *place))
        rows["months_by_user"].add((said["id_user"], month))
    return rows


def _same_rows(table: str, due: set[Row], rows: Iterable[Row], report: Report) -> None:
    there = set(rows)
    for row in sorted(due - there):
        report.add(Kind.LOST, f"row of {table}", str(row), f"{table} has no row {row}")
    for row in sorted(there - due):
        report.add(Kind.PHANTOM, f"row of {table}", str(row), f"{table} has {row}, which no order explains")


def _replicas(evidence: Evidence, report: Report) -> None:
    prints = evidence.fingerprints
    for table, quorum in prints.get("LOCAL_QUORUM", {}).items():
        if prints["ALL"].get(table) != quorum:
            sentence = f"{table} read at ALL is not what it is at LOCAL_QUORUM"
            report.add(Kind.WRONG_STATE, "replicas", table, sentence)
