"""The evidence of a run: what the topics, Cassandra and the history hold when all is handled.

`collect` reads it once, with clients that are not the pipeline's; `save` and `load` keep it under RUN/evidence, so that
a kept run can be checked again. The checker sees nothing else.
"""

import pickle
import struct
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from wire import Headers

ORDERS, UPDATES = "orders", "courier-status-updates"
CHANGED, REJECTED, NOTIFICATIONS = "order-status-changed", "courier-status-rejected", "user-notifications"
TOPICS = (ORDERS, UPDATES, CHANGED, REJECTED, NOTIFICATIONS)


def _names(*lines: str) -> tuple[str, ...]:
    return tuple(" ".join(lines).split())


# What is read of each table. Times (and the day of orders_by_produk) are ms since 1970.
TABLES: dict[str, tuple[str, ...]] = {
    "orders": _names(
        "id_order id_user id_produk harga jumlah total_harga currency placed_at produk_nama promised_at couriers",
        "status status_at version courier eta",
        "placed_incarnation placed_partition placed_offset placed_recorded_at",
    ),
    "order_status_history": _names(
        "id_order id_order_status_history status previous_status version applied occurred_at recorded_at",
        "event_id courier substatus note latitude longitude eta corrects operator",
        "source_incarnation source_topic source_partition source_offset",
    ),
    "waiting_updates": _names(
        "id_order source_incarnation source_partition source_offset value headers recorded_at rejected_at"
    ),
    "orders_by_user": _names("id_user month placed_at id_order"),
    "orders_by_produk": _names("id_produk day placed_at id_order"),
    "months_by_user": _names("id_user month"),
}
TIMES = frozenset(
    _names("placed_at promised_at status_at eta placed_recorded_at occurred_at recorded_at rejected_at day")
)

Line = Mapping[str, Any]
Row = tuple[Any, ...]
_LENGTHS = struct.Struct(">Hi")


def pack_headers(headers: Iterable[tuple[str, bytes | None]]) -> bytes:
    """Headers as one run of bytes: equal exactly when they are, and a fifth of the memory."""
    packed = bytearray()
    for name, value in headers:
        raw = name.encode()
        packed += _LENGTHS.pack(len(raw), -1 if value is None else len(value)) + raw + (value or b"")
    return bytes(packed)


def unpack_headers(packed: bytes) -> Headers:
    """What pack_headers was given."""
    headers, at = [], 0
    while at < len(packed):
        name, value = _LENGTHS.unpack_from(packed, at)
        at += _LENGTHS.size
        content = None if value < 0 else packed[at + name : at + name + value]
        headers.append((packed[at : at + name].decode(), content))
        at += name + max(value, 0)
    return tuple(headers)


class Record(NamedTuple):
    """One record of a topic. `timestamp`: its log-append time in ms."""

    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    packed: bytes = b""

    @property
    def headers(self) -> Headers:
        return unpack_headers(self.packed)


@dataclass(slots=True)
class Evidence:
    """All that the checker looks at. `topics` by the names of DESIGN, each sorted by partition and offset.

    `history` gives the history's lines whenever it is iterated; the lines of one client come in their order.
    `fingerprints`: by consistency level, of each table; empty when the replicas were not compared.
    """

    partitions: int
    prefix: str
    incarnations: Mapping[str, str]
    topics: dict[str, list[Record]]
    tables: dict[str, list[Row]]
    history: Iterable[Line] = ()
    fingerprints: dict[str, dict[str, int]] = field(default_factory=dict)


class HistoryFiles:
    """The lines of RUN/history/*.jsonl, read anew each time: frames are many, and nobody needs them all at once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __iter__(self) -> Iterator[Line]:
        for file in sorted(self._folder.glob("*.jsonl")):
            with file.open("rb") as lines:
                for line in lines:
                    if line.endswith(b"\n"):  # a writer that was killed leaves half a line
                        yield orjson.loads(line)


class Where(NamedTuple):
    """The servers of a run, and what is ours on them."""

    bootstrap: str  # h1:p,h2:p
    hosts: str  # h1,h2
    port: int
    keyspace: str
    prefix: str = ""
    partitions: int = 12


def collect(where: Where, run: Path, compare_replicas: bool = False) -> Evidence:
    """Reads everything, now that all is handled. `compare_replicas`: each table once more, at ALL.

    Raises what the clients raise: evidence that is not whole is none.
    """
    import read_cassandra
    import read_kafka

    names = {name: where.prefix + name for name in TOPICS}
    ids = read_kafka.incarnations(where.bootstrap, list(names.values()))
    tables, prints = read_cassandra.read(where, compare_replicas)
    return Evidence(
        partitions=where.partitions,
        prefix=where.prefix,
        incarnations={name: ids[names[name]] for name in (ORDERS, UPDATES)},
        topics={name: read_kafka.read(where.bootstrap, names[name]) for name in TOPICS},
        tables=tables,
        history=HistoryFiles(run / "history"),
        fingerprints=prints,
    )


def save(evidence: Evidence, run: Path) -> None:
    """Keeps the evidence under RUN/evidence; the history is in RUN already."""
    folder = run / "evidence"
    folder.mkdir(parents=True, exist_ok=True)
    parts: dict[str, Any] = {
        "about": (evidence.partitions, evidence.prefix, dict(evidence.incarnations), evidence.fingerprints),
        **{f"topic-{name}": list(map(tuple, records)) for name, records in evidence.topics.items()},
        **{f"table-{name}": rows for name, rows in evidence.tables.items()},
    }
    for name, part in parts.items():
        with (folder / f"{name}.pickle").open("wb") as file:
            pickle.dump(part, file, pickle.HIGHEST_PROTOCOL)


def load(run: Path) -> Evidence:
    """What `save` kept. FileNotFoundError where nothing was."""

    def part(name: str) -> Any:
        with (run / "evidence" / f"{name}.pickle").open("rb") as file:
            return pickle.load(file)

    partitions, prefix, incarnations, fingerprints = part("about")
    return Evidence(
        partitions,
        prefix,
        incarnations,
        topics={name: [Record(*each) for each in part(f"topic-{name}")] for name in TOPICS},
        tables={name: part(f"table-{name}") for name in TABLES},
        history=HistoryFiles(run / "history"),
        fingerprints=fingerprints,
    )
