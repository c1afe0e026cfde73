"""Spans reach a collector as they were; one that is away, or too many of them, cost spans and nothing else."""

import socket
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from otlp import Collector, collector
from processes import until
from streams import otel, spans
from streams.settings import Settings
from streams.spans import Kind, Spans
from streams.trace import begun, child, trace_id

SECOND = 10**9


@pytest.fixture
def heard() -> Iterator[Collector]:
    with collector() as made:
        yield made


def started(url: str, **changes: Any) -> Spans:
    made = Spans(Settings(_env_file=None, traces_url=url, **changes), "test")  # type: ignore[call-arg]
    made.start()
    return made


def count(outcome: str) -> float:
    return REGISTRY.get_sample_value("lacak_trace_spans_total", {"outcome": outcome}) or 0.0


def record(to: Spans, span: bytes | None = None) -> None:
    to.record("process orders", Kind.CONSUMER, span or begun(None), None, (1, 2), {})


def test_a_span_arrives_with_the_ids_and_the_times_that_it_was_given(heard: Collector) -> None:
    mine = started(heard.url)
    parent = begun(None)
    span = child(parent)
    mine.record("process orders", Kind.CONSUMER, span, parent, (5 * SECOND, 7 * SECOND), {"lacak.outcome": "applied"})
    mine.record("POST /v1/orders", Kind.SERVER, parent, None, (4 * SECOND, 8 * SECOND), {}, failed=True)
    mine.stop()
    found = {each.label: each for each in heard.of(trace_id(parent))}
    below, above = found["test: process orders"], found["test: POST /v1/orders"]
    assert (above.id, above.parent) == (parent[36:52].decode(), "")
    assert (below.id, below.parent) == (span[36:52].decode(), above.id)
    assert (below.start, below.end, below.attributes) == (5 * SECOND, 7 * SECOND, {"lacak.outcome": "applied"})


def test_without_a_collector_in_the_settings_nothing_is_recorded() -> None:
    mine = started("")
    record(mine)
    mine.stop()
    assert not mine.on


def test_more_than_so_many_a_second_are_dropped_and_counted(heard: Collector) -> None:
    now = [5 * SECOND]
    mine = Spans(
        Settings(_env_file=None, traces_url=heard.url, traces_per_second=3),  # type: ignore[call-arg]
        "test",
        clock=lambda: now[0],
    )
    mine.start()
    dropped = count("dropped")
    for _ in range(5):
        record(mine)
    now[0] += SECOND
    record(mine)
    mine.stop()
    assert len(heard.spans) == 4 and count("dropped") == dropped + 2


def test_a_collector_that_is_away_costs_spans_a_bounded_queue_and_one_line_and_is_found_again(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    heard: Collector,
) -> None:
    monkeypatch.setattr(otel, "TRY_SECONDS", 0.3)
    monkeypatch.setattr(otel, "EVERY_MS", 50.0)
    with capture_logs() as lines, closing(socket.socket()) as nobody:
        nobody.bind(("127.0.0.1", 0))  # and does not listen
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}/v1/traces"
        mine = started(url, traces_per_second=1_000_000)
        dropped, given = count("dropped"), spans.QUEUE + 500
        for _ in range(given):
            record(mine)
        until(lambda: count("dropped") == dropped + given, what="all of them are counted")
        mine._sender._counted._exporter = otel.OTLPSpanExporter(heard.url)  # type: ignore[union-attr]
        record(mine)
        until(lambda: heard.spans, what="the next one arrives")
        mine.stop()
    assert [line["event"] for line in lines] == ["traces_not_sent", "traces_sent_again"]
    assert not [each for each in caplog.records if each.name.startswith("opentelemetry")], "the SDK's own words"
