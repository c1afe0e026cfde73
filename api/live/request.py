"""The head of a usual request for a live connection, read without an HTTP parser: a third of the time.

It takes less than HTTP allows. What is unusual in any way is not taken, and read by httptools: so nothing hangs on the
reading of something odd here.
"""

from typing import Final

from api.http_head import MAX_HEAD
from api.live.paths import LIVE, STREAM

BODY: Final = frozenset((b"content-length", b"transfer-encoding"))
_LIVE, _STREAM = LIVE.encode(), STREAM.encode()
_BEGINS, _VERSION, _ENDS = b"GET " + _LIVE, b" HTTP/1.1", b"\r\n\r\n"
_TARGET: Final = bytes(range(0x21, 0x7F))
_TEXT: Final = b"\t " + _TARGET
_TOKEN: Final = bytes(each for each in _TARGET if each not in b'"(),/:;<=>?@[\\]{}')


class Request:
    """`headers`: names in lower case. `query`: what is behind the question mark. `upgrades`: to a WebSocket."""

    __slots__ = ("headers", "query", "upgrades")

    def __init__(self, query: bytes, headers: list[tuple[bytes, bytes]], upgrades: bool) -> None:
        self.query, self.headers, self.upgrades = query, headers, upgrades

    @staticmethod
    def read(data: bytes) -> "Request | None":
        """The usual request for a live connection, whole and with nothing after it; None for all others."""
        if not data.startswith(_BEGINS) or not data.endswith(_ENDS) or len(data) > MAX_HEAD:
            return None
        lines = data[4:-4].split(b"\r\n")
        if b"".join(lines).translate(None, _TEXT):
            return None
        target = lines[0]
        if not target.endswith(_VERSION):
            return None
        target = target[: -len(_VERSION)]
        if b"#" in target or target.translate(None, _TARGET):
            return None
        headers: list[tuple[bytes, bytes]] = []
        upgrade = connection = b""
        for line in lines[1:]:
            name, colon, value = line.partition(b":")
            if not name or not colon or name.translate(None, _TOKEN):
                return None
            name, value = name.lower(), value.lstrip(b" \t")
            headers.append((name, value))
            if name in BODY:
                return None
            if name == b"upgrade":
                if upgrade or not value:
                    return None
                upgrade = value.lower()
            elif name == b"connection":
                if connection:
                    return None
                connection = value.lower()
        path, _, query = target.partition(b"?")
        if path == _STREAM and not upgrade:
            return Request(query, headers, False)
        upgrades = upgrade == b"websocket" and b"upgrade" in [each.strip(b" \t") for each in connection.split(b",")]
        return Request(query, headers, True) if path == _LIVE and upgrades else None
