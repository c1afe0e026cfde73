"""Spans of the traces that are recorded, sent to an OpenTelemetry collector by a thread of its own.

The pipeline never waits for it: a span beyond the queue, or beyond so many a second, is not made; it is counted.
"""

import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from enum import StrEnum
from typing import TYPE_CHECKING

from streams import metrics
from streams.settings import Settings

if TYPE_CHECKING:
    from streams.otel import Sender

QUEUE = 2048  # spans that wait to be sent

_DROPPED = metrics.SPANS.labels("dropped")

Attributes = dict[str, str | int | bool]


class Kind(StrEnum):
    """What a span stands for, in OpenTelemetry's words."""

    SERVER = "SERVER"
    PRODUCER = "PRODUCER"
    CONSUMER = "CONSUMER"
    CLIENT = "CLIENT"


class Spans:
    """One process's spans, of one thread. `on`: whether any are recorded, which is for the caller to ask before it
    looks into headers. `clock` gives ns since 1970."""

    def __init__(self, settings: Settings, process: str, clock: Callable[[], int] = time.time_ns) -> None:
        self._url, self._process, self._per_second = settings.traces_url, process, settings.traces_per_second
        self.ratio, self.clock = settings.traces_ratio, clock
        self._sender: Sender | None = None
        self._second = self._left = 0
        self.on = False

    def start(self) -> None:
        """Begins to record, where the settings name a collector. It need not be there yet."""
        if self._url:
            from streams.otel import Sender  # the SDK: 0.1 s, for those who use it

            self._sender, self.on = Sender(self._url, self._process), True

    def stop(self) -> None:
        """Sends what waits, for a moment, and records no more."""
        self.on = False
        if self._sender is not None:
            self._sender.close()
            self._sender = None

    def record(
        self,
        name: str,
        kind: Kind,
        span: bytes,
        parent: bytes | None,
        times: tuple[int, int],
        attributes: Attributes,
        failed: bool = False,
    ) -> None:
        """Takes a span that has ended. `span` and `parent` are traceparents of one trace: its own and the one above;
        `times`, ns since 1970, when it began and ended."""
        if self._sender is None:
            return
        if self._sender.waiting < QUEUE and self._may():
            self._sender.send(name, kind, span, parent, times, attributes, failed)
        else:
            _DROPPED.inc()

    def _may(self) -> bool:
        """Whether this second has room: a sender who has all its records traced must not take the worker with it."""
        second = self.clock() // 1_000_000_000
        if second != self._second:
            self._second, self._left = second, self._per_second
        self._left -= 1
        return self._left >= 0


def opened(settings: Settings, process: str, stack: AsyncExitStack) -> Spans:
    """A process's spans, recorded until the stack is closed."""
    spans = Spans(settings, process)
    spans.start()
    stack.callback(spans.stop)
    return spans


def messaging(operation: str, topic: str) -> Attributes:
    """What every span about records says, by OpenTelemetry's conventions; topics are called as topics.py does."""
    return {
        "messaging.system": "kafka",
        "messaging.operation.type": operation,
        "messaging.operation.name": operation,
        "messaging.destination.name": topic,
    }
