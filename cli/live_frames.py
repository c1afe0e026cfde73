"""The frames of live push on both transports, as values: WebSocket messages, and a parser for server-sent events."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame: `hello`, `snapshot`, `change`, `heartbeat` or `drain`, and what it says."""

    kind: str
    body: Json

    @property
    def cursor(self) -> str | None:
        """Where to resume from after this frame. None for a hello that did not resume: a cut before the snapshot must
        not skip it."""
        if self.kind == "hello" and not self.body.get("resumed"):
            return None
        cursor = self.body.get("cursor")
        return cursor if isinstance(cursor, str) else None


def from_text(text: str | bytes) -> Frame | None:
    """The frame in a WebSocket message; None for one that is none."""
    try:
        body = json.loads(text)
    except ValueError:
        return None
    return Frame(body["type"], body) if isinstance(body, dict) and isinstance(body.get("type"), str) else None


@dataclass
class EventStream:
    """Server-sent events, as in the HTML standard, section 9.2.6: feed it lines, it gives frames.

    `id:` of the event is the cursor where the data holds none.
    """

    _event: str = ""
    _data: list[str] = field(default_factory=list)
    _id: str | None = None

    def line(self, line: str) -> Iterator[Frame]:
        """Takes one line without its end."""
        if not line:
            yield from self._dispatch()
            return
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "event":
            self._event = value
        elif name == "data":
            self._data.append(value)
        elif name == "id" and "\0" not in value:
            self._id = value

    def _dispatch(self) -> Iterator[Frame]:
        kind, data, id_ = self._event or "message", "\n".join(self._data), self._id
        self._event, self._data, self._id = "", [], None
        if not data:
            return
        try:
            body = json.loads(data)
        except ValueError:
            return
        if isinstance(body, dict):
            yield Frame(kind, body if id_ is None or "cursor" in body else {**body, "cursor": id_})
