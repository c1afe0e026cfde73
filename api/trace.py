"""A request's place in its trace.

A caller's trace id is kept, and whether the trace is recorded is ours to say: by lot, at so many requests in a hundred.
A caller who says that it is recorded would else have each of its requests recorded, and all that follows from them.
"""

import random

from fastapi import Request
from starlette.types import Scope

from streams import trace
from streams.spans import Attributes, Kind, Spans, messaging

_SCOPE = "lacak.trace"  # where a request keeps it


class RequestTrace:
    """One request. `carried`: the traceparent of the records that it becomes, if they have any; `id`: for logs."""

    __slots__ = ("_began", "_caller", "_sending", "_server", "_spans", "carried")

    def __init__(self, spans: Spans, caller: bytes | None) -> None:
        self._spans, self._caller, self._began = spans, caller, spans.clock()
        self._server = self._sending = None
        self.carried = caller
        if spans.on and random.random() < spans.ratio:  # noqa: S311 - a sample
            self._server = trace.begun(caller)
            self._sending = self.carried = trace.child(self._server)
        elif spans.on:
            self.carried = trace.unsampled(caller)

    @classmethod
    def begin(cls, scope: Scope, spans: Spans) -> "RequestTrace":
        """At the door."""
        header = next((value for name, value in scope["headers"] if name == b"traceparent"), None)
        scope[_SCOPE] = begun = cls(spans, trace.valid(header))
        return begun

    @classmethod
    def of(cls, request: Request) -> "RequestTrace":
        """The request's, once it has begun."""
        found: RequestTrace = request.scope[_SCOPE]
        return found

    @property
    def id(self) -> str | None:
        found = self._server or self._caller
        return None if found is None else trace.trace_id(found)

    def now(self) -> int:
        """In ns since 1970."""
        return self._spans.clock()

    def sent(self, topic: str, count: int, began: int, confirmed: bool) -> None:
        """Its records were given to Kafka, which has them or not."""
        if self._sending is not None:
            about = messaging("send", topic) | {"messaging.batch.message_count": count}
            times = began, self.now()
            self._spans.record(
                f"send {topic}", Kind.PRODUCER, self._sending, self._server, times, about, failed=not confirmed
            )

    def answered(self, method: str, route: str, status: int, request_id: str | None) -> None:
        """It is over. Of its address only the route's template is told: ids are persons', and links to share secret."""
        if self._server is not None:
            about: Attributes = {
                "http.request.method": method,
                "http.route": route,
                "http.response.status_code": status,
            }
            if request_id is not None:
                about["lacak.request_id"] = request_id
            times, failed = (self._began, self.now()), status >= 500
            # A caller that records nothing has no span: ours is the first.
            parent = self._caller if trace.is_sampled(self._caller) else None
            self._spans.record(f"{method} {route}", Kind.SERVER, self._server, parent, times, about, failed)
