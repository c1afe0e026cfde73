"""What really happened, as the clients saw it: JSON lines that are on their way to the disk before anything follows.

A `Writer` belongs to one process and one file (docs of the lines: the records below, one a kind). A process may be
killed while it writes: a last line without its end was never said, and is not read.
"""

import base64
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Self

import orjson

HeaderList = list[tuple[str, bytes | None]]


def now_ms() -> int:
    """This machine's time in milliseconds since 1970."""
    return time.time_ns() // 1_000_000


@dataclass(frozen=True, slots=True)
class Sent:
    """An input on its way. Kafka door: `key`, `value` and `headers` are its exact bytes. REST door: `message` is what
    the API must put on the topic (times in ms) if it takes it; it may put it there more than once."""

    kind: ClassVar[str] = "sent"
    id: str
    at: int
    door: str
    topic: str
    what: str
    key: bytes | None = None
    value: bytes | None = None
    headers: HeaderList = field(default_factory=list)
    message: dict[str, Any] | None = None
    partition: int | None = None
    """Where a misrouted record was sent to."""
    traceparent: str | None = None
    """REST: the request's own."""


@dataclass(frozen=True, slots=True)
class Acked:
    """Kafka has it: by a delivery report, which says where, or by REST's 202."""

    kind: ClassVar[str] = "acked"
    id: str
    at: int
    partition: int | None = None
    offset: int | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """A 4xx: it must have no effect."""

    kind: ClassVar[str] = "refused"
    id: str
    at: int
    status: int


@dataclass(frozen=True, slots=True)
class GaveUp:
    """Never acknowledged: it may have an effect or none."""

    kind: ClassVar[str] = "gave_up"
    id: str
    at: int
    error: str = ""


@dataclass(frozen=True, slots=True)
class Connected:
    """A live client's connection stands (its hello has still to come)."""

    kind: ClassVar[str] = "connected"
    client: str
    at: int
    user: int
    transport: str
    gateway: int
    cursor: str | None = None


@dataclass(frozen=True, slots=True)
class Frame:
    """What a live client was sent; `frame` has its `type`. A snapshot's `orders` are [id_order, version, status]."""

    kind: ClassVar[str] = "frame"
    client: str
    at: int
    frame: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Closed:
    """The end of a connection. `by` is client, server or error."""

    kind: ClassVar[str] = "closed"
    client: str
    at: int
    code: int | None
    by: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that was broken on purpose, until `until`."""

    kind: ClassVar[str] = "fault"
    at: int
    name: str
    target: str
    until: int | None = None
    seed_step: int | None = None
    detail: Any = None


@dataclass(frozen=True, slots=True)
class ProcessEvent:
    """A process was started, killed or terminated, or exited."""

    kind: ClassVar[str] = "process"
    at: int
    name: str
    event: str
    seconds: float | None = None
    code: int | None = None


@dataclass(frozen=True, slots=True)
class Rss:
    """A process's resident memory."""

    kind: ClassVar[str] = "rss"
    at: int
    name: str
    bytes: int


Event = Sent | Acked | Refused | GaveUp | Connected | Frame | Closed | Fault | ProcessEvent | Rss
_RECORDS: tuple[Any, ...] = (Sent, Acked, Refused, GaveUp, Connected, Frame, Closed, Fault, ProcessEvent, Rss)
_KINDS = {each.kind: (each, frozenset(one.name for one in fields(each))) for each in _RECORDS}


class Writer:
    """Appends events to one file. Each is with the kernel when `write` returns, so that a kill -9 takes none back."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("ab", buffering=0)

    def write(self, kind: str, **values: Any) -> None:
        """One line; `at` is now unless it is given. Bytes go as base64."""
        line = orjson.dumps({"kind": kind, "at": now_ms(), **values}, default=_bytes) + b"\n"
        if self._file.write(line) != len(line):
            raise OSError(f"{self._file.name}: half a line written")

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()


def _bytes(value: object) -> str:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    raise TypeError(type(value))


def read(path: Path) -> Iterator[Event]:
    """The events of one file, as they were written. ValueError for a line that is none; unknown kinds are passed."""
    with path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if not line.endswith(b"\n"):
                return
            try:
                event = _event(orjson.loads(line))
            except (orjson.JSONDecodeError, TypeError, KeyError) as error:
                raise ValueError(f"{path}:{number}: {error}") from error
            if event is not None:
                yield event


def read_all(folder: Path) -> list[Event]:
    """The events of every file of a run's history, in the order of their times."""
    events = [event for path in sorted(folder.glob("*.jsonl")) for event in read(path)]
    return sorted(events, key=lambda event: event.at)


def _event(line: Mapping[str, Any]) -> Event | None:
    if line["kind"] not in _KINDS:
        return None
    record, names = _KINDS[line["kind"]]
    values = {name: value for name, value in line.items() if name in names}
    if record is Sent:
        values |= {name: _decoded(line[name]) for name in ("key", "value") if name in line}
        values["headers"] = _headers(line.get("headers", ()))
    event: Event = record(**values)
    return event


def _decoded(text: str | None) -> bytes | None:
    return None if text is None else base64.b64decode(text, validate=True)


def _headers(pairs: Iterable[tuple[str, str | None]]) -> HeaderList:
    return [(name, _decoded(value)) for name, value in pairs]
