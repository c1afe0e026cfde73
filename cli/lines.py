"""Orders and updates from CSV and JSON lines of one's own: pure readers that give items, and bad lines as values.

The columns are the fields of OrderPlaced and CourierStatusUpdate (DESIGN, section 3) by their names; an empty cell is
an absent field. A line with a `status` or a carrier's code is an update, any other an order. docs/cli.md says it for
users.
"""

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from cli.publish import Item
from streams.carrier_codes import Carriers, UnknownCode, UnknownVocabulary, written
from streams.messages import TIME_FIELDS, Message, check_order, check_update, parse_time

ORDER_FIELDS = (
    "id_order",
    "id_user",
    "id_produk",
    "harga",
    "jumlah",
    "total_harga",
    "currency",
    "placed_at",
    "produk_nama",
    "promised_at",
)
UPDATE_FIELDS = (
    "event_id",
    "id_order",
    "status",
    "occurred_at",
    "courier",
    "substatus",
    "note",
    "latitude",
    "longitude",
    "eta",
)
CODE_FIELDS = ("carrier_code.vocabulary", "carrier_code.code", "carrier_code.subcode")
COLUMNS = frozenset(ORDER_FIELDS + UPDATE_FIELDS + CODE_FIELDS)
INTEGERS = frozenset({"id_order", "id_user", "id_produk", "harga", "jumlah", "total_harga"})
NUMBERS = frozenset({"latitude", "longitude"})
REQUIRED_ORDER = ("id_order", "id_user", "id_produk", "harga", "jumlah")
REQUIRED_UPDATE = ("id_order", "status", "occurred_at", "courier")


class Bad(NamedTuple):
    """A line that gives no message. It is told and left out; the others are sent."""

    source: str
    why: str


class NotRead(Exception):
    """A file that cannot be read as a whole."""


def csv_rows(path: Path) -> Iterator[tuple[int, dict[str, str] | Bad]]:
    """The lines of a CSV file with a header: (line number, cells by column). Bytes that are no text make a line bad."""
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        reader = csv.reader(file, strict=True)
        try:
            header = next(reader, [])
            while True:
                cells = next(reader, None)
                if cells is None:
                    return
                if cells:
                    yield reader.line_num, _row(f"{path.name}:{reader.line_num}", header, cells)
        except csv.Error as error:
            # After a quote that never closes there is no telling where lines begin.
            yield reader.line_num, Bad(f"{path.name}:{reader.line_num}", f"{error}; the rest of the file is left out")


def csv_header(path: Path) -> list[str]:
    """The names in the first line."""
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        return next(csv.reader(file), [])


def _row(source: str, header: list[str], cells: list[str]) -> dict[str, str] | Bad:
    if len(cells) != len(header):
        return Bad(source, f"{len(cells)} cells, the header has {len(header)}")
    if any("\udc80" <= letter <= "\udcff" for cell in cells for letter in cell):
        return Bad(source, "not UTF-8")
    return dict(zip(header, cells, strict=True))


def read_csv(path: Path, now: int, carriers: Carriers) -> Iterator[Item | Bad]:
    """The items of a CSV file. Raises `NotRead` when its columns are not those of the messages."""
    header = csv_header(path)
    unknown = [name for name in header if name not in COLUMNS]
    if unknown or "id_order" not in header:
        raise NotRead(f"{path}: " + (f"no such column: {', '.join(unknown)}" if unknown else "no column id_order"))
    return _csv_items(path, now, carriers)


def _csv_items(path: Path, now: int, carriers: Carriers) -> Iterator[Item | Bad]:
    for number, row in csv_rows(path):
        source = f"{path.name}:{number}"
        if isinstance(row, Bad):
            yield row
        else:
            yield item({k: v for k, v in row.items() if v != ""}, source, now, carriers)


def read_json(path: Path, now: int, carriers: Carriers) -> Iterator[Item | Bad]:
    """The items of a file of JSON lines; an empty line is none."""
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if line.strip():
                yield _json_item(line, f"{path.name}:{number}", now, carriers)


def _json_item(line: bytes, source: str, now: int, carriers: Carriers) -> Item | Bad:
    try:
        value = json.loads(line.decode())
    except UnicodeDecodeError:
        return Bad(source, "not UTF-8")
    except (ValueError, RecursionError) as error:
        return Bad(source, f"no JSON: {error}")
    if not isinstance(value, dict):
        return Bad(source, "not a JSON object")
    code = value.pop("carrier_code", None)
    if isinstance(code, dict):
        value |= {f"carrier_code.{name}": str(v) if type(v) is int else v for name, v in code.items()}
    elif code is not None:
        return Bad(source, "carrier_code: not a JSON object")
    return item({name: v for name, v in value.items() if v is not None}, source, now, carriers)


def item(fields: Mapping[str, Any], source: str, now: int, carriers: Carriers) -> Item | Bad:
    """The message that a line says: fields as text or as JSON values, absent ones not there."""
    is_order = not {"status", *CODE_FIELDS} & fields.keys()
    try:
        message = _order(fields, now) if is_order else _update(fields, carriers)
        (check_order if is_order else check_update)(message)
    except UnknownCode as error:
        return Bad(source, f"carrier_code.code: {str(error)!r} is not known")
    except UnknownVocabulary as error:
        return Bad(source, f"carrier_code.vocabulary: {error}")
    except ValueError as error:  # also what makes a message invalid
        return Bad(source, str(error))
    return Item(is_order, message, source)


def _order(fields: Mapping[str, Any], now: int) -> Message:
    values = _values(fields, ORDER_FIELDS, REQUIRED_ORDER)
    defaults = {"total_harga": values["harga"] * values["jumlah"], "currency": "IDR", "placed_at": now}
    return {name: values.get(name, defaults.get(name)) for name in ORDER_FIELDS}


def _update(fields: Mapping[str, Any], carriers: Carriers) -> Message:
    in_theirs = bool(fields.keys() & CODE_FIELDS)
    required = REQUIRED_UPDATE if not in_theirs else ("id_order", "carrier_code.code", "occurred_at", "courier")
    values = _values(fields, UPDATE_FIELDS + CODE_FIELDS, required)
    said = _translated(values, carriers) if in_theirs else values["status"]
    # Of the content, so that a file loaded twice gives duplicates.
    values.setdefault("event_id", f"{said[:40]}-{values['occurred_at']}")
    return {name: values.get(name) for name in UPDATE_FIELDS}


def _translated(values: Message, carriers: Carriers) -> str:
    """Gives the values the status that their carrier's code means; the code as it is written."""
    if "status" in values:
        raise ValueError("status: carrier_code is in its place: one of both")
    code, subcode = values["carrier_code.code"], values.get("carrier_code.subcode")
    values["status"] = carriers.status(values.get("carrier_code.vocabulary") or values["courier"], code, subcode)
    said = written(code, subcode)
    values.setdefault("substatus", said)
    return said


def _values(fields: Mapping[str, Any], known: Iterable[str], required: Iterable[str]) -> Message:
    unknown = sorted(set(fields) - set(known))
    if unknown:
        raise ValueError(f"no such field: {', '.join(unknown)}")
    missing = [name for name in required if name not in fields]
    if missing:
        raise ValueError(f"missing: {', '.join(missing)}")
    return {name: _value(name, value) for name, value in fields.items()}


def _value(name: str, value: Any) -> Any:
    kind: Callable[[Any], Any] = (
        _integer if name in INTEGERS else _number if name in NUMBERS else _time if name in TIME_FIELDS else _text
    )
    try:
        return kind(value)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


def _integer(value: Any) -> int:
    if isinstance(value, str) and value.isascii() and value.removeprefix("-").isdigit() and len(value) <= 20:
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise ValueError(f"{str(value)[:50]!r} is not a whole number")


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError(f"{str(value)[:50]!r} is not a number")
    try:
        return float(value)
    except (ValueError, OverflowError):
        raise ValueError(f"{str(value)[:50]!r} is not a number") from None


def _time(value: Any) -> int:
    if not isinstance(value, str):
        raise ValueError(f"{str(value)[:50]!r} is not a time such as 2026-01-31T09:30:00+07:00")
    return parse_time(value)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{str(value)[:50]!r} is not a text")
    return value
