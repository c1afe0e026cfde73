"""HTTP requests whose head is bounded in size and in time: httptools keeps whatever it is sent, line after line.

Uvicorn has such a bound with its other parser only, and a time-out only between two requests.
"""

import asyncio
from http import HTTPStatus

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from api.problem_types import BAD_REQUEST, HEAD_TOO_LARGE
from api.problems import Problem

MAX_HEAD = 64 * 1024  # bytes of request line, headers and trailers
HEAD_SECONDS = 30.0  # for all of them
VERSIONS = ("1.0", "1.1")
LINGER_SECONDS = 1.0  # what still comes is dropped: a connection closed under a sender is reset, and its answer lost


class HeadTooLarge(Exception):
    """The head has more than MAX_HEAD bytes."""


class UnknownVersion(Exception):
    """It is no HTTP/1: the parser takes a request line without a version for HTTP/0.9, which has no answers' heads."""


class BoundedHttp(HttpToolsProtocol):
    """Answers 431 to a head that is too large, and closes a connection on which none comes to its end."""

    _head = 0  # bytes of this request's head
    _silent = 0  # bytes since the parser last said anything: of a line that does not end
    _deadline: asyncio.TimerHandle | None = None
    _refused = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._begin_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end_head()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._refused:
            return
        self._silent += len(data)
        super().data_received(data)
        if self._silent > MAX_HEAD and not self._refused:
            self._head += self._silent
            self.send_400_response("")

    def on_message_begin(self) -> None:
        self._begin_head()
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        self._grow(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._grow(len(name) + len(value))
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._end_head()
        if self.parser.get_http_version() not in VERSIONS:
            raise UnknownVersion
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._silent = 0
        super().on_body(body)

    def send_400_response(self, msg: str) -> None:
        """What cannot be parsed is answered as a problem too."""
        self.refuse(Problem(HEAD_TOO_LARGE if self._head > MAX_HEAD else BAD_REQUEST, msg))

    def refuse(self, problem: Problem) -> None:
        """Answers, and hears no more; where another answer is under way, nothing goes in between."""
        self._refused = True
        if self._is_answering():
            self.transport.close()
        else:
            answer = problem.response()
            status = HTTPStatus(answer.status_code)
            lines = [b"HTTP/1.1 %d %s" % (status, status.phrase.encode()), b"connection: close"]
            lines += [name + b": " + value for name, value in [*self.server_state.default_headers, *answer.raw_headers]]
            self.transport.write(b"\r\n".join([*lines, b"", bytes(answer.body)]))
            self._end_head()
            self._deadline = self.loop.call_later(LINGER_SECONDS, self.timeout_keep_alive_handler)

    def _is_answering(self) -> bool:
        """Whether an answer is under way, or due before this one. What waits for a body that is no body, is told so."""
        cycle = self.cycle
        if cycle is None or cycle.response_complete:
            return False
        if cycle.response_started or not cycle.more_body or self.pipeline:
            return True
        cycle.disconnected = True
        cycle.message_event.set()
        return False

    def _grow(self, size: int) -> None:
        self._silent = 0
        self._head += size
        if self._head > MAX_HEAD:
            raise HeadTooLarge

    def _begin_head(self) -> None:
        self._end_head()
        self._head = 0
        self._deadline = self.loop.call_later(HEAD_SECONDS, self.timeout_keep_alive_handler)

    def _end_head(self) -> None:
        self._silent = 0
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
