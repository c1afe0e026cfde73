"""A log of the two input topics in memory, and a worker's lane that reads it: for tests of the judging code."""

from dataclasses import dataclass, field
from typing import Any

from agents.lane import Effects, Lane
from agents.records import Kind, Record
from streams.codec import Codec
from streams.messages import Headers, Message
from streams.order import OPERATOR, Position
from streams.topics import partition_of
from tables.orders import DAY_MS, Orders

T0 = 1_760_000_000_000
PARTITIONS = 4
_CODECS = {Kind.ORDERS: Codec("OrderPlaced"), Kind.UPDATES: Codec("CourierStatusUpdate")}


def order_message(id_order: int = 7, **changes: Any) -> Message:
    """A valid OrderPlaced."""
    return {
        "id_order": id_order,
        "id_user": 42,
        "id_produk": 5,
        "harga": 10_000,
        "jumlah": 2,
        "total_harga": 20_000,
        "currency": "IDR",
        "placed_at": T0,
        "produk_nama": None,
        "promised_at": None,
        **changes,
    }


def update_message(status: str, id_order: int = 7, **changes: Any) -> Message:
    """A valid CourierStatusUpdate; its event_id is the status unless said otherwise."""
    return {
        "event_id": status,
        "id_order": id_order,
        "status": status,
        "occurred_at": T0 + 1000,
        "courier": "jne",
        "substatus": None,
        "note": None,
        "latitude": None,
        "longitude": None,
        "eta": None,
        **changes,
    }


def correction_message(status: str, corrects: int, id_order: int = 7, **changes: Any) -> Message:
    """A valid CourierStatusUpdate of an operator, who takes the status of version `corrects` back."""
    said = {"event_id": f"correction-{corrects}", "courier": OPERATOR, "note": "salah pindai", "operator": "ani"}
    return update_message(status, id_order, **said | {"corrects": corrects} | changes)


@dataclass
class Log:
    """Both topics' records of one partition, appended as a broker would."""

    records: dict[Kind, list[Record]] = field(default_factory=lambda: {kind: [] for kind in Kind})
    clock: int = T0 + 10_000

    def append(
        self, kind: Kind, message: Message | bytes | None, key: bytes | None = None, headers: Headers | None = None
    ) -> Record:
        """Appends a message or raw bytes; the key is its id_order unless given."""
        self.clock += 1
        value = _CODECS[kind].encode(message) if isinstance(message, dict) else message
        key = str(message["id_order"]).encode() if isinstance(message, dict) and key is None else key
        at = Position(kind.value, partition_of(b"7", PARTITIONS), len(self.records[kind]))
        self.records[kind].append(Record(kind, at, self.clock, key, value, headers or []))
        return self.records[kind][-1]

    def order(self, **changes: Any) -> Record:
        return self.append(Kind.ORDERS, order_message(**changes))

    def update(self, status: str, **changes: Any) -> Record:
        return self.append(Kind.UPDATES, update_message(status, **changes))


class Worker:
    """One assignment of the partition: reads the log from its positions, and does the effects on the store."""

    def __init__(self, log: Log, store: Orders, orders: int = 0, updates: int = 0, cached: int = 1000) -> None:
        self.log, self.store = log, store
        partition = partition_of(b"7", PARTITIONS)
        positions = {
            Kind.ORDERS: Position(Kind.ORDERS.value, partition, orders),
            Kind.UPDATES: Position(Kind.UPDATES.value, partition, updates),
        }
        self.lane = Lane(store, positions, partitions=PARTITIONS, retention_ms=90 * DAY_MS, cached=cached)
        self.done: list[Effects] = []

    async def read(self, kind: Kind, count: int | None = None, *, commit: bool = True) -> Effects:
        """Judges the next `count` records (all, if None), writes, and moves on unless `commit` is off."""
        start = self.lane.positions[kind].offset
        records = self.log.records[kind][start : None if count is None else start + count]
        effects = await self.lane.judge(records)
        await self.write(effects)
        self.done.append(effects)
        if commit and records:
            self.lane.advance(kind, records[-1].position.offset + 1)
        return effects

    async def write(self, effects: Effects) -> None:
        for write in effects.writes:
            await self.store.write(write, self.log.clock)
        for waiting in effects.waiting:
            await self.store.add_waiting(waiting, self.log.clock)
