"""One of the HTTP servers in a thread, with clients for it: for tests of REST."""

import re
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from api.auth import issue_token
from api.serve import make_server
from stack import free_ports
from streams.settings import Settings

HOST = "127.0.0.1"
PATIENCE = 60.0
OF_HTTP = {"cache-control", "connection", "content-length", "content-type", "date", "vary"}
"""Headers that mean what they mean everywhere, and that a description need not tell."""


@dataclass(frozen=True)
class Rest:
    """A running server. `get` and `post` are httpx's, `as_user` and `with_scope` make the headers of a caller."""

    settings: Settings
    client: httpx.Client = field(repr=False)

    def headers(
        self, *scopes: str, sub: str | None = None, courier: str | None = None, ttl: int = 600
    ) -> dict[str, str]:
        """The headers of a caller with these scopes."""
        token = issue_token(
            self.settings.jwt_secret,
            audience=self.settings.jwt_audience,
            ttl=ttl,
            now=int(time.time()),
            sub=sub,
            scopes=scopes,
            courier=courier,
        )
        return {"Authorization": f"Bearer {token}"}

    def get(self, path: str, headers: dict[str, str] | None = None, **params: Any) -> httpx.Response:
        return self.client.get(path, headers=headers, params=params)

    def post(self, path: str, body: Any, headers: dict[str, str] | None = None) -> httpx.Response:
        """Posts JSON, or bytes as they are, as application/json."""
        if isinstance(body, bytes):
            return self.client.post(path, content=body, headers={"Content-Type": "application/json", **(headers or {})})
        return self.client.post(path, json=body, headers=headers)

    def until_ready(self) -> None:
        """Waits until the server can take traffic."""
        self.until(lambda: self.get("/readyz").status_code == 200, "ready")

    def until(self, holds: Any, what: str) -> None:
        end = time.monotonic() + PATIENCE
        while not holds():
            assert time.monotonic() < end, f"not {what} after {PATIENCE} s"
            time.sleep(0.05)


@contextmanager
def running(name: str, settings: Settings, portable: bool = False) -> Iterator[Rest]:
    """Serves `api`, `gateway` or `web` on a free port; it answers, and is ready when its dependencies are."""
    settings = settings.model_copy(update={"http_host": HOST, "http_port": free_ports(HOST, 1)[0]})
    server = make_server(name, settings, portable)
    thread = threading.Thread(target=server.run, name=name)
    thread.start()
    try:
        with httpx.Client(base_url=f"http://{HOST}:{settings.http_port}", timeout=30) as client:
            rest = Rest(settings, client)
            rest.until(lambda: server.started or not thread.is_alive(), "started")
            yield rest
    finally:
        server.should_exit = True
        thread.join(PATIENCE)
    assert not thread.is_alive(), "the server did not stop"


def fields(response: httpx.Response) -> list[str]:
    """The names of the bad fields in a 422."""
    assert response.status_code == 422, response.text
    return named(response.json())


def named(problem: dict[str, Any]) -> list[str]:
    """The names of the bad fields in a problem."""
    assert problem["type"] == "urn:lacak:problem:validation", problem
    return [error["field"] for error in problem["errors"]]


def problem(response: httpx.Response, status: int, name: str) -> dict[str, Any]:
    """The problem of an answer that must be one of this status and type."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    content: dict[str, Any] = response.json()
    assert content["type"] == f"urn:lacak:problem:{name}"
    assert content["status"] == status
    assert content["title"] and content["detail"]
    return content


def as_described(rest: Rest, path: str, answer: httpx.Response) -> httpx.Response:
    """The answer, whose headers must be those that the description promises of `path`, a template."""
    document = rest.get("/openapi.json").json()
    operation = document["paths"][path][answer.request.method.lower()]
    named = operation["responses"][str(answer.status_code)].get("headers", {})
    headers = {
        name.lower(): document["components"]["headers"][header["$ref"].rpartition("/")[2]]
        for name, header in named.items()
    }
    assert set(answer.headers) - OF_HTTP <= set(headers), (path, answer.status_code, answer.headers)
    for name, header in headers.items():
        assert name in answer.headers or not header["required"], (path, answer.status_code, name)
        assert (
            re.search(header["schema"].get("pattern", ""), answer.headers.get(name, "")) or name not in answer.headers
        )
    return answer


def all_pages(get: Any) -> Iterable[list[Any]]:
    """The items of each page: `get(cursor)` gives an answer."""
    cursor = None
    while True:
        answer = get(cursor).json()
        yield answer["items"]
        cursor = answer["next"]
        if cursor is None:
            return
