"""The three topics that the pipeline writes: changes in order and without a gap, dead letters, notifications."""

from collections.abc import Callable
from dataclasses import dataclass, field

from evidence import CHANGED, NOTIFICATIONS, REJECTED, Evidence, Record
from expected import Expected, Place
from findings import Kind, Report
from life import HistoryRow, Life
from wire import Bad, Headers, Message, cloud_event, decode, number_of, partition_of, trace_after, trace_of

# What is news to a customer; as the brief lists it.
NEWS = frozenset(
    {
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
)
_CORRECTION = "a correction"  # has one title, whatever the status
# In these the courier's note is not for the customer.
_NO_NOTE = frozenset({"picked_up", "out_for_delivery"})
_TITLES, _BODIES = ("title", "title_en"), ("body", "body_en")
_GAINED = ("lacak_reason", "lacak_detail", "lacak_topic", "lacak_partition", "lacak_offset")
_LONGEST_DETAIL = 4000  # bytes of 1,000 characters


def is_news(row: HistoryRow) -> bool:
    """Whether the customer is to be told: always, where it was told something that is not so."""
    return row.status in NEWS or row.is_correction


@dataclass(slots=True)
class Published:
    """First appearances in a topic. `at`: their log-append times by id_order and version, in the order of the log."""

    at: dict[int, dict[int, int]] = field(default_factory=dict)
    first: dict[tuple[int, int], Record] = field(default_factory=dict)
    repeats: int = 0

    def repeated(self, id_order: int, version: int, record: Record) -> Record | None:
        """The first appearance of this version, or None when this is it."""
        before = self.first.setdefault((id_order, version), record)
        if before is record:
            self.at.setdefault(id_order, {})[version] = record.timestamp
            return None
        self.repeats += 1
        return before


def check_changed(evidence: Evidence, expected: Expected, report: Report) -> Published:
    """order-status-changed: each applied change once or more, first appearances by version."""
    published = _each(evidence, CHANGED, "OrderStatusChanged", expected, report, _change)
    for id_order, life in expected.orders.items():
        seen = list(published.at.get(id_order, ()))
        _missing(id_order, life, seen, report)
        if seen != sorted(seen):
            sentence = f"the versions of order {id_order} appear as {seen}"
            report.add(Kind.VERSION_GAP, "event", str(id_order), sentence)
    return published


def _missing(id_order: int, life: Life, seen: list[int], report: Report) -> None:
    for row in life.changes:
        version = row.version or 0
        if version in seen:
            continue
        where = f"{id_order}-{version}"
        report.add(Kind.LOST, "event", where, f"the change {where} ({row.status}) was never published")
        if seen and version < max(seen):
            sentence = f"{id_order}-{max(seen)} was published, {where} never: whoever follows sees a gap"
            report.add(Kind.VERSION_GAP, "event", where, sentence)


def _each(
    evidence: Evidence,
    topic: str,
    name: str,
    expected: Expected,
    report: Report,
    wrong: Callable[[Message, Record, Life, HistoryRow, int], list[str]],
) -> Published:
    """Reads one of the topics that are about versions: phantoms, repeats that differ, wrong contents."""
    published = Published()
    kind = Kind.WRONG_STATE if topic == CHANGED else Kind.NOTIFICATION
    for record in evidence.topics[topic]:
        where = f"{topic}/{record.partition}/{record.offset}"
        message, row = _explained(topic, name, record, where, expected, report)
        if message is None or row is None:
            continue
        id_order, version = message["id_order"], message["version"]
        first = published.repeated(id_order, version, record)
        if first is None:
            if faults := wrong(message, record, expected.orders[id_order], row, evidence.partitions):
                report.add(kind, topic, where, f"{where}, {id_order}-{version}: " + "; ".join(faults))
        elif (first.key, first.value, first.packed, first.partition) != (
            record.key,
            record.value,
            record.packed,
            record.partition,
        ):
            sentence = f"{where} says {id_order}-{version} again, and not as {first.partition}/{first.offset} did"
            report.add(Kind.REPEAT_DIFFERS, topic, where, sentence)
    return published


def _explained(
    topic: str, name: str, record: Record, where: str, expected: Expected, report: Report
) -> tuple[Message | None, HistoryRow | None]:
    """The message, and the change that explains it."""
    try:
        message = decode(name, record.value)
    except Bad as bad:
        report.add(Kind.PHANTOM, topic, where, f"{where} cannot be read: {bad}")
        return None, None
    id_order, version = message["id_order"], message["version"]
    life = expected.orders.get(id_order)
    if life is None or not 1 <= version <= len(life.changes):
        report.add(Kind.PHANTOM, topic, where, f"{where} tells of {id_order}-{version}, which no input explains")
        return message, None
    row = life.changes[version - 1]
    if topic == NOTIFICATIONS and not is_news(row):
        sentence = f"{where} announces {id_order}-{version}: {row.status} is no news"
        report.add(Kind.NOTIFICATION, topic, where, sentence)
        return message, None
    return message, row


def _change(message: Message, record: Record, life: Life, row: HistoryRow, partitions: int) -> list[str]:
    due = life.event(row)
    wrong = [f"{name} is {message[name]!r}, not {due[name]!r}" for name in due if message[name] != due[name]]
    return wrong + _envelope(record, life, life.event_headers(row), partitions)


def _envelope(record: Record, life: Life, headers: Headers, partitions: int) -> list[str]:
    key = str(life.said["id_user"]).encode()
    wrong = []
    if record.key != key:
        wrong.append(f"the key is {record.key!r}, not {key!r}")
    if record.partition != partition_of(key, partitions):
        wrong.append(f"it is not in partition {partition_of(key, partitions)}")
    if sorted(record.headers, key=str) != sorted(headers, key=str):
        wrong.append(f"the headers are {record.headers}, not {headers}")
    return wrong


def check_notifications(evidence: Evidence, expected: Expected, published: Published, report: Report) -> Published:
    """user-notifications: one or more for each change that is news, in the order of the versions."""
    statuses: dict[str, str] = {}  # by title

    def wrong(message: Message, record: Record, life: Life, row: HistoryRow, partitions: int) -> list[str]:
        id_order = life.said["id_order"]
        event = published.first.get((id_order, row.version or 0))
        headers = _told_headers(message, life, row, event)
        return (
            _notification(message, life, row)
            + _words(message, life, row, statuses)
            + _envelope(record, life, headers, partitions)
        )

    told = _each(evidence, NOTIFICATIONS, "UserNotification", expected, report, wrong)
    for id_order, life in expected.orders.items():
        seen = list(told.at.get(id_order, ()))
        for row in life.changes:
            if is_news(row) and row.version not in seen:
                where = f"{id_order}-{row.version}"
                report.add(Kind.NOTIFICATION, "notification", where, f"nobody was told of {where} ({row.status})")
        if seen != sorted(seen):
            sentence = f"the user of order {id_order} was told of its versions as {seen}"
            report.add(Kind.NOTIFICATION, "notification", str(id_order), sentence)
    return told


def _told_headers(message: Message, life: Life, row: HistoryRow, event: Record | None) -> Headers:
    changed = event.headers if event is not None else life.event_headers(row)
    trace = trace_after(trace_of(changed), NOTIFICATIONS)
    return cloud_event("lacak.user.notification", message["notification_id"], "notify", row.record.timestamp, trace)


def _notification(message: Message, life: Life, row: HistoryRow) -> list[str]:
    due = {
        "notification_id": f"{life.said['id_order']}-{row.version}",
        "id_user": life.said["id_user"],
        "kind": "status",
        "status": row.status,
        "created_at": row.record.timestamp,
    }
    return [f"{name} is {message[name]!r}, not {value!r}" for name, value in due.items() if message[name] != value]


def _words(message: Message, life: Life, row: HistoryRow, statuses: dict[str, str]) -> list[str]:
    """A title belongs to one status, or to corrections; a body says which parcel it is about, and what was noted."""
    wrong, says = [], _CORRECTION if row.is_correction else row.status
    for name in _TITLES:
        if not message[name].strip():
            wrong.append(f"{name} is empty")
        elif (title_of := statuses.setdefault(message[name], says)) != says:
            wrong.append(f"{name} {message[name]!r} is that of {title_of}, not of {says}")
    parcel, note = life.said["produk_nama"] or str(life.said["id_order"]), row.note
    for name in _BODIES:
        if parcel not in message[name]:
            wrong.append(f"{name} does not say that it is about {parcel}: {message[name]!r}")
        if note and says not in _NO_NOTE and note not in message[name]:
            wrong.append(f"{name} does not tell the courier's note: {message[name]!r}")
    return wrong


def check_rejected(evidence: Evidence, expected: Expected, report: Report) -> int:
    """courier-status-rejected: each rejected record as it came, and why; gives how many were there again."""
    first: dict[Place, Record] = {}
    repeats = 0
    for record in evidence.topics[REJECTED]:
        where = f"{REJECTED}/{record.partition}/{record.offset}"
        place = _origin(record.headers, evidence.prefix)
        if place is None:
            report.add(Kind.DEAD_LETTER, REJECTED, where, f"{where} does not say which record it was")
        elif place not in expected.rejected:
            sentence = f"{where} rejects {place}, which is not to be rejected"
            report.add(Kind.PHANTOM, REJECTED, where, sentence)
        elif (before := first.setdefault(place, record)) is not record:
            repeats += 1
            if before[3:] != record[3:] or before.partition != record.partition:
                sentence = f"{where} rejects {place} again, and not as {before.partition}/{before.offset} did"
                report.add(Kind.REPEAT_DIFFERS, REJECTED, where, sentence)
        elif faults := _altered(record, place, expected, evidence.partitions):
            report.add(Kind.DEAD_LETTER, REJECTED, where, f"{where}, of {place}: " + "; ".join(faults))
    for place in expected.rejected.keys() - first.keys():
        reason = expected.rejected[place].reason
        report.add(Kind.DEAD_LETTER, "dead letter", str(place), f"{place} is {reason}, and has no dead letter")
    return repeats


def _origin(headers: Headers, prefix: str) -> Place | None:
    """Which record a dead letter names."""
    named = {name: value or b"" for name, value in headers if name in _GAINED}
    try:
        topic = named["lacak_topic"].decode()
        place = topic.removeprefix(prefix), int(named["lacak_partition"]), int(named["lacak_offset"])
    except (KeyError, ValueError):
        return None
    return place if topic.startswith(prefix) else None


def _altered(record: Record, place: Place, expected: Expected, partitions: int) -> list[str]:
    was, reason = expected.rejected[place]
    gained = [(name, value or b"") for name, value in record.headers if name in _GAINED]
    reasons = [value for name, value in gained if name == "lacak_reason"]
    partition = was.partition if number_of(was.key) is None else partition_of(was.key or b"", partitions)
    wrong = []
    if record.key != was.key:
        wrong.append(f"the key is {record.key!r}, not {was.key!r}")
    if record.value != was.value:
        wrong.append("the value is not the original's bytes")
    if _original(record.headers) != _original(was.headers):
        wrong.append(f"the headers are {record.headers}, of {was.headers}")
    if sorted(name for name, _ in gained) != sorted(_GAINED):
        wrong.append(f"it gained {[name for name, _ in gained]}")
    if reasons != [reason.encode()]:
        wrong.append(f"the reason is {reasons}, not {reason}")
    if any(name == "lacak_detail" and not 0 < len(value) <= _LONGEST_DETAIL for name, value in gained):
        wrong.append("the detail is empty or too long")
    if record.partition != partition:
        wrong.append(f"it is not in partition {partition}")
    return wrong


def _original(headers: Headers) -> Headers:
    return tuple(each for each in headers if each[0] not in _GAINED)
