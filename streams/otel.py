"""The OpenTelemetry SDK as we use it: spans that have ended, with ids that were given, over OTLP/HTTP.

The SDK makes ids by lot, and starts spans when they start. Ours are known before (a record's span has the same id at
each replay), and are only made when they are over, so that what is not recorded costs nothing.
"""

import logging
import os
import socket
import threading
from collections.abc import Sequence
from importlib.metadata import version

from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import (
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)

from streams import metrics
from streams.log import get
from streams.spans import QUEUE, Attributes, Kind

BATCH = 512
EVERY_MS = 1000.0
TRY_SECONDS = 5.0  # for a batch, with all its tries
CLOSE_SECONDS = 1.0

log = get(__name__)


class Sender:
    """Sends spans in the background. `waiting`: how many are on the way."""

    def __init__(self, url: str, process: str) -> None:
        logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)  # a line for each try: _Counted says it once
        exporter = OTLPSpanExporter(url, timeout=TRY_SECONDS, compression=Compression.Gzip)
        self._ids, self._counted, self._sent = _Given(), _Counted(exporter, url), 0
        self._provider = TracerProvider(
            sampler=ALWAYS_ON, resource=_resource(process), id_generator=self._ids, shutdown_on_exit=False
        )
        # Larger than what is let in: so it drops nothing by itself, unseen.
        self._provider.add_span_processor(BatchSpanProcessor(self._counted, 2 * QUEUE, EVERY_MS, BATCH))
        self._tracer = self._provider.get_tracer("lacak", version("lacak"))

    @property
    def waiting(self) -> int:
        return self._sent - self._counted.done

    def send(
        self,
        name: str,
        kind: Kind,
        span: bytes,
        parent: bytes | None,
        times: tuple[int, int],
        attributes: Attributes,
        failed: bool,
    ) -> None:
        """As `Spans.record` has it."""
        own = _context(span, is_remote=False)
        self._ids.trace_id, self._ids.span_id = own.trace_id, own.span_id
        above = NOWHERE if parent is None else _context(parent, is_remote=kind in (Kind.SERVER, Kind.CONSUMER))
        began, ended = times
        made = self._tracer.start_span(
            name,
            context=set_span_in_context(NonRecordingSpan(above)),
            kind=SpanKind[kind],
            attributes=attributes,
            start_time=began,
        )
        if failed:
            made.set_status(Status(StatusCode.ERROR))
        made.end(ended)
        self._sent += 1

    def close(self) -> None:
        """Sends what waits, if that is done in CLOSE_SECONDS: a collector that is away holds up nobody's stop."""
        closing = threading.Thread(target=self._provider.shutdown, daemon=True)
        closing.start()
        closing.join(CLOSE_SECONDS)


class _Given(IdGenerator):
    """The ids of the next span."""

    trace_id = span_id = 0

    def generate_trace_id(self) -> int:
        return self.trace_id

    def generate_span_id(self) -> int:
        return self.span_id


class _Counted(SpanExporter):
    """Counts what is sent and what is not, and says once that the collector is away, and that it is back."""

    def __init__(self, exporter: SpanExporter, url: str) -> None:
        self._exporter, self._url, self._away, self.done = exporter, url, False, 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        try:
            result = self._exporter.export(spans)
        except Exception as error:  # noqa: BLE001 - whatever it is, its spans are lost, and the next may not be
            log.error("traces_not_sent", url=self._url, error=repr(error))
            result = SpanExportResult.FAILURE
        away = result is not SpanExportResult.SUCCESS
        if away is not self._away:
            self._away = away
            (log.warning if away else log.info)("traces_not_sent" if away else "traces_sent_again", url=self._url)
        metrics.SPANS.labels("dropped" if away else "sent").inc(len(spans))
        self.done += len(spans)
        return result

    def shutdown(self) -> None:
        self._exporter.shutdown()


NOWHERE = SpanContext(0, 0, is_remote=False)  # what a trace's first span comes from


def _context(traceparent: bytes, is_remote: bool) -> SpanContext:
    trace, span = int(traceparent[3:35], 16), int(traceparent[36:52], 16)
    return SpanContext(trace, span, is_remote, trace_flags=TraceFlags(TraceFlags.SAMPLED))


def _resource(process: str) -> Resource:
    return Resource.create(
        {
            "service.name": f"lacak-{process}",
            "service.version": version("lacak"),
            "service.instance.id": f"{socket.gethostname()}-{os.getpid()}",
        }
    )
