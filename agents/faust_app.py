"""The Faust app of a worker, and running it: until SIGTERM, in the foreground, with Faust's own extras left out.

Faust keeps the group, the assignment, tables and their recovery; agents/batches.py consumes. No autodiscovery, no web
server, no takeover of logging or signals.
"""

import asyncio
import fcntl
import logging
import os
import signal
import sys
import threading
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import faust
import prometheus_client
import uvloop
from aiokafka.admin import NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from agents.batches import Handler, transport
from agents.consumer_thread import REBALANCE_SECONDS
from agents.liveness import PULSES
from streams import log as logs
from streams import metrics
from streams.garbage import settle
from streams.kafka import admin, check_group, check_partitions
from streams.log import get
from streams.settings import Settings
from streams.topics import DAY_MS

log = get(__name__)
# What a worker has in hand is finished, committed and closed in this time, or left for whoever is next.
STOP_SECONDS = 9.0
NEVER_SECONDS = 10 * 365 * 24 * 3600.0
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 5.0
_CHANGELOG = {
    "cleanup.policy": "compact",
    # A worker that comes back with its old RocksDB must still find the tombstones of what left in the meantime.
    "delete.retention.ms": str(7 * DAY_MS),
}

Build = Callable[[AsyncExitStack], Awaitable[faust.App]]


def make_app(settings: Settings, group: str, topics: Sequence[str], handler: Handler, datadir: Path) -> faust.App:
    """An app, not started, whose batches of `topics` (names on this Kafka) go to `handler`."""
    app = faust.App(
        settings.topic(group),
        broker=[f"kafka://{host}" for host in settings.kafka_bootstrap.split(",")],
        broker_credentials=credentials(settings),
        id_format="{id}",
        version=1,
        autodiscover=False,
        web_enabled=False,
        store="rocksdb://",
        datadir=datadir,
        key_serializer="raw",  # Faust decodes bytes as JSON otherwise
        value_serializer="raw",
        topic_disable_leader=True,  # an empty leader topic slows every fetch
        topic_allow_declare=False,  # ours are made with the settings we mean: `ensure_changelog`
        topic_partitions=settings.partitions,
        topic_replication_factor=settings.replication,
        broker_session_timeout=settings.session_timeout,
        broker_heartbeat_interval=settings.session_timeout / 24,
        broker_rebalance_timeout=REBALANCE_SECONDS,
        # Faust's waits for Kafka in a rebalance: when one is over the worker crashes, and an outage may last.
        # A single request's time is agents/consumer_thread.py's.
        broker_request_timeout=NEVER_SECONDS,
        broker_commit_interval=1.0,
        broker_max_poll_records=2000,
        # Without a poll for so long, aiokafka leaves the group and waits for a poll to come back, while Faust waits for
        # the group before it polls: both for ever. An outage may last; a dead worker misses its heartbeats.
        broker_max_poll_interval=NEVER_SECONDS,
        # A standby of Faust's that becomes the active one may lack what came while it was made that: the table then
        # knows of older versions than were acknowledged. So a table is read from its changelog by whoever gets it.
        table_standby_replicas=0,
        stream_wait_empty=False,  # SIGTERM hangs otherwise
    )
    for topic in topics:
        app.topics.add(app.topic(topic, key_type=bytes, value_type=bytes))
    app.transport = transport(app, topics, handler, settings.batch_records)
    return app


def credentials(settings: Settings) -> faust.auth.Credentials | None:
    """What Faust hands to its clients: the same as streams/kafka.py's to the others."""
    login = settings.kafka_login
    if login.username:
        return faust.SASLCredentials(
            username=login.username,
            password=login.secret(),
            mechanism=settings.kafka_mechanism,
            ssl_context=login.context(),
        )
    return faust.SSLCredentials(login.context()) if login.tls else None


async def ensure_changelog(settings: Settings, topic: str) -> None:
    """Makes a table's changelog when it is not there; `topic` is its name on this Kafka.

    Raises `TopicsDiffer` when it is not co-partitioned with the keyed topics.
    """
    async with admin(settings, "lacak-worker") as asking:
        if topic not in await asking.list_topics():
            new = NewTopic(topic, settings.partitions, settings.replication, topic_configs=_CHANGELOG)
            for name, code, *_ in (await asking.create_topics([new])).topic_errors:
                if code and code != TopicAlreadyExistsError.errno:
                    raise for_code(code)(name)
        await check_partitions(asking, settings, [topic])


async def until_kafka(action: Callable[[], Awaitable[bool]], waiting_for: str) -> None:
    """Tries until Kafka is there and `action` says yes, and says what it waits for."""
    pause = FIRST_PAUSE
    while True:
        try:
            if await action():
                return
            log.warning("waiting", waiting_for=waiting_for, pause=pause)
        except (KafkaError, OSError) as error:
            log.warning("waiting", waiting_for="kafka", error=repr(error), pause=pause)
        await asyncio.sleep(pause)
        pause = min(pause * 2, LONGEST_PAUSE)


async def topics_are_there(settings: Settings, group: str, topics: Sequence[str]) -> bool:
    """Whether Kafka has these topics (names on this Kafka): Faust only logs a missing one.

    Raises `TopicsDiffer` when one has other partitions than the settings say: keys would go astray;
    TopicAuthorizationFailedError or GroupAuthorizationFailedError when this process may not use one, or the group.
    """
    async with admin(settings, "lacak-worker") as asking:
        await check_group(asking, settings.topic(group))
        await check_partitions(asking, settings, topics)
        return set(topics) <= set(await asking.list_topics())


class DirectoryTaken(Exception):
    """Another worker has its databases in this directory."""


def own_directory(path: Path, stack: AsyncExitStack) -> Path:
    """Makes a worker's data directory and holds it until the stack is closed: one directory a worker.

    Raises `DirectoryTaken`.
    """
    path.mkdir(parents=True, exist_ok=True)
    lock = stack.enter_context((path / "lock").open("w"))
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise DirectoryTaken(f"another worker uses {path}: give each its own LACAK_DATA_DIR") from None
    return path


def run(settings: Settings, name: str, group: str, topics: Sequence[str], metrics_port: int, build: Build) -> None:
    """Runs a worker until SIGTERM or SIGINT. Raises SystemExit(1) when it crashed: nothing unfinished is acknowledged.

    Waits for Kafka and for `topics`, then calls `build`; what that enters in the stack is closed after the app stopped.
    """
    logs.set_up(settings.log_level, settings.log_json)
    if settings.log_level != "debug":  # they tell of every step of every rebalance
        for library in ("faust", "mode", "aiokafka"):
            logging.getLogger(library).setLevel(logging.WARNING)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        crashed = runner.run(_run(settings, name, group, topics, metrics_port, build))
    if crashed:
        sys.exit(1)


async def _run(
    settings: Settings, name: str, group: str, topics: Sequence[str], metrics_port: int, build: Build
) -> bool:
    stop = asyncio.Event()

    def asked_to_stop() -> None:
        stop.set()
        exit_after(STOP_SECONDS)

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, asked_to_stop)
    async with AsyncExitStack() as stack:
        metrics.PARTITIONS.set(settings.partitions)
        server, thread = prometheus_client.start_http_server(metrics_port, addr=settings.metrics_host)
        server.set_app(PULSES.page(prometheus_client.make_wsgi_app()))
        PULSES.watch("worker")
        stack.callback(thread.join)
        stack.callback(server.server_close)
        stack.callback(server.shutdown)
        preparing = asyncio.ensure_future(_prepared(settings, group, topics, build, stack))
        await _first(preparing, stop.wait())
        if not preparing.done():
            preparing.cancel()
            await asyncio.wait([preparing])
            return False
        settle()
        log.info("starting", worker=name)
        crashed = await _until_stopped(preparing.result(), stop)
        log.info("stopped", worker=name, crashed=crashed)
        return crashed


async def _prepared(
    settings: Settings, group: str, topics: Sequence[str], build: Build, stack: AsyncExitStack
) -> faust.App:
    await until_kafka(lambda: topics_are_there(settings, group, topics), f"topics {', '.join(topics)}: `lacak topics`")
    return await build(stack)


async def _until_stopped(app: faust.App, stop: asyncio.Event) -> bool:
    """Runs the app; gives whether it crashed."""
    starting = asyncio.ensure_future(app.start())  # returns when tables are recovered
    await _first(starting, stop.wait(), app.wait_until_stopped())
    if starting.done() and not starting.exception():
        await _first(stop.wait(), app.wait_until_stopped())
    crashed = bool(app.crashed)
    if crashed:
        log.error("crashed", error=repr(app.crash_reason))
        exit_after(STOP_SECONDS)
    await _stop(app, starting)
    if starting.done() and (error := starting.exception()):
        raise error
    return crashed


def exit_after(seconds: float) -> None:
    """Ends the process in so many seconds, unless it has ended by then. What is not committed is read again.

    A thread, since nothing else is sure to: Faust's services go on waiting when they are cancelled, as do its threads
    and aiokafka's while Kafka is away.
    """

    def give_up() -> None:
        log.error("stop_timed_out", seconds=seconds)
        os._exit(1)

    timer = threading.Timer(seconds, give_up)
    timer.daemon = True
    timer.start()


async def _stop(app: faust.App, starting: asyncio.Future[None]) -> None:
    """Finishes and commits what is in hand while the tables are still open, then stops the app."""
    if starting.done() and not app.crashed:
        await app.consumer.leave()
    app.rebalancing = False  # a rebalance that it will not see the end of: the fetcher takes its own stop for a crash
    await app.stop()
    await asyncio.wait([starting])


async def _first(*awaitables: Awaitable[Any]) -> None:
    """Waits for the first to be done; those that were coroutines and are not done are cancelled."""
    futures = [asyncio.ensure_future(each) for each in awaitables]
    await asyncio.wait(futures, return_when=asyncio.FIRST_COMPLETED)
    for future, given in zip(futures, awaitables, strict=True):
        if future is not given and not future.done():
            future.cancel()
