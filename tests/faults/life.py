"""One order's life, folded anew from DESIGN section 4: its history's rows, its current status, its events.

Only the transition table is the pipeline's.
"""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from evidence import ORDERS, UPDATES, Record
from streams.order import TERMINAL, TRANSITIONS, WAY
from wire import Headers, Message, cloud_event, rfc3339, trace_after, trace_of

MOST_ROWS = 1000
APPLIED, LATE, DUPLICATE = "applied", "late", "duplicate"
OWN = ("courier", "substatus", "note", "latitude", "longitude", "corrects", "operator")
"""What a row takes from its update as it is."""
_IDS = ("id_order", "id_order_status_history")
_TIMES = ("placed_at", "promised_at", "occurred_at", "recorded_at", "eta")


class HistoryRow(NamedTuple):
    """A row that must be in order_status_history. `version` None: late."""

    number: int
    status: str
    previous_status: str | None
    version: int | None
    occurred_at: int
    event_id: str
    eta: int | None
    own: tuple[Any, ...]  # OWN
    record: Record

    @property
    def note(self) -> str | None:
        """The courier's, or why it was corrected."""
        note: str | None = self.own[OWN.index("note")]
        return note

    @property
    def is_correction(self) -> bool:
        """Whether an operator took back what was before."""
        return self.own[OWN.index("corrects")] is not None

    @property
    def id(self) -> int:
        """Its id_order_status_history."""
        return (self.occurred_at << 22) + self.number


@dataclass(slots=True)
class Life:
    """An order. `said`: its OrderPlaced, placed_at clamped; `record`: where that lies."""

    said: Message
    record: Record
    rows: list[HistoryRow] = field(default_factory=list)
    changes: list[HistoryRow] = field(default_factory=list)  # the applied ones: version k at k - 1
    since: int = 0
    _events: set[str] = field(default_factory=set)

    @classmethod
    def begin(cls, said: Message, record: Record) -> "Life":
        """An order as its OrderPlaced makes it."""
        placed_at = min(said["placed_at"], record.timestamp)
        life = cls({**said, "placed_at": placed_at}, record)
        life._put("placed", None, 1, placed_at, "placed", None, (None,) * len(OWN), record)
        return life

    @property
    def now(self) -> HistoryRow:
        """The row of the current status."""
        return self.changes[-1]

    def judge(self, update: Message, record: Record) -> str:
        """Takes the next update of the log: applied, late, duplicate, or the reason why it is rejected."""
        if update["event_id"] in self._events:
            return DUPLICATE
        if update["corrects"] is not None:
            return self._correct(update, record)
        if self.said["couriers"] is not None and update["courier"] not in self.said["couriers"]:
            return "wrong_courier"
        status, old = update["status"], self.now.status
        at = update["occurred_at"]
        if at > record.timestamp:
            at = max(record.timestamp, self.since)
        legal = status in TRANSITIONS[old]
        late = at < self.since and not (legal and (status in TERMINAL or _forward(old, status)))
        if not legal and not late:
            return "illegal_transition"
        if len(self.rows) >= MOST_ROWS:
            return "too_many_updates"
        if late:
            own = tuple(update[name] for name in OWN)
            self._put(status, None, None, at, update["event_id"], update["eta"], own, record)
            return LATE
        return self._apply(update, at, record)

    def _correct(self, update: Message, record: Record) -> str:
        """An operator's: of the current version, which must be an end, into something else; at no earlier time."""
        of_now = update["corrects"] == len(self.changes)
        if not of_now or self.now.status not in TERMINAL or update["status"] == self.now.status:
            return "illegal_transition"
        if len(self.rows) >= MOST_ROWS:
            return "too_many_updates"
        return self._apply(update, max(self.since, min(update["occurred_at"], record.timestamp)), record)

    def _apply(self, update: Message, at: int, record: Record) -> str:
        own = tuple(update[name] for name in OWN)
        eta = self.now.eta if update["eta"] is None else update["eta"]
        version, before = len(self.changes) + 1, self.now.status
        self._put(update["status"], before, version, at, update["event_id"], eta, own, record)
        return APPLIED

    def _put(
        self,
        status: str,
        previous: str | None,
        version: int | None,
        at: int,
        event_id: str,
        eta: int | None,
        own: Any,
        record: Record,
    ) -> None:
        row = HistoryRow(len(self.rows) + 1, status, previous, version, at, event_id, eta, own, record)
        self.rows.append(row)
        self._events.add(event_id)
        if version is not None:
            self.changes.append(row)
            self.since = max(self.since, at)

    # -- what must be seen of it

    def event(self, row: HistoryRow) -> Message:
        """The OrderStatusChanged of an applied row."""
        told = {**self.said, **dict(zip(OWN, row.own, strict=True))}
        for hidden in ("couriers", "operator"):
            del told[hidden]
        return {
            **told,
            "event_id": row.event_id,
            "id_order_status_history": row.id,
            "status": row.status,
            "previous_status": row.previous_status,
            "version": row.version,
            "occurred_at": row.occurred_at,
            "recorded_at": row.record.timestamp,
            "eta": row.eta,
        }

    def event_headers(self, row: HistoryRow) -> Headers:
        """The headers of that event."""
        record, topic = row.record, ORDERS if row.number == 1 else UPDATES
        trace = trace_after(trace_of(record.headers), f"{topic}/{record.partition}/{record.offset}")
        event_id = f"{self.said['id_order']}-{row.version}"
        return cloud_event("lacak.order.status-changed", event_id, "track", record.timestamp, trace)

    def event_json(self, row: HistoryRow) -> Message:
        """The event as a live client gets it."""
        event = self.event(row)
        for name in _IDS:
            event[name] = str(event[name])
        for name in _TIMES:
            event[name] = None if event[name] is None else rfc3339(event[name])
        return event

    def order_cells(self, incarnation: str) -> Message:
        """The row of `orders`."""
        return {
            **self.said,
            "status": self.now.status,
            "status_at": self.since,
            "version": len(self.changes),
            "courier": self.now.own[0],
            "eta": self.now.eta,
            "placed_incarnation": incarnation,
            "placed_partition": self.record.partition,
            "placed_offset": self.record.offset,
            "placed_recorded_at": self.record.timestamp,
        }

    def history_cells(self, row: HistoryRow, incarnations: Any) -> Message:
        """A row of `order_status_history`."""
        topic = ORDERS if row.number == 1 else UPDATES
        return {
            "id_order": self.said["id_order"],
            "id_order_status_history": row.id,
            "status": row.status,
            "previous_status": row.previous_status,
            "version": row.version,
            "applied": row.version is not None,
            "occurred_at": row.occurred_at,
            "recorded_at": row.record.timestamp,
            "event_id": row.event_id,
            **dict(zip(OWN, row.own, strict=True)),
            "eta": row.eta,
            "source_incarnation": incarnations[topic],
            "source_topic": topic,
            "source_partition": row.record.partition,
            "source_offset": row.record.offset,
        }


def _forward(old: str, new: str) -> bool:
    return old in WAY and new in WAY and WAY.index(new) > WAY.index(old)
