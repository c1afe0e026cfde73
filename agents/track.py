"""Order tracking: a courier's update becomes a row in Cassandra, then an event, then an acknowledgement.

    orders, courier-status-updates ─▶ judge (agents/lane.py) ─▶ write ─▶ publish ─▶ acknowledge

Durable first, then published, then acknowledged: killed at any step, the batch is read again and does the same again.
"""

import asyncio
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any

import faust
from aiokafka.errors import KafkaError
from faust.types import TP

from agents.faust_app import make_app, run
from agents.lane import Effects, Event, Lane
from agents.patience import PatientOrders, until_there
from agents.publisher import Outgoing, Publisher
from agents.records import Kind, Misrouted, Record, Rejection, content_size
from agents.traces import Times, tracked
from streams import metrics, topics, trace
from streams.codec import Codec
from streams.dead_letters import rejected_headers
from streams.incarnation import incarnations
from streams.kafka import client, closed
from streams.log import get
from streams.messages import STATUS_CHANGED, cloud_event, status_changed
from streams.order import Position
from streams.settings import Settings
from streams.spans import Spans, opened
from streams.topics import partition_of, plain_decimal
from tables.cassandra_orders import CassandraOrders
from tables.orders import DAY_MS

log = get(__name__)
_CHANGED = Codec("OrderStatusChanged")


class NotCopartitioned(Exception):
    """A partition number of one input was assigned without that of the other."""


class Tracker:
    """The order-tracking worker's work, one lane a partition."""

    def __init__(
        self, settings: Settings, store: PatientOrders, publisher: Publisher, spans: Spans | None = None
    ) -> None:
        self._settings, self._store, self._publisher = settings, store, publisher
        self._spans = spans or Spans(settings, "track")
        self._topics = {settings.topic(kind): kind for kind in Kind}
        self._changed = settings.topic(topics.CHANGED.name)
        self._rejected = settings.topic(topics.REJECTED.name)
        self._positions: Mapping[TP, int] = {}
        self._incarnations: asyncio.Future[dict[Kind, str]] | None = None
        self._lanes: dict[int, Lane] = {}

    @property
    def topics(self) -> tuple[str, ...]:
        """The inputs as they are called on this Kafka, orders first."""
        return tuple(self._topics)

    async def assigned(self, positions: Mapping[TP, int]) -> None:
        """Begins a new assignment with new lanes: cache and positions of the old one are void (rule 4).

        Raises `NotCopartitioned`: a topic that is being made anew has no partitions for a while.
        """
        for tp in positions:
            if missing := [topic for topic in self._topics if TP(topic, tp.partition) not in positions]:
                raise NotCopartitioned(f"partition {tp.partition} came without that of {', '.join(missing)}")
        self._positions, self._lanes = positions, {}
        if self._incarnations is not None:
            self._incarnations.cancel()
        self._incarnations = asyncio.ensure_future(until_there("kafka", KafkaError, self._ask_incarnations))
        log.info("assigned", partitions=sorted({tp.partition for tp in positions}))

    async def batch(self, tp: TP, records: Sequence[Any]) -> None:
        """All effects of these records: durable, then confirmed. Waits for what is away."""
        kind = self._topics[tp.topic]
        metrics.RECORDS.labels(kind).inc(len(records))
        metrics.APPEND_CLOCK.set(max(0.0, records[-1].timestamp / 1000 - time.time()))
        lane = self._lanes.get(tp.partition) or await self._lane(tp.partition)
        incarnation = lane.positions[kind].incarnation
        with metrics.BATCH_SECONDS.time():
            await self._do(lane, [Record.of(kind, incarnation, record) for record in records])
        lane.advance(kind, records[-1].offset + 1)
        now = time.time()
        for record in records:
            metrics.PERSIST_SECONDS.observe(now - record.timestamp / 1000)
        metrics.CACHED.set(sum(each.cached for each in self._lanes.values()))

    async def stop(self) -> None:
        """Closes what the worker opened."""
        if self._incarnations is not None:
            self._incarnations.cancel()
        await self._publisher.stop()
        await self._store.close()

    async def _do(self, lane: Lane, records: list[Record]) -> None:
        now = self._spans.clock
        began = now()
        effects = await lane.judge(records)
        judged = now()
        with metrics.WRITE_SECONDS.time():
            await asyncio.gather(
                *map(self._store.write, effects.writes),
                *map(self._store.add_waiting, effects.waiting),
                *map(self._store.note_rejected, effects.refused),
            )
        written = now()
        with metrics.PUBLISH_SECONDS.time():
            await self._publisher.publish(self._outgoing(effects))
        if self._spans.on:
            tracked(self._spans, records, effects, Times(began, judged, written, now()))

    # -- an assignment's lanes

    async def _lane(self, number: int) -> Lane:
        """The lane of a partition, made at its first batch: a rebalance waits for nobody."""
        assert self._incarnations is not None, "no batch comes before its assignment"
        positions, incarnations = self._positions, await asyncio.shield(self._incarnations)
        due = {
            kind: Position(incarnations[kind], number, positions[TP(topic, number)])
            for topic, kind in self._topics.items()
        }
        lane = self._lanes[number] = Lane(
            self._store,
            due,
            partitions=self._settings.partitions,
            retention_ms=self._settings.retention_days * DAY_MS,
            cached=max(1, self._settings.cached_orders * len(self._topics) // len(positions)),
        )
        return lane

    async def _ask_incarnations(self) -> dict[Kind, str]:
        bare = client(self._settings, "lacak-track")
        try:
            await bare.bootstrap()
            found = await incarnations(bare, self._topics)
        finally:
            await closed(bare.close())
        return {kind: found[topic] for topic, kind in self._topics.items()}

    # -- published

    def _outgoing(self, effects: Effects) -> Iterator[Outgoing]:
        yield from map(self._change, effects.events)
        yield from map(self._dead_letter, effects.rejections)
        yield from map(self._forward, effects.forwards)

    def _change(self, event: Event) -> Outgoing:
        """Everything in it comes from the judged record, so a replay's is the same (rule 7)."""
        order, row = event.order, event.row
        if row.corrects is not None:
            _note_correction(event)
        key = str(order.id_user).encode()
        return Outgoing(
            self._changed,
            partition_of(key, self._settings.partitions),
            key,
            _CHANGED.encode(status_changed(order, row)),
            cloud_event(
                STATUS_CHANGED, f"{order.id_order}-{row.version}", "track", row.recorded_at, event.record.processed
            ),
        )

    def _dead_letter(self, rejection: Rejection) -> Outgoing:
        record = rejection.record
        partition, offset = record.position.partition, record.position.offset
        topic = self._settings.topic(record.kind)
        about = {"topic": topic, "partition": partition, "offset": offset, **trace.logged(record.traceparent)}
        log.info("rejected", reason=rejection.reason, **about)
        known = plain_decimal(record.key) is not None
        if content_size(record) > topics.MAX_REJECTED:  # compressed, it came in; as it came, it does not fit anywhere
            record = record._replace(key=record.key if known else None, value=None, headers=[])
        return Outgoing(
            self._rejected,
            partition_of(record.key, self._settings.partitions) if record.key and known else partition,
            record.key,
            record.value,
            rejected_headers(record.headers, rejection.reason, rejection.detail, topic, partition, offset),
        )

    def _forward(self, misrouted: Misrouted) -> Outgoing:
        record, partition = misrouted
        metrics.MISROUTED.labels(record.kind).inc()
        return Outgoing(self._settings.topic(record.kind), partition, record.key, record.value, record.headers)


def _note_correction(event: Event) -> None:
    """Who turned what into what, for whoever audits. Said again when the record is read again."""
    row = event.row
    metrics.CORRECTIONS.labels(row.previous_status, row.status).inc()
    steps = {"from": row.previous_status, "to": row.status}
    who = {"operator": row.operator, "event_id": row.event_id, **trace.logged(event.record.traceparent)}
    log.info("corrected", id_order=event.order.id_order, version=row.version, **steps, **who)


def main(settings: Settings) -> None:
    """Runs the order-tracking worker until SIGTERM. Raises SystemExit(1) when it crashed."""

    async def build(stack: AsyncExitStack) -> faust.App:
        publisher = Publisher(settings, "lacak-track")
        spans = opened(settings, "track", stack)
        store = PatientOrders(
            lambda: CassandraOrders.connect(settings), settings.writes_in_flight, lambda: int(time.time() * 1000)
        )
        tracker = Tracker(settings, store, publisher, spans)
        stack.push_async_callback(tracker.stop)
        directory = settings.data_dir / "track"  # it has no tables: several workers may share it
        directory.mkdir(parents=True, exist_ok=True)
        return make_app(settings, topics.TRACK_GROUP, tracker.topics, tracker, directory)

    inputs = [settings.topic(kind) for kind in Kind]
    run(settings, "track", topics.TRACK_GROUP, inputs, settings.track_metrics_port, build)
