"""A collector of OpenTelemetry's: OTLP over HTTP, in protobuf as the SDK sends it and in JSON as browsers do."""

import gzip
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

Attributes = dict[str, Any]


@dataclass(frozen=True)
class Span:
    """One span as it came. `start` and `end` in ns since 1970; `parent` is empty where it has none."""

    service: str
    name: str
    trace_id: str
    id: str
    parent: str
    start: int
    end: int
    attributes: Attributes = field(compare=False)

    @property
    def label(self) -> str:
        """The service without its prefix, and what it did."""
        return f"{self.service.removeprefix('lacak-')}: {self.name}"


class Collector:
    """`spans`: all that came so far."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                if self.headers.get("content-encoding") == "gzip":
                    body = gzip.decompress(body)
                assert self.path == "/v1/traces"
                is_json = self.headers["content-type"] == "application/json"
                collector.spans += list((_of_json if is_json else _of_protobuf)(body))
                self.send_response(200)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1/traces"

    def of(self, trace_id: str) -> list[Span]:
        """One trace's spans."""
        return [span for span in self.spans if span.trace_id == trace_id]

    def serve(self) -> None:
        self._server.serve_forever(poll_interval=0.05)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def collector() -> Iterator[Collector]:
    """One that listens."""
    made = Collector()
    thread = threading.Thread(target=made.serve)
    thread.start()
    yield made
    made.close()
    thread.join()


def _of_protobuf(body: bytes) -> Iterator[Span]:
    for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
        service = _attributes(resource.resource.attributes)["service.name"]
        for scope in resource.scope_spans:
            for span in scope.spans:
                yield Span(
                    service,
                    span.name,
                    span.trace_id.hex(),
                    span.span_id.hex(),
                    span.parent_span_id.hex(),
                    span.start_time_unix_nano,
                    span.end_time_unix_nano,
                    _attributes(span.attributes),
                )


def _attributes(pairs: Any) -> Attributes:
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in pairs}


def _of_json(body: bytes) -> Iterator[Span]:
    for resource in json.loads(body)["resourceSpans"]:
        service = _plain(resource["resource"]["attributes"])["service.name"]
        for scope in resource["scopeSpans"]:
            for span in scope["spans"]:
                times = int(span["startTimeUnixNano"]), int(span["endTimeUnixNano"])
                ids = span["traceId"], span["spanId"], span["parentSpanId"]
                yield Span(service, span["name"], *ids, *times, _plain(span["attributes"]))


def _plain(pairs: list[dict[str, Any]]) -> Attributes:
    return {each["key"]: each["value"]["stringValue"] for each in pairs}
