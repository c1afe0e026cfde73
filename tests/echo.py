"""A service that tells what it was asked, or breaks off: what is behind a proxy, seen from there."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

BREAKS_OFF = "/v1/breaks-off"


@dataclass
class Echo:
    """A running one: where it listens, and the request lines that it has heard, those of health checks aside."""

    address: str
    heard: list[str] = field(default_factory=list)


@contextmanager
def running() -> Iterator[Echo]:
    """Answers 200 with what was asked as JSON; what is for BREAKS_OFF it hears and does not answer."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            body = self.body()
            if self.path == "/readyz":
                self.say({"ready": True})
                return
            echo.heard.append(self.requestline)
            if self.path == BREAKS_OFF:
                self.close_connection = True
                return
            headers = [[name.lower(), value] for name, value in self.headers.items()]
            self.say({"line": self.requestline, "headers": headers, "body": body.decode("latin-1")})

        do_GET = do_POST = do_PUT = do_OPTIONS = answer

        def body(self) -> bytes:
            if self.headers.get("transfer-encoding") != "chunked":
                return self.rfile.read(int(self.headers.get("content-length", 0)))
            parts = []
            while size := int(self.rfile.readline(), 16):
                parts.append(self.rfile.read(size + 2)[:-2])
            self.rfile.readline()
            return b"".join(parts)

        def say(self, content: Any) -> None:
            body = json.dumps(content).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.handle_error = lambda *_: None  # type: ignore[method-assign] - health checks hang up early
    echo = Echo(f"127.0.0.1:{server.server_port}")
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield echo
    finally:
        server.shutdown()
        server.server_close()
