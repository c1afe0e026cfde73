"""The trace that a request, a record or a change belongs to: W3C Trace Context, https://www.w3.org/TR/trace-context/.

A `traceparent` is bytes here, as Kafka's headers have it: it names a trace, the span in it that is the parent, and
whether the trace is recorded (sampled). Pure: what is recorded, streams/spans.py sends.
"""

import hashlib
import os
import re
from collections.abc import Iterable

TRACEPARENT = re.compile(rb"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_SPAN, _FLAGS = 36, 52  # where the span's id begins, and where it ends
_SAMPLED = frozenset(b"13579bdf")  # the last digit of the flags: their lowest bit


def valid(value: bytes | None) -> bytes | None:
    """The traceparent as it came, or None: one that is not valid starts no trace."""
    return value if value is not None and TRACEPARENT.fullmatch(value) else None


def of_headers(headers: Iterable[tuple[str, bytes | None]]) -> bytes | None:
    """The first `traceparent`, if it is a valid one: what we copy into our records has a bound."""
    for name, value in headers:
        if name == "traceparent":
            return valid(value)
    return None


def sampled(headers: Iterable[tuple[str, bytes | None]]) -> bytes | None:
    """The same, where its trace is recorded. It looks at one byte of all others."""
    for name, value in headers:
        if name == "traceparent":
            return valid(value) if value and value[-1] in _SAMPLED else None
    return None


def is_sampled(traceparent: bytes | None) -> bool:
    """Whether the trace is recorded, as whoever sent it says."""
    return traceparent is not None and traceparent[-1] in _SAMPLED


def trace_id(traceparent: bytes) -> str:
    """The trace's id, as logs and tools for traces show it."""
    return traceparent[3:35].decode()


def begun(caller: bytes | None) -> bytes:
    """A new span that is recorded, in the caller's trace or, without one, in a new trace."""
    trace = caller[3:35] if caller is not None else os.urandom(16).hex().encode()
    return b"00-%s-%s-01" % (trace, os.urandom(8).hex().encode())


def unsampled(caller: bytes | None) -> bytes | None:
    """The caller's trace, of which we record nothing."""
    return None if caller is None else caller[:_FLAGS] + b"-00"


def child(traceparent: bytes) -> bytes:
    """A new span of the same trace."""
    return _with_span(traceparent, os.urandom(8))


def derived(traceparent: bytes | None, *what: object) -> bytes | None:
    """The span by which `what` is done in this trace: the same whenever it is done again, so that a record that names
    it is the same too. A trace that is not recorded is passed on as it is."""
    if traceparent is None or not is_sampled(traceparent):
        return traceparent
    name = b"%s %s" % (traceparent, "/".join(map(str, what)).encode())
    return _with_span(traceparent, hashlib.blake2b(name, digest_size=8).digest())


def logged(traceparent: bytes | None) -> dict[str, str]:
    """What a log line says of it."""
    return {} if traceparent is None else {"trace_id": trace_id(traceparent)}


def _with_span(traceparent: bytes, span: bytes) -> bytes:
    return traceparent[:_SPAN] + span.hex().encode() + traceparent[_FLAGS:]
