"""Notification: a changed status becomes a word to the customer, when it is news.

    order-status-changed ─▶ decide (agents/notices.py) ─▶ announce ─▶ remember ─▶ acknowledge

Announced and confirmed first, then remembered (the changelog confirmed, then RocksDB), then acknowledged (DESIGN
section 6, rule 8): killed at any step, the batch is read again and says the same again, with the same
notification_ids. docs/decisions/0004-notify-consumption.md has the reasons.
"""

from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import faust
from faust.types import TP

from agents.faust_app import ensure_changelog, make_app, own_directory, run, until_kafka
from agents.notices import decide, is_plausible
from agents.publisher import Outgoing, Publisher
from agents.traces import Times, notified, onward
from streams import metrics, topics, trace
from streams.codec import Codec, Undecodable, UnknownSchema
from streams.log import get
from streams.messages import NOTIFICATION, Message, cloud_event
from streams.settings import Settings
from streams.spans import Spans, opened
from streams.topics import DAY_MS, NOTIFY_GROUP, partition_of, plain_decimal
from tables.users import UserOrders, UsersTable, encode

log = get(__name__)
_CHANGED = Codec("OrderStatusChanged")
_NOTIFICATION = Codec("UserNotification")


@dataclass
class _Batch:
    """What a batch comes to."""

    users: dict[bytes, UserOrders] = field(default_factory=dict)  # as far as these records are folded
    changed: set[bytes] = field(default_factory=set)
    announced: list[Outgoing] = field(default_factory=list)
    statuses: list[str] = field(default_factory=list)
    judged: list[tuple[Any, str]] = field(default_factory=list)  # each record, and what became of it; for its trace


class Notifier:
    """The notification worker's work. One batch of a partition at a time; no state but the table's."""

    table: UsersTable  # set before it is started: the app, which the table belongs to, needs the handler first

    def __init__(self, settings: Settings, publisher: Publisher, spans: Spans | None = None) -> None:
        self._settings, self._publisher = settings, publisher
        self._spans = spans or Spans(settings, "notify")
        self._notifications = settings.topic(topics.NOTIFICATIONS.name)
        # Not before the order's own rows have expired.
        self._keep_ms = settings.retention_days * DAY_MS

    async def assigned(self, positions: Mapping[TP, int]) -> None:
        """The table is recovered by now; nothing else is kept."""
        log.info("assigned", partitions=sorted(tp.partition for tp in positions))

    async def batch(self, tp: TP, records: Sequence[Any]) -> None:
        """All effects of these records: announced, then remembered, both confirmed."""
        with metrics.BATCH_SECONDS.time():
            await self._do(tp.partition, records)

    async def _do(self, partition: int, records: Sequence[Any]) -> None:
        now, batch = self._spans.clock, _Batch()
        began = now()
        for record in records:
            change = _change(record)
            if change is not None:
                self._judge(batch, partition, record, change)
        judged = now()
        with metrics.PUBLISH_SECONDS.time():
            await self._publisher.publish(batch.announced)
            announced = now()
            await self._remember(batch, partition)
        if self._spans.on:
            notified(self._spans, batch.judged, len(records), Times(began, judged, announced, now()))
        for status in batch.statuses:
            metrics.NOTIFICATIONS.labels(status).inc()

    def _judge(self, batch: _Batch, partition: int, record: Any, change: Message) -> None:
        orders = batch.users.get(record.key)
        if orders is None:
            orders = self.table.load(partition, record.key)
        decision = decide(orders, change, self._keep_ms)
        batch.users[record.key] = decision.orders
        if decision.orders is not orders:
            batch.changed.add(record.key)
        if decision.missing:
            log.warning("version_gap", **_where(record), id_order=change["id_order"], missing=decision.missing)
        if decision.notification is not None:
            batch.announced.append(self._outgoing(record, decision.notification))
            batch.statuses.append(change["status"])
        else:
            metrics.NOTIFY_SKIPPED.labels(decision.skipped).inc()
        if self._spans.on:
            batch.judged.append((record, decision.skipped or "told"))

    def _outgoing(self, record: Any, notification: Message) -> Outgoing:
        """Everything in it comes from the change, so that a replay's is the same."""
        parent = onward(trace.of_headers(record.headers))
        return Outgoing(
            self._notifications,
            partition_of(record.key, self._settings.partitions),
            record.key,
            _NOTIFICATION.encode(notification),
            cloud_event(NOTIFICATION, notification["notification_id"], "notify", notification["created_at"], parent),
        )

    async def _remember(self, batch: _Batch, partition: int) -> None:
        """One changelog record a user, confirmed before RocksDB has it, and both before the source is acknowledged."""
        values = {key: encode(batch.users[key]) for key in batch.changed}
        if values:
            changelog = self.table.changelog
            await self._publisher.publish(Outgoing(changelog, partition, *each, []) for each in values.items())
            self.table.save(partition, values)


def _change(record: Any) -> Message | None:
    """The change a record holds; None for one that somebody else wrote.

    There is no dead letter for it: only the order-tracking worker writes this topic, and what it decided is in
    Cassandra. The record stays where it is for 7 days; the log says where.
    """
    try:
        change = _CHANGED.decode(record.value)
    except (Undecodable, UnknownSchema) as error:
        _note_unreadable(record, str(error))
        return None
    if not is_plausible(change) or plain_decimal(record.key) != change["id_user"]:
        _note_unreadable(record, "the key is not its id_user, or a number is out of range")
        return None
    return change


def _note_unreadable(record: Any, detail: str) -> None:
    metrics.NOTIFY_SKIPPED.labels("unreadable").inc()
    log.error("unreadable", **_where(record), detail=detail)


def _where(record: Any) -> dict[str, Any]:
    place = {"topic": record.topic, "partition": record.partition, "offset": record.offset}
    return {**place, **trace.logged(trace.of_headers(record.headers))}


def main(settings: Settings) -> None:
    """Runs the notification worker until SIGTERM. SystemExit(1) when it crashed, `DirectoryTaken` when there is one."""
    changed = settings.topic(topics.CHANGED.name)

    async def build(stack: AsyncExitStack) -> faust.App:
        datadir = own_directory(settings.data_dir / "notify", stack)
        publisher = Publisher(settings, "lacak-notify")
        stack.push_async_callback(publisher.stop)
        notifier = Notifier(settings, publisher, opened(settings, "notify", stack))
        app = make_app(settings, NOTIFY_GROUP, [changed], notifier, datadir)
        notifier.table = UsersTable(app)

        async def changelog_is_there() -> bool:
            await ensure_changelog(settings, notifier.table.changelog)
            return True

        await until_kafka(changelog_is_there, "its changelog")
        return app

    needed = [changed, settings.topic(topics.NOTIFICATIONS.name)]
    run(settings, "notify", NOTIFY_GROUP, needed, settings.notify_metrics_port, build)
