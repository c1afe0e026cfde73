"""Cookies, read in time that grows with their length and no faster.

Python before 3.11.10 and 3.12.6 takes quadratic time for a backslash in a quoted value (CVE-2024-7592): a stranger's
60 KB would hold a process up for seconds. FastAPI reads all cookies for every route, whether it asks for one or not.
"""

from starlette.types import ASGIApp, Receive, Scope, Send

_HEADER = b"cookie"


def cookie(header: str, name: str) -> str | None:
    """The value of one cookie as it came: ours are tokens, which no browser quotes. Of several the last one counts."""
    pairs = (part.partition("=") for part in header.split(";"))
    values = [value.strip() for key, _, value in pairs if key.strip() == name]
    return values[-1] if values else None


class PlainCookies:
    """ASGI middleware: passes no backslash on, which RFC 6265 allows in no cookie."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if any(name == _HEADER and b"\\" in value for name, value in scope.get("headers", ())):
            headers = [
                (name, value.replace(b"\\", b"") if name == _HEADER else value) for name, value in scope["headers"]
            ]
            scope = {**scope, "headers": headers}
        await self._app(scope, receive, send)
