"""The input topics against what the clients sent: all that was acknowledged is there, and nothing that nobody sent."""

from collections import Counter
from dataclasses import dataclass, field

from claims import Acked, Claims, Digest, Sent, message_digest, record_digest
from evidence import ORDERS, UPDATES, Evidence, Record
from expected import Expected, Place, is_misrouted
from findings import Kind, Report
from wire import Bad, decode, number_of

_NAMES = {ORDERS: "OrderPlaced", UPDATES: "CourierStatusUpdate"}


@dataclass(slots=True)
class Found:
    """What lies where in the input topics. `right`: the first place of a digest where it counts."""

    at: dict[Place, Digest] = field(default_factory=dict)
    right: dict[Digest, Place] = field(default_factory=dict)
    copies: Counter[Digest] = field(default_factory=Counter)  # in the right partition

    def effective(self, sent: Sent, acked: Acked) -> Place | None:
        """Where an acknowledged input is judged: at its own place, or at its forwarded copy's."""
        place = _place(sent, acked)
        if place is not None and self.right.get(sent.digest, place)[1] == place[1]:
            return place
        return self.right.get(sent.digest)


def _place(sent: Sent, acked: Acked) -> Place | None:
    """Where an input was acknowledged to be, if that was told (-1: the broker had it already)."""
    if acked.partition is None or acked.offset is None or acked.offset < 0:
        return None
    return sent.topic, acked.partition, acked.offset


def check_inputs(evidence: Evidence, claims: Claims, expected: Expected, report: Report) -> Found:
    """Lost, phantom and not forwarded inputs."""
    found = Found()
    for topic in (ORDERS, UPDATES):
        for record in evidence.topics[topic]:
            _explain(topic, record, evidence.partitions, claims, found, report)
    for each, acked in claims.acked.items():
        if each in claims.sent:
            _kept(each, claims.sent[each], acked, found, report)
    _forwarded(expected, found, report)
    _count(claims, report)
    return found


def _explain(topic: str, record: Record, partitions: int, claims: Claims, found: Found, report: Report) -> None:
    digest = record_digest(topic, record)
    if digest not in claims.by_digest:
        digest = _message(topic, record) or digest
    place = (topic, record.partition, record.offset)
    found.at[place] = digest
    if not is_misrouted(record, partitions):
        found.right.setdefault(digest, place)
        found.copies[digest] += 1
    if digest not in claims.by_digest:
        report.add(Kind.PHANTOM, "input", _at(place), f"{_at(place)} holds a record that nobody sent")
    elif claims.only_refused(digest):
        ids = ", ".join(claims.by_digest[digest])
        report.add(Kind.PHANTOM, "refused input", _at(place), f"{ids} was refused, and lies at {_at(place)}")


def _message(topic: str, record: Record) -> Digest | None:
    """The digest of a record that the API may have written."""
    try:
        message = decode(_NAMES[topic], record.value)
    except Bad:
        return None
    return message_digest(topic, message) if number_of(record.key) == message["id_order"] else None


def _kept(each: str, sent: Sent, acked: Acked, found: Found, report: Report) -> None:
    place = _place(sent, acked)
    if place is None:
        if sent.digest not in found.right:
            report.add(Kind.LOST, "input", each, f"{each} was acknowledged, and is not in {sent.topic}")
    elif found.at.get(place) != sent.digest:
        there = "another record" if place in found.at else "nothing"
        report.add(Kind.LOST, "input", each, f"{each} was acknowledged at {_at(place)}: {there} is there")


def _forwarded(expected: Expected, found: Found, report: Report) -> None:
    """Each misrouted record must have a copy in the right partition, or more."""
    wanted: Counter[Digest] = Counter()
    for topic, record in expected.misrouted:
        digest = found.at[topic, record.partition, record.offset]
        wanted[digest] += 1
        if found.copies[digest] < wanted[digest]:
            place = _at((topic, record.partition, record.offset))
            report.add(
                Kind.LOST, "forward", place, f"the record at {place} lies in a wrong partition, and no copy in its own"
            )


def _count(claims: Claims, report: Report) -> None:
    rest = sum(claims.sent[each].rest for each in claims.acked if each in claims.sent)
    report.figures["inputs acknowledged"] = len(claims.acked)
    report.figures["inputs acknowledged over REST"] = rest
    report.figures["inputs acknowledged over Kafka"] = len(claims.acked) - rest
    report.figures["inputs refused"] = len(claims.refused)
    report.figures["inputs of unknown outcome"] = len(claims.sent.keys() - claims.acked.keys() - claims.refused)


def _at(place: Place) -> str:
    return "{}/{}/{}".format(*place)
