"""Whoever watches Lacak sees what is: a real Prometheus, with our rules, before all of it under some load.

Every query of every dashboard answers, and every alert looks at something that is there; a worker that stands still is
told, and when it is over that is told, too. Only the time goes faster (tests/prometheus.py)."""

import asyncio
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed

import prometheus
import stack
from fresh import drop, fresh_settings
from lacak import Lacak, ready
from live_clients import TRANSPORTS, bearer, query, until_served
from processes import Process, free_port, running, until
from prometheus import FOLDER, SELECTOR, TIMES, Prometheus, queries
from rest import Rest

CUSTOMER = 901
DASHBOARDS = sorted((FOLDER / "dashboards").glob("*.json"))
MAY_BE_EMPTY = {
    'ALERTS{alertstate="firing"}': "a list of what fires; nothing does",
}
NOT_YET = {
    'lacak_live_closed_total{code="4008"}': "no client was too slow; the counter has a label for each code",
    'lacak_dependency_retries_total{dependency!~"kafka|cassandra"}': "nothing else was away",
    'lacak_http_requests_total{status=~"5.."}': "no request failed",
}


@dataclass(frozen=True)
class Watched:
    """Lacak, and whoever watches it."""

    lacak: Lacak
    gateway: Rest
    prometheus: Prometheus


@pytest.fixture(scope="module")
def watched(servers: stack.Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    folder = tmp_path_factory.mktemp("watched")
    settings = fresh_settings(servers, folder, http_port=free_port(), heartbeat=4, drain_seconds=1.0)
    live = settings.model_copy(update={"http_port": free_port()})
    track, notify = Process("track", settings), Process("notify", settings)
    api, gateway = Process("api", settings), Process("gateway", live)
    urls = [f"http://{each.http_host}:{each.http_port}" for each in (settings, live)]
    with running(track, notify, api, gateway):
        targets = {
            "track": f"{settings.metrics_host}:{track.metrics_port}",
            "notify": f"{settings.metrics_host}:{notify.metrics_port}",
            "api": urls[0].partition("//")[2],
            "gateway": urls[1].partition("//")[2],
            "kafka": servers.metrics["kafka"],
            "cassandra": servers.metrics["cassandra"],
        }
        with prometheus.running(folder / "prometheus", targets) as watching:
            for url in urls:
                until(lambda url=url: ready(url), what="/readyz")  # type: ignore[misc]
            rest = Rest(live, httpx.Client(base_url=urls[1], timeout=30))
            watched = Watched(Lacak(settings, track, api, urls[0]), rest, watching)
            until_served(rest)
            with shops_and_couriers(watched.lacak), customers(rest):
                yield watched
    drop(settings)


@contextmanager
def shops_and_couriers(lacak: Lacak) -> Iterator[None]:
    """Send what is good, and all kinds of what is not, until the end."""
    over, failed = threading.Event(), []

    def send() -> None:
        try:
            n = 0
            while not over.wait(0.1):
                one_round(lacak, n := n + 1)
        except Exception as error:  # noqa: BLE001 - told below
            failed.append(error)

    sending = threading.Thread(target=send)
    sending.start()
    try:
        yield
    finally:
        over.set()
        sending.join()
    assert not failed, failed


def one_round(lacak: Lacak, n: int) -> None:
    id_order, now = lacak.place(CUSTOMER), time.time()
    lacak.update(id_order, "in_transit", event_id="twice")
    lacak.update(id_order, "in_transit", event_id="twice")
    lacak.update(id_order, "confirmed", occurred_at=at(now - 3600))  # late
    lacak.update(id_order, "in_transit", occurred_at=at(now + 3600))  # a clock that runs ahead
    lacak.update(id_order, "delivered")
    lacak.update(id_order, "cancelled")  # no edge
    lacak.update(str(10**15 + n), "picked_up")  # its order does not come
    unknown = {"carrier_code": {"code": "no-such"}, "courier": "kiriminaja"}
    ask(lacak, "GET", f"/v1/orders/{id_order}", "ops")
    ask(lacak, "POST", f"/v1/orders/{id_order}/status", "status:write", unknown)
    key = {"Idempotency-Key": f"key-{n}"}
    ask(lacak, "POST", f"/v1/orders/{id_order}/status", "status:write", {"status": "in_transit", "courier": "jne"}, key)


def ask(
    lacak: Lacak, method: str, path: str, scope: str, body: Any = None, headers: dict[str, str] | None = None
) -> None:
    """Whatever the answer."""
    httpx.request(method, lacak.url + path, json=body, headers={**lacak.headers(scope), **(headers or {})}, timeout=20)


def at(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


@contextmanager
def customers(gateway: Rest) -> Iterator[None]:
    """Watch on both transports, resume, and come back with a cursor that is none, until the end."""
    over = threading.Event()
    watching = threading.Thread(target=lambda: asyncio.run(_watch(gateway, over)))
    watching.start()
    try:
        yield
    finally:
        over.set()
        watching.join()


async def _watch(gateway: Rest, over: threading.Event) -> None:
    headers = bearer(gateway.settings, CUSTOMER)
    async with AsyncExitStack() as held:
        reading = []
        for connect in TRANSPORTS.values():
            first = await held.enter_async_context(connect(gateway, headers=headers))
            await first.next("snapshot")
            for cursor in (first.cursor, "none"):
                again = await held.enter_async_context(connect(gateway, query(cursor), headers=headers))
                reading.append(asyncio.create_task(_read(again)))
            reading.append(asyncio.create_task(_read(first)))
        refused = await held.enter_async_context(TRANSPORTS["websocket"](gateway, query(ticket="none")))
        with suppress(ConnectionClosed):
            await refused.closed()
        while not over.is_set():
            await asyncio.sleep(0.1)
        for each in reading:
            each.cancel()
        await asyncio.wait(reading)


async def _read(client: Any) -> None:
    with suppress(StopAsyncIteration):
        while True:
            await anext(client.frames)


@pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda path: path.stem)
def test_every_query_of_a_dashboard_answers(watched: Watched, dashboard: Path) -> None:
    asked = dict(queries(dashboard))
    open_ = watched.prometheus.unanswered(asked.keys() - MAY_BE_EMPTY.keys())
    assert asked and {asked[each]: each for each in open_} == {}


def test_every_rule_answers_or_looks_at_something_that_is_there(watched: Watched) -> None:
    rules = watched.prometheus.rules()
    assert [rule for rule in rules if rule.get("lastError")] == []
    records = {rule["name"] for rule in rules if rule["type"] == "recording"}
    selectors = {"".join(found) for rule in rules for found in SELECTOR.findall(rule["query"])}
    open_ = (records | selectors) - NOT_YET.keys()

    def all_answer() -> bool:
        open_.difference_update({each for each in open_ if watched.prometheus.query(each)})
        return not open_

    assert len(records) > 20 and len(selectors) > 40
    with suppress(AssertionError):
        until(all_answer, 60)
    assert not open_


DOWN = {"LacakPartitionWithoutWorker", "LacakServiceDown"}
BURNS = {"LacakPersistBudgetBurnsFast", "LacakPushBudgetBurnsFast"}
WINDOW_SECONDS = 30 * 60 / TIMES  # the longer of the windows that end them


def test_a_worker_that_stands_still_is_told_and_that_it_is_over_too(watched: Watched) -> None:
    """Its SIGSTOP leaves a process that is there, and whose port takes connections."""
    watching = watched.prometheus
    until(lambda: not DOWN & watching.firing().keys(), what="nothing stands still")
    watched.lacak.track.signal(signal.SIGSTOP)
    try:
        until(lambda: watching.firing().keys() >= DOWN | BURNS, what="it is told")
        told, still = watching.firing(), dict(stalled(watching))
    finally:
        watched.lacak.track.signal(signal.SIGCONT)
    assert still == {"persist": 1, "push": 1}
    for name in DOWN | BURNS:
        assert told[name]["labels"]["severity"] == "page"
        assert told[name]["annotations"]["runbook_url"].startswith("docs/operations/")
        assert "<" not in told[name]["annotations"]["summary"], "a template that failed says so in its text"
    until(lambda: not DOWN & watching.firing().keys(), what="it is told that it is over")
    until(lambda: dict(stalled(watching)) == {"persist": 0, "push": 0}, what="and burns no more")
    until(lambda: not BURNS & watching.firing().keys(), WINDOW_SECONDS + 120, "the budgets' alerts end")


def stalled(watching: Prometheus) -> Iterator[tuple[str, float]]:
    yield from ((labels["slo"], value) for labels, value in watching.query("lacak:slo_stalled:ratio_min1m"))
