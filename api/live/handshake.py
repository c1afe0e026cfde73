"""What a request for a live connection says: the same for both transports, and for every server."""

from collections.abc import Iterable
from urllib.parse import parse_qsl

from starlette.types import Scope

from api.cookies import cookie


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

    def all_of(self, name: bytes) -> str:
        """A header that is a list, all its lines as one (RFC 9110, section 5.3); empty without one."""
        return ",".join(value.decode("latin-1") for each, value in self._headers if each == name)

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

    def cookie(self, name: str) -> str | None:
        """A cookie's value."""
        return cookie(self.header(b"cookie") or "", name)

    @property
    def subprotocols(self) -> list[str]:
        """Those of WebSocket that the client offers, the one it likes best first."""
        offered = self.all_of(b"sec-websocket-protocol")
        return [one.strip() for one in offered.split(",")] if offered else []
