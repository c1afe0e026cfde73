"""The trace a request belongs to (W3C Trace Context, https://www.w3.org/TR/trace-context/)."""

import re

_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


def traceparent_of(header: str | None) -> bytes | None:
    """The header as it came, or None when it is absent or not a valid one: an invalid one starts no trace."""
    return header.encode() if header is not None and _TRACEPARENT.fullmatch(header) else None
