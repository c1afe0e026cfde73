"""One trace from the courier's POST to the customer's screen, held against what happened, by a collector of our own."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, expect
from websockets.sync.client import ClientConnection, connect

import topics_reader
from fresh import drop, fresh_settings
from lacak import Lacak, ready
from live_clients import bearer
from otlp import Collector, Span, collector
from processes import Process, free_port, running, until
from stack import Servers
from streams.messages import header

USER = 42
CALLER = "00f067aa0ba902b7"
MILLISECOND = 10**6


@dataclass
class Traced:
    """A Lacak of processes that are all traced: `api` takes updates, `gateway` pushes, `web` has the page and a gateway
    of its own. `unsampled` is an API that records no trace."""

    api: Lacak
    unsampled: Lacak
    gateway: Lacak
    web: Lacak
    collector: Collector

    def update(self, door: Lacak, id_order: str, status: str, trace: str) -> None:
        """A courier's update, in the courier's trace, which is recorded there."""
        headers = {**door.headers("status:write"), "traceparent": f"00-{trace}-{CALLER}-01"}
        path = f"{door.url}/v1/orders/{id_order}/status"
        answer = httpx.post(path, json={"status": status, "courier": "jne"}, headers=headers, timeout=20)
        assert answer.status_code == 202, answer.text


@pytest.fixture(scope="module")
def traced(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Traced]:
    with collector() as heard:
        settings = fresh_settings(
            servers, tmp_path_factory.mktemp("traced"), local_stack=True, traces_url=heard.url, traces_ratio=1.0
        )
        track, notify = Process("track", settings), Process("notify", settings)

        def served(kind: str, name: str = "", **changes: Any) -> Lacak:
            own = settings.model_copy(update={"http_port": free_port(), **changes})
            return Lacak(own, track, Process(kind, own, name), f"http://{own.http_host}:{own.http_port}")

        doors = served("api"), served("api", "unsampled", traces_ratio=0.0), served("gateway"), served("web")
        with running(track, notify, *(door.web for door in doors)):
            for door in doors:
                until(lambda door=door: ready(door.url), what=f"/readyz of {door.web.kind}")
            yield Traced(*doors, heard)
        drop(settings)


def placed(traced: Traced) -> str:
    id_order = traced.api.place(USER)
    until(lambda: traced.api.order(id_order), what="the order is there")
    return id_order


@contextmanager
def watching(traced: Traced, id_order: str) -> Iterator[ClientConnection]:
    """A client of the gateway, that has its snapshot."""
    url = traced.gateway.url.replace("http", "ws", 1)
    headers = bearer(traced.gateway.settings, USER)
    with connect(f"{url}/v1/live?id_order={id_order}", additional_headers=headers) as connection:
        assert [json.loads(connection.recv(20))["type"] for _ in range(2)] == ["hello", "snapshot"]
        yield connection


def carried(lacak: Lacak, topic: str, trace: str) -> str:
    """The traceparent of the one record that the topic has of a trace."""
    found = [header(each.headers() or [], "traceparent") or b"" for each in topics_reader.read(lacak.settings, topic)]
    (mine,) = (each.decode() for each in found if each[3:35] == trace.encode())
    return mine


def tree(spans: list[Span]) -> set[tuple[str, str]]:
    """Each span, behind the one above it."""
    labels = {span.id: span.label for span in spans}
    assert len(labels) == len(spans), "a span came twice"
    return {(labels.get(span.parent, span.parent), span.label) for span in spans}


def test_one_trace_goes_from_the_couriers_post_to_the_customers_screen(traced: Traced, browser: Browser) -> None:
    trace, id_order = "a" * 32, placed(traced)
    page = browser.new_page()
    page.goto(f"{traced.web.url}/?user={USER}")
    expect(page.locator(f'[data-order="{id_order}"][data-status="placed"]')).to_be_visible(timeout=30_000)
    with watching(traced, id_order) as client:
        before = time.time_ns()
        traced.update(traced.api, id_order, "picked_up", trace)
        frame = json.loads(client.recv(20))
    expect(page.locator(f'[data-order="{id_order}"][data-status="picked_up"]')).to_be_visible(timeout=30_000)
    posted = "api: POST /v1/orders/{id_order}/status"
    sent, judged = "api: send courier-status-updates", "track: process courier-status-updates"
    written, announced = "track: BATCH orders", "track: send order-status-changed"
    noticed, told = "notify: process order-status-changed", "notify: send user-notifications"
    pushed, pushed_to_page = "gateway: push order-status-changed", "web: push order-status-changed"
    shown = "page: show order-status-changed"
    above = {
        (CALLER, posted),
        (posted, sent),
        (sent, judged),
        (judged, written),
        (judged, announced),
        (judged, noticed),
        (noticed, told),
        (judged, pushed),
        (judged, pushed_to_page),
        (pushed_to_page, shown),
    }
    until(lambda: len(traced.collector.of(trace)) >= len(above), what="all spans came")
    page.close()
    spans = traced.collector.of(trace)
    assert tree(spans) == above
    by = {span.label: span for span in spans}

    # Whatever is done within another takes its time; whatever follows from another begins after it did.
    for outer, inner in ((posted, sent), (judged, written), (judged, announced), (noticed, told)):
        assert by[outer].start <= by[inner].start <= by[inner].end <= by[outer].end, (outer, inner)
    for first, then in ((sent, judged), (announced, noticed), (announced, pushed), (announced, pushed_to_page)):
        assert by[first].start <= by[then].start, (first, then)
    assert by[written].end <= by[announced].start, "durable before it is told"
    assert by[pushed_to_page].start - MILLISECOND <= by[shown].start, "browsers' clocks have milliseconds"
    assert all(before <= span.start <= span.end <= time.time_ns() for span in spans if span is not by[shown])

    # What travels names the span that it comes from.
    def named(label: str) -> str:
        return f"00-{trace}-{by[label].id}-01"

    assert carried(traced.api, "courier-status-updates", trace) == named(sent)
    assert carried(traced.api, "order-status-changed", trace) == named(judged)
    assert carried(traced.api, "user-notifications", trace) == named(noticed)
    assert (frame["order"]["version"], frame["traceparent"]) == (2, named(pushed))

    # And the spans say what happened.
    assert by[posted].attributes["http.response.status_code"] == 202
    assert by[judged].attributes["messaging.kafka.message.key"] == id_order
    assert (by[judged].attributes["lacak.outcome"], by[noticed].attributes["lacak.outcome"]) == ("applied", "told")
    assert by[pushed].attributes["lacak.live.connections"] == 1
    assert by[shown].attributes == {"lacak.live.transport": "websocket", "lacak.status": "picked_up"}


def test_a_rejected_update_is_found_by_its_trace_in_the_log_and_in_the_spans(traced: Traced) -> None:
    trace, id_order = "b" * 32, placed(traced)
    traced.update(traced.api, id_order, "returned", trace)
    until(lambda: len(traced.collector.of(trace)) >= 4, what="all spans came")
    labels = {span.label: span for span in traced.collector.of(trace)}
    judged = labels["track: process courier-status-updates"]
    assert judged.attributes["lacak.outcome"] == "rejected"
    assert labels["track: send courier-status-rejected"].parent == judged.id
    assert any(
        "rejected" in line and f"trace_id={trace}" in line for line in traced.api.track.log.read_text().splitlines()
    )


def test_where_the_ratio_is_0_nothing_is_recorded_whatever_the_caller_says(traced: Traced) -> None:
    trace, id_order = "c" * 32, placed(traced)
    with watching(traced, id_order) as client:
        traced.update(traced.unsampled, id_order, "picked_up", trace)
        frame = json.loads(client.recv(20))
        traced.update(traced.api, id_order, "in_transit", "d" * 32)
        assert "traceparent" in json.loads(client.recv(20))
    assert frame["order"]["version"] == 2 and "traceparent" not in frame
    for topic in ("courier-status-updates", "order-status-changed"):
        assert carried(traced.api, topic, trace) == f"00-{trace}-{CALLER}-00"
    until(lambda: len(traced.collector.of("d" * 32)) >= 6, what="the spans of the trace after it")
    assert not traced.collector.of(trace)
