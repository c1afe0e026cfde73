"""What a request for a live connection says: the same for both transports, and for every server."""

from collections.abc import Iterable
from urllib.parse import parse_qsl

from starlette.requests import cookie_parser
from starlette.types import Scope


class Handshake:
    """`headers` as in ASGI: names in lower case; of a name that comes twice the first counts, of a parameter in `query`
    the last. `peer`: the address that the socket is connected to."""

    __slots__ = ("_headers", "_query", "peer")

    def __init__(self, headers: Iterable[tuple[bytes, bytes]], query: bytes, peer: str) -> None:
        self._headers, self.peer = list(headers), peer
        self._query = parse_qsl(query.decode("latin-1"), keep_blank_values=True) if query else []

    @classmethod
    def of(cls, scope: Scope) -> "Handshake":
        """That of an ASGI connection."""
        return cls(scope["headers"], scope["query_string"], (scope.get("client") or ("",))[0])

    def header(self, name: bytes) -> str | None:
        """A header's value."""
        return next((value.decode("latin-1") for each, value in self._headers if each == name), None)

    def only(self, name: bytes) -> str | None:
        """The value of a header that may come once; None where it comes twice, for then nobody knows which counts."""
        values = [value for each, value in self._headers if each == name]
        return values[0].decode("latin-1") if len(values) == 1 else None

    def parameter(self, name: str) -> str | None:
        """A parameter's value."""
        return next((value for each, value in reversed(self._query) if each == name), None)

    def parameters(self, name: str) -> list[str]:
        """All values of a parameter."""
        return [value for each, value in self._query if each == name]

    @property
    def cookies(self) -> dict[str, str]:
        """By name."""
        return cookie_parser(self.header(b"cookie") or "")

    @property
    def subprotocols(self) -> list[str]:
        """Those of WebSocket that the client offers, the one it likes best first."""
        lines = [value.decode("latin-1") for name, value in self._headers if name == b"sec-websocket-protocol"]
        return [one.strip() for line in lines for one in line.split(",")]
