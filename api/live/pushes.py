"""Live changes whose traces are recorded, as spans: from Kafka to the sockets of all who watch, one of each change."""

from collections.abc import Iterable
from typing import NamedTuple

from streams import trace
from streams.spans import Kind, Spans, messaging
from streams.topics import CHANGED


class Received(NamedTuple):
    """Of a record whose trace is recorded: its traceparent, and when Kafka gave it to us, in ns since 1970."""

    traceparent: bytes
    at: int


class Pushes:
    """One gateway's."""

    def __init__(self, spans: Spans) -> None:
        self._spans = spans

    def now(self) -> int:
        """When the records come that are looked at next; 0 where none of them is recorded here."""
        return self._spans.clock() if self._spans.on else 0

    @staticmethod
    def received(headers: Iterable[tuple[str, bytes | None]], at: int) -> Received | None:
        """Of a record that came then; None where nothing is recorded."""
        found = trace.sampled(headers) if at else None
        return None if found is None else Received(found, at)

    def pushed(self, received: Received, span: bytes, partition: int, offset: int, connections: int, held: int) -> None:
        """It is written for so many connections; of which some, that have only begun, hold it back for a moment."""
        attributes = messaging("process", CHANGED.name) | {
            "messaging.destination.partition.id": str(partition),
            "messaging.kafka.offset": offset,
            "lacak.live.connections": connections,
            "lacak.live.held": held,
        }
        times = received.at, self._spans.clock()
        self._spans.record(f"push {CHANGED.name}", Kind.CONSUMER, span, received.traceparent, times, attributes)
