"""A small run in which everything goes right, in memory: the topics, tables and history that the checker would read.

Its pipeline is as simple as can be: what `expected` says must be, is. The tests of the checker damage it.
"""

from base64 import b64encode
from collections.abc import Iterable
from typing import Any

from check_store import lists
from check_topics import is_news
from evidence import CHANGED, NOTIFICATIONS, ORDERS, REJECTED, TABLES, TOPICS, UPDATES, Evidence, Record, pack_headers
from expected import Expected, expect
from life import HistoryRow, Life
from wire import Headers, Message, cloud_event, encode, partition_of, trace_after, trace_of

T0 = 1_790_000_000_000
PARTITIONS = 4
PREFIX = "run-"
INCARNATIONS = {ORDERS: "incarnation-o", UPDATES: "incarnation-u"}
TRACE = b"00-0123456789abcdef0123456789abcdef-0123456789abcdef-01"
ANI, BUDI = 42, 7  # users
SHOES, COFFEE, TEA, STRAY, BOOK, SOAP = 101, 102, 103, 104, 105, 2**60 + 6  # orders; STRAY is never placed


def order(id_order: int, id_user: int, **changes: Any) -> Message:
    """A valid OrderPlaced."""
    return {
        "id_order": id_order,
        "id_user": id_user,
        "id_produk": 5,
        "harga": 10_000,
        "jumlah": 2,
        "total_harga": 20_000,
        "currency": "IDR",
        "placed_at": T0,
        "produk_nama": "Kopi Gayo",
        "promised_at": None,
        "couriers": None,
        **changes,
    }


def update(event_id: str, id_order: int, status: str, at: int, **changes: Any) -> Message:
    """A valid CourierStatusUpdate of the second `at`."""
    return {
        "event_id": event_id,
        "id_order": id_order,
        "status": status,
        "occurred_at": T0 + at * 1000,
        "courier": "jne",
        "substatus": None,
        "note": None,
        "latitude": None,
        "longitude": None,
        "eta": None,
        "corrects": None,
        "operator": None,
        **changes,
    }


def correction(event_id: str, id_order: int, status: str, at: int, corrects: int) -> Message:
    """A valid CourierStatusUpdate of an operator."""
    who = {"courier": "operator", "operator": "ani", "note": "salah pindai"}
    return update(event_id, id_order, status, at, **who, corrects=corrects)


class Sample:
    """The run while it happens; a clock that goes on by a second an input."""

    def __init__(self) -> None:
        self.topics: dict[str, list[Record]] = {name: [] for name in TOPICS}
        self.history: list[dict[str, Any]] = []
        self.now = T0 + 1000
        self._ends: dict[tuple[str, int], int] = {}

    def append(
        self, topic: str, key: bytes | None, value: bytes | None, headers: Headers, partition: int, at: int
    ) -> Record:
        offset = self._ends.get((topic, partition), 0)
        self._ends[topic, partition] = offset + 1
        record = Record(partition, offset, at, key, value, pack_headers(headers))
        self.topics[topic].append(record)
        return record

    def kafka(self, id_: str, topic: str, message: Message | bytes, **options: Any) -> Record:
        """An input through the Kafka door, with its acknowledgement. `partition`: to a wrong one."""
        value = message if isinstance(message, bytes) else _encoded(topic, message)
        key = options.get("key", b"0" if isinstance(message, bytes) else str(message["id_order"]).encode())
        headers = options.get("headers", ())
        partition = options.get("partition", partition_of(key, PARTITIONS) if key is not None else 2)
        self.sent(id_, "kafka", topic, key=_text(key), value=_text(value), headers=[[n, _text(v)] for n, v in headers])
        record = self.append(topic, key, value, headers, partition, self.now)
        self.line("acked", id=id_, partition=partition, offset=record.offset)
        return record

    def rest(self, id_: str, topic: str, message: Message, copies: int = 1, answer: str = "acked") -> None:
        """An input through the REST door."""
        self.sent(id_, "rest", topic, message=message)
        key = str(message["id_order"]).encode()
        headers = cloud_event("lacak.input", id_, "api", self.now, TRACE)
        for _ in range(copies):
            self.append(topic, key, _encoded(topic, message), headers, partition_of(key, PARTITIONS), self.now)
        self.line(answer, id=id_, partition=None, offset=None)

    def sent(self, id_: str, door: str, topic: str, **what: Any) -> None:
        self.now += 1000
        self.line("sent", id=id_, door=door, topic=topic, what="step", **what)

    def line(self, kind: str, **values: Any) -> None:
        self.history.append({"kind": kind, "at": self.now + 5, **values})


def _text(value: bytes | None) -> str | None:
    return None if value is None else b64encode(value).decode()


def _encoded(topic: str, message: Message) -> bytes:
    return encode("OrderPlaced" if topic == ORDERS else "CourierStatusUpdate", message)


def clean_run() -> Evidence:
    """The whole run: the checker must have nothing to say of it."""
    sample = Sample()
    _inputs(sample)
    expected = expect(*(sorted(sample.topics[name]) for name in (ORDERS, UPDATES)), PARTITIONS)
    _published(sample, expected)
    _watched(sample, expected)
    sample.line("fault", name="worker killed", target="track-1", until=T0 + 12_000)
    sample.history[-1]["at"] = T0 + 8_000
    return Evidence(
        PARTITIONS,
        PREFIX,
        INCARNATIONS,
        {name: sorted(records) for name, records in sample.topics.items()},
        _tables(sample, expected),
        sample.history,
    )


def _inputs(run: Sample) -> None:
    trace: Headers = (("traceparent", TRACE), ("x-kurir", None))
    run.kafka("k-1", ORDERS, order(SHOES, ANI), headers=trace)
    run.rest("r-1", ORDERS, order(COFFEE, ANI, produk_nama=None), copies=2)
    run.kafka("k-2", ORDERS, order(TEA, BUDI, id_produk=6, placed_at=T0 - 86_400_000))
    run.kafka("k-3", UPDATES, update("b1", BOOK, "confirmed", 5))  # early
    run.kafka("k-4", ORDERS, order(BOOK, BUDI))
    run.kafka("k-5", UPDATES, update("s1", SHOES, "confirmed", 6), headers=trace)
    run.kafka("k-6", UPDATES, update("s2", SHOES, "picked_up", 7, latitude=-6.2, longitude=106.8, eta=T0 + 9_000_000))
    run.rest("r-2", UPDATES, update("c1", COFFEE, "picked_up", 8, note="titip", latitude=-6, longitude=107))
    run.kafka("k-7", UPDATES, update("s2", SHOES, "picked_up", 7, note="lagi"))  # duplicate
    run.kafka("k-8", UPDATES, update("s3", SHOES, "out_for_delivery", 3_600))  # a clock an hour ahead
    run.kafka("k-9", UPDATES, update("s4", SHOES, "in_transit", 2))  # late
    wrong = (partition_of(str(COFFEE).encode(), PARTITIONS) + 1) % PARTITIONS
    stray = run.kafka("k-10", UPDATES, update("c2", COFFEE, "in_transit", 12), headers=trace, partition=wrong)
    run.append(UPDATES, stray.key, stray.value, stray.headers, partition_of(stray.key or b"", PARTITIONS), run.now + 30)
    run.kafka("k-11", UPDATES, update("x1", STRAY, "confirmed", 13), headers=trace)
    run.kafka("k-12", UPDATES, b"\0\0\0\0\2garbage", key=str(TEA).encode(), headers=(("a", b"1"), ("a", b"2")))
    run.kafka("k-13", UPDATES, update("t1", TEA, "teleported", 14))
    run.kafka("k-14", UPDATES, b"", key=None)
    run.kafka("k-15", ORDERS, order(TEA, BUDI, harga=1))  # conflict
    run.kafka("k-16", ORDERS, order(SHOES, ANI, placed_at=T0 + 5))  # the same again
    run.rest("r-3", UPDATES, update("s5", SHOES, "delivered", 20))
    run.kafka("k-17", UPDATES, update("s6", SHOES, "in_transit", 21))  # illegal
    run.kafka("k-21", UPDATES, update("b2", BOOK, "cancelled", 21))
    run.kafka("k-22", UPDATES, correction("b3", BOOK, "confirmed", 22, corrects=3), headers=trace)
    run.kafka("k-23", UPDATES, correction("b4", BOOK, "placed", 23, corrects=3))  # stale
    run.kafka("k-24", UPDATES, update("b5", BOOK, "picked_up", 24))
    run.kafka("k-18", UPDATES, update("t2", TEA, "ready_for_pickup", 22, eta=T0 + 5))
    run.kafka("k-19", ORDERS, order(SOAP, ANI, jumlah=1))
    run.kafka("k-20", UPDATES, update("z1", SOAP, "cancelled", 1))
    run.rest("r-4", UPDATES, update("s9", SHOES, "lost", 23), copies=0, answer="refused")
    run.rest("r-5", UPDATES, update("c9", COFFEE, "lost", 24), copies=0, answer="gave_up")
    # This one Kafka has nevertheless.
    run.rest("r-6", UPDATES, update("c3", COFFEE, "exception", 25, note="hujan"), answer="gave_up")


def changes(expected: Expected) -> list[tuple[Life, HistoryRow]]:
    """All applied changes in the order in which they are published."""
    every = [(life, row) for life in expected.orders.values() for row in life.changes]
    return sorted(every, key=lambda each: max(each[0].record.timestamp, each[1].record.timestamp))


def _published(run: Sample, expected: Expected) -> None:
    told: list[tuple[Life, HistoryRow]] = []
    for life, row in changes(expected):
        _publish(run, life, row, 20)
        if is_news(row):
            _tell(run, life, row, 40)
            told.append((life, row))
    for life, row in changes(expected)[-4:]:  # read again after a crash
        _publish(run, life, row, 9_000)
    for life, row in told[-2:]:
        _tell(run, life, row, 9_000)
    rejected = list(expected.rejected.items())
    for (topic, partition, offset), (record, reason) in [*rejected, *rejected[:1]]:
        gained = (reason, "why", PREFIX + topic, str(partition), str(offset))
        names = ("lacak_reason", "lacak_detail", "lacak_topic", "lacak_partition", "lacak_offset")
        headers = (*record.headers, *((name, value.encode()) for name, value in zip(names, gained, strict=True)))
        run.append(REJECTED, record.key, record.value, headers, partition, record.timestamp + 30)


def _publish(run: Sample, life: Life, row: HistoryRow, later: int) -> None:
    key = str(life.said["id_user"]).encode()
    value = encode("OrderStatusChanged", life.event(row))
    at = max(life.record.timestamp, row.record.timestamp) + later
    run.append(CHANGED, key, value, life.event_headers(row), partition_of(key, PARTITIONS), at)


def notification(life: Life, row: HistoryRow) -> Message:
    """A valid UserNotification."""
    title = "dikoreksi" if row.is_correction else row.status
    parcel, note = life.said["produk_nama"] or life.said["id_order"], row.note
    return {
        "notification_id": f"{life.said['id_order']}-{row.version}",
        "id_user": life.said["id_user"],
        "id_order": life.said["id_order"],
        "kind": "status",
        "status": row.status,
        "version": row.version,
        "title": f"Paketmu: {title}",
        "body": f"Paket {parcel}: {note}",
        "title_en": f"Your parcel: {title}",
        "body_en": f"Parcel {parcel}: {note}",
        "created_at": row.record.timestamp,
    }


def _tell(run: Sample, life: Life, row: HistoryRow, later: int) -> None:
    message = notification(life, row)
    key, trace = str(message["id_user"]).encode(), trace_after(trace_of(life.event_headers(row)), NOTIFICATIONS)
    headers = cloud_event("lacak.user.notification", message["notification_id"], "notify", message["created_at"], trace)
    value = encode("UserNotification", message)
    run.append(NOTIFICATIONS, key, value, headers, partition_of(key, PARTITIONS), row.record.timestamp + later)


def _tables(run: Sample, expected: Expected) -> dict[str, list[tuple[Any, ...]]]:
    lives = expected.orders.values()
    early = [(BOOK, record) for record in run.topics[UPDATES] if record.key == str(BOOK).encode()]
    waits = [(id_order, record) for id_order, records in expected.waiting.items() for record in records]
    return {
        "orders": [_row("orders", life.order_cells(INCARNATIONS[ORDERS])) for life in lives],
        "order_status_history": [
            _row("order_status_history", life.history_cells(row, INCARNATIONS)) for life in lives for row in life.rows
        ],
        "waiting_updates": [_waiting(id_order, record) for id_order, record in [*waits, *early]],
        **{table: sorted(rows) for table, rows in lists(lives).items()},
    }


def _row(table: str, cells: Message) -> tuple[Any, ...]:
    return tuple(cells[name] for name in TABLES[table])


def _waiting(id_order: int, record: Record) -> tuple[Any, ...]:
    place = (id_order, INCARNATIONS[UPDATES], record.partition, record.offset)
    return (*place, record.value, list(record.headers) or None, record.timestamp, None)


def _watched(run: Sample, expected: Expected) -> None:
    """Two clients of one user: one is cut twice, and resumes once and is given a snapshot once."""
    seen = [(life, row) for life, row in changes(expected) if life.said["id_user"] == ANI]
    run.now = T0 + 60_000
    _connected(run, "w-1", None, [], seen[:3])
    _connected(run, "w-1", "c-2", None, seen[2:5])
    _connected(run, "w-1", "c-4", _snapshot(seen[:6]), seen[5:])
    _connected(run, "w-2", None, _snapshot(seen[:4]), seen[3:])


def _snapshot(seen: Iterable[tuple[Life, HistoryRow]]) -> list[list[Any]]:
    latest = {life.said["id_order"]: [str(life.said["id_order"]), row.version, row.status] for life, row in seen}
    return list(latest.values())


def _connected(
    run: Sample,
    client: str,
    cursor: str | None,
    snapshot: list[list[Any]] | None,
    seen: Iterable[tuple[Life, HistoryRow]],
) -> None:
    run.now += 1000
    run.line("connected", client=client, user=ANI, transport="websocket", gateway=0, cursor=cursor)
    frames: list[Message] = [{"type": "hello", "resumed": snapshot is None, "cursor": cursor or "c-0"}]
    if snapshot is not None:
        frames.append({"type": "snapshot", "cursor": "c-1", "orders": snapshot})
    frames += [{"type": "change", "cursor": "c", "order": life.event_json(row)} for life, row in seen]
    for frame in [*frames, {"type": "heartbeat", "cursor": "c-9"}]:
        run.line("frame", client=client, frame=frame)
    run.now += 1000
    run.line("closed", client=client, code=1000, by="client")
