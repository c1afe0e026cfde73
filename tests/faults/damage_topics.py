"""What can be wrong with the topics that the pipeline writes, and the kinds of findings it must make."""

from collections.abc import Callable
from typing import Any

import wire
from damage import (
    NAMES,
    Case,
    Damage,
    added,
    again,
    history,
    input_at,
    records,
    said,
    with_header,
    without,
)
from evidence import CHANGED, NOTIFICATIONS, REJECTED, Evidence, Record, pack_headers
from findings import Kind
from sample_run import ANI, COFFEE, SHOES, SOAP, T0


def dead_letter(evidence: Evidence, reason: str) -> int:
    """The last dead letter with that reason."""
    reasons = [dict(each.headers)["lacak_reason"] for each in evidence.topics[REJECTED]]
    return len(reasons) - 1 - reasons[::-1].index(reason.encode())


def rejected(reason: str, **changes: Callable[[Record], Any]) -> Damage:
    """Alters a dead letter; without changes, takes it away."""

    def damage(evidence: Evidence) -> None:
        index = dead_letter(evidence, reason)
        record = evidence.topics[REJECTED].pop(index)
        if changes:
            record = record._replace(**{name: change(record) for name, change in changes.items()})
            evidence.topics[REJECTED].insert(index, record)

    return damage


def flipped(record: Record) -> bytes:
    value = record.value or b""
    return value[:-1] + bytes([value[-1] ^ 1])


def drop_last_event(evidence: Evidence) -> None:
    without(evidence, CHANGED, SHOES, 5)
    history(evidence)[:] = [line for line in history(evidence) if line["kind"] not in ("connected", "frame", "closed")]


def drop_event(evidence: Evidence) -> None:
    without(evidence, CHANGED, SHOES, 3)


def swap_events(evidence: Evidence) -> None:
    topic = evidence.topics[CHANGED]
    one, other = (records(evidence, CHANGED, SHOES, version)[0] for version in (2, 3))
    topic[one], topic[other] = (
        topic[other]._replace(offset=topic[one].offset),
        topic[one]._replace(offset=topic[other].offset),
    )


def wrong_event(name: str, value: Any) -> Damage:
    def damage(evidence: Evidence) -> None:
        said(evidence, CHANGED, SHOES, 2, **{name: value})

    return damage


def event_of(version: int, **changes: Callable[[Record], Any]) -> Damage:
    def damage(evidence: Evidence) -> None:
        index = records(evidence, CHANGED, SHOES, version)[-1]
        record = evidence.topics[CHANGED][index]
        changed = {name: change(record) for name, change in changes.items()}
        evidence.topics[CHANGED][index] = record._replace(**changed)

    return damage


def repeat_says_other(evidence: Evidence) -> None:
    assert len(records(evidence, CHANGED, SOAP, 2)) == 2
    said(evidence, CHANGED, SOAP, 2, note="x")


def repeat_has_other_headers(evidence: Evidence) -> None:
    index = records(evidence, CHANGED, SOAP, 2)[-1]
    evidence.topics[CHANGED][index] = evidence.topics[CHANGED][index]._replace(packed=pack_headers([("a", b"")]))


def said_last(evidence: Evidence, topic: str, **changes: Any) -> None:
    """Makes the very last record of Ani's partition say something else."""
    partition = wire.partition_of(str(ANI).encode(), evidence.partitions)
    index = max(i for i, each in enumerate(evidence.topics[topic]) if each.partition == partition)
    record = evidence.topics[topic][index]
    message = {**wire.decode(NAMES[topic], record.value), **changes}
    evidence.topics[topic][index] = record._replace(value=wire.encode(NAMES[topic], message))


def phantom_version(evidence: Evidence) -> None:
    added(evidence, CHANGED, again(evidence, CHANGED, SHOES, 5))
    said_last(evidence, CHANGED, version=6)


def garbled_event(evidence: Evidence) -> None:
    added(evidence, CHANGED, again(evidence, CHANGED, SHOES, 5)._replace(value=b"\0\0\0\0\3"))


def less_of_dead_letters_header(evidence: Evidence) -> None:
    """Of two with one name, the first."""
    topic = evidence.topics[REJECTED]
    index = next(index for index, each in enumerate(topic) if each.headers[0] == ("a", b"1"))
    topic[index] = topic[index]._replace(packed=pack_headers(topic[index].headers[1:]))


def phantom_dead_letter(evidence: Evidence) -> None:
    record = evidence.topics[REJECTED][dead_letter(evidence, "illegal_transition")]
    topic, index = input_at(evidence, "k-5")
    offset = str(evidence.topics[topic][index].offset).encode()
    added(evidence, REJECTED, record._replace(packed=with_header("lacak_offset", offset)(record)))


def repeated_dead_letter_differs(evidence: Evidence) -> None:
    names = [dict(each.headers) for each in evidence.topics[REJECTED]]
    places = [(each["lacak_topic"], each["lacak_partition"], each["lacak_offset"]) for each in names]
    index = next(i for i, place in enumerate(places) if place in places[:i])
    record = evidence.topics[REJECTED][index]
    evidence.topics[REJECTED][index] = record._replace(packed=with_header("lacak_detail", b"other")(record))


def drop_notification(evidence: Evidence) -> None:
    without(evidence, NOTIFICATIONS, SHOES, 4)


def quiet_notification(evidence: Evidence) -> None:
    added(evidence, NOTIFICATIONS, again(evidence, NOTIFICATIONS, SHOES, 5))
    said_last(evidence, NOTIFICATIONS, version=2, status="confirmed", notification_id=f"{SHOES}-2")


def phantom_notification(evidence: Evidence) -> None:
    added(evidence, NOTIFICATIONS, again(evidence, NOTIFICATIONS, SHOES, 5))
    said_last(evidence, NOTIFICATIONS, version=9, notification_id=f"{SHOES}-9")


def notification_of_another_version(evidence: Evidence) -> None:
    index = records(evidence, NOTIFICATIONS, SHOES, 3)[0]
    record = evidence.topics[NOTIFICATIONS][index]
    message = {**wire.decode(NAMES[NOTIFICATIONS], record.value), "version": 4}
    evidence.topics[NOTIFICATIONS][index] = record._replace(value=wire.encode(NAMES[NOTIFICATIONS], message))


def wrong_notification(id_order: int, version: int, **changes: str) -> Damage:
    """Says something else at its first appearance."""

    def damage(evidence: Evidence) -> None:
        index = records(evidence, NOTIFICATIONS, id_order, version)[0]
        record = evidence.topics[NOTIFICATIONS][index]
        message = {**wire.decode(NAMES[NOTIFICATIONS], record.value), **changes}
        evidence.topics[NOTIFICATIONS][index] = record._replace(value=wire.encode(NAMES[NOTIFICATIONS], message))

    return damage


def turned_notifications(evidence: Evidence) -> None:
    topic = evidence.topics[NOTIFICATIONS]
    one, other = (records(evidence, NOTIFICATIONS, SHOES, version)[0] for version in (3, 4))
    topic[one], topic[other] = (
        topic[other]._replace(offset=topic[one].offset),
        topic[one]._replace(offset=topic[other].offset),
    )


TOPICS: list[Case] = [
    ("the last event is gone", drop_last_event, {Kind.LOST}),
    ("an event is gone", drop_event, {Kind.LOST, Kind.VERSION_GAP}),
    ("two events are turned round", swap_events, {Kind.VERSION_GAP}),
    ("an event of another status", wrong_event("status", "lost"), {Kind.WRONG_STATE}),
    ("an event of another time", wrong_event("recorded_at", T0), {Kind.WRONG_STATE}),
    ("an event with another eta", wrong_event("eta", T0), {Kind.WRONG_STATE}),
    ("an event without its trace", event_of(2, packed=with_header("traceparent", None)), {Kind.WRONG_STATE}),
    ("an event with another ce_id", event_of(2, packed=with_header("ce_id", b"?")), {Kind.WRONG_STATE}),
    ("an event of another key", event_of(2, key=lambda _: b"43"), {Kind.WRONG_STATE}),
    ("a repeat says something else", repeat_says_other, {Kind.REPEAT_DIFFERS}),
    ("a repeat with other headers", repeat_has_other_headers, {Kind.REPEAT_DIFFERS}),
    ("a version that never was", phantom_version, {Kind.PHANTOM}),
    ("an event that is none", garbled_event, {Kind.PHANTOM}),
    ("a dead letter is gone", rejected("illegal_transition"), {Kind.DEAD_LETTER}),
    ("a bit of a dead letter", rejected("unknown_status", value=flipped), {Kind.DEAD_LETTER}),
    ("a dead letter of another key", rejected("unknown_status", key=lambda _: b"1"), {Kind.DEAD_LETTER}),
    (
        "a dead letter without one of its headers",
        less_of_dead_letters_header,
        {Kind.DEAD_LETTER},
    ),
    (
        "a dead letter without its detail",
        rejected("unknown_status", packed=with_header("lacak_detail", None)),
        {Kind.DEAD_LETTER},
    ),
    (
        "a dead letter without its offset",
        rejected("unknown_status", packed=with_header("lacak_offset", None)),
        {Kind.DEAD_LETTER},
    ),
    (
        "another reason",
        rejected("unknown_status", packed=with_header("lacak_reason", b"undecodable")),
        {Kind.DEAD_LETTER},
    ),
    ("a dead letter of a good record", phantom_dead_letter, {Kind.PHANTOM}),
    ("a dead letter again, and other", repeated_dead_letter_differs, {Kind.REPEAT_DIFFERS}),
    ("nobody was told", drop_notification, {Kind.NOTIFICATION}),
    ("told what is no news", quiet_notification, {Kind.NOTIFICATION}),
    ("told of another version", notification_of_another_version, {Kind.NOTIFICATION, Kind.REPEAT_DIFFERS}),
    ("told of another parcel", wrong_notification(SHOES, 4, body="Paket Teh"), {Kind.NOTIFICATION}),
    ("told without a title", wrong_notification(SHOES, 4, title=" "), {Kind.NOTIFICATION}),
    (
        "told by the title of another status",
        wrong_notification(SHOES, 5, title="Paketmu: picked_up"),
        {Kind.NOTIFICATION},
    ),
    (
        "told without the courier's note",
        wrong_notification(COFFEE, 4, body="Paket 102"),
        {Kind.NOTIFICATION, Kind.REPEAT_DIFFERS},
    ),
    ("told in another order", turned_notifications, {Kind.NOTIFICATION}),
    ("told what never was", phantom_notification, {Kind.PHANTOM}),
]
