"""Records that were fetched while others are worked on: bounded, and taken a batch at a time."""

from collections.abc import Sequence
from typing import Any

from faust.types import TP

HELD_BYTES = 1024 * 1024  # of one partition of a topic, while a batch of it runs; beyond that it is not polled


class Held:
    """What waits, by partition number; `batch_records` is the largest batch."""

    def __init__(self, batch_records: int) -> None:
        self.batch_records = batch_records
        self.bytes: dict[TP, int] = {}  # about
        self._waiting: dict[int, dict[TP, list[Any]]] = {}  # the topic that waits longest is the first

    def is_full(self, tp: TP) -> bool:
        """Whether no more of this partition should be fetched."""
        return self.bytes.get(tp, 0) >= HELD_BYTES

    def put(self, tp: TP, records: Sequence[Any]) -> None:
        """Puts records behind those of their partition that wait."""
        self._waiting.setdefault(tp.partition, {}).setdefault(tp, []).extend(records)
        self.bytes[tp] = self.bytes.get(tp, 0) + _weight(records)

    def oldest(self, tp: TP) -> Any | None:
        """The first record of this partition that waits, if any does."""
        records = self._waiting.get(tp.partition, {}).get(tp)
        return records[0] if records else None

    def take(self, partition: int) -> tuple[TP, Sequence[Any]] | None:
        """The next batch of a partition number: what waits of the topic that waits longest, batch_records at most.

        What was fetched of the other topic in between does not part it: two topics have no order, and a batch of what
        one fetch brought would be a handful of records, however many wait.
        """
        topics = self._waiting.get(partition)
        if not topics:
            return None
        tp = next(iter(topics))
        waiting = topics.pop(tp)
        records, rest = waiting[: self.batch_records], waiting[self.batch_records :]
        if rest:
            topics[tp] = rest  # behind the other topic's
        self.bytes[tp] -= _weight(records)
        return tp, records

    def clear(self) -> None:
        """Forgets all of it: it was not acknowledged, and is read again."""
        self._waiting.clear()
        self.bytes.clear()


def _weight(records: Sequence[Any]) -> int:
    return sum(len(record.value or b"") + 256 for record in records)
