"""A Faust consumer that hands whole batches of a partition to one coroutine, and commits only finished ones.

Faust's streams acknowledge an event whose agent raised, and lose a whole `take` batch; this consumer keeps Faust's
groups, assignor, rebalances and commits, and replaces what lies between the fetcher and the agent. Batches of one
partition number run one at a time over all topics (DESIGN section 6, rule 2); a batch never commits under a later
assignment (rule 4). docs/decisions/0002-batch-consumer.md has the reasons and the figures.
"""

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from agents import lenient
from agents.consumer_thread import Thread
from agents.held import Held
from streams import metrics

DRAIN_SECONDS = 5.0  # a rebalance or a stop waits this long for batches in flight, then cancels them
HOLE_TRIES = 5  # so often a hole in the offsets must come back before it is believed
END_TRIES = 10  # so many seconds a log must end before what is committed, before that is believed
POLL_SECONDS = 0.1


class Handler(Protocol):
    """What is called with the batches. An exception is a bug: the worker crashes, and the batch is read again."""

    async def assigned(self, positions: Mapping[TP, int]) -> None:
        """A new assignment begins: the next offset of each partition. All that belonged to the old one is void."""

    async def batch(self, tp: TP, records: Sequence[Any]) -> None:
        """Returns when all effects of these records are durable and confirmed."""


class LogWentBack(Exception):
    """A log ends before the offset that is due: the topic was made anew, or lost records."""


class BatchConsumer(driver.Consumer):
    """Gives the batches of `topics` to `handler`, in this order where several are there.

    Other topics of the app (changelogs) go Faust's own way.
    """

    topics: tuple[str, ...] = ()
    handler: Handler
    batch_records: int

    def on_init(self) -> None:
        self._mark: dict[TP, int] = {}  # finished up to here
        self._next: dict[TP, int] = {}  # the offset that is due
        self._first: dict[TP, int] = {}  # what was due when the assignment began
        self._gauged = 0.0
        self._sought: dict[TP, tuple[int, int]] = {}
        self._busy: dict[int, asyncio.Task[None]] = {}  # by partition number
        self._held = Held(self.batch_records)  # fetched meanwhile
        self._running: dict[int, tuple[TP, Any]] = {}  # the first record of the batch that is worked on
        self._epoch = 0
        self._wake = asyncio.Event()

    def _new_consumer_thread(self) -> Thread:
        return Thread(self, loop=self.loop, beacon=self.beacon)

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Faust's livelock detector looks at stream state that this path does not touch."""

    # -- offsets: a finished batch moves the partition's mark, and Faust commits it

    def _filter_tps_with_pending_acks(self, topics: Any = None) -> Iterable[TP]:
        yield from super()._filter_tps_with_pending_acks(topics)
        yield from (tp for tp in list(self._mark) if topics is None or tp in topics or tp.topic in topics)

    def _new_offset(self, tp: TP) -> int | None:
        offset: int | None = self._mark.get(tp) if tp.topic in self.topics else super()._new_offset(tp)
        return offset

    async def _commit_offsets(self, offsets: Mapping[TP, int], start_new_transaction: bool = True) -> bool:
        """Faust believes a failed commit to have been made, and leaves it until there is more to commit."""
        assigned = self.assignment()
        ours = {tp: offset for tp, offset in offsets.items() if tp in assigned}
        if not ours:
            return False
        await self.app.producer.flush()
        if not await self._commit(ours):
            return False
        self._committed_offset.update(ours)
        self.app.tables.on_commit(ours)
        return True

    # -- assignments

    async def _seek(self, partition: TP, offset: int) -> None:
        """In the thread that fetches. Faust seeks from this one, under the hands of aiokafka's fetcher: once in a while
        a record that it is about to give away is gone, and its KeyError crashes the worker."""
        await self._thread.call_thread(self._thread.seek, partition, offset)

    async def perform_seek(self) -> None:
        """Faust calls this after every rebalance, before the flow resumes."""
        epoch = self._epoch
        await super().perform_seek()
        await self._begin(epoch)

    async def _begin(self, epoch: int) -> None:
        """Goes to what is due, unless the next rebalance overtakes it: then the partitions are not ours any more."""
        mine = [tp for tp in self.assignment() if tp.topic in self.topics]
        due = await self._positions(mine)
        if epoch != self._epoch:
            return
        if mine:
            await self.handler.assigned(due)
        if epoch != self._epoch:
            return
        self._first, self._next = dict(due), dict(due)
        # Recovery of tables lets records flow before this, which were dropped: in a quiet topic nothing comes after
        # them that would show the hole.
        await self._thread.seek_all(due)
        if epoch == self._epoch:
            self._read_offset.update(due)

    async def _positions(self, partitions: Sequence[TP]) -> dict[TP, int]:
        """Where to go on: behind what is committed, within what the log holds."""
        earliest, ends = await asyncio.gather(self.earliest_offsets(*partitions), self.highwaters(*partitions))
        due = {tp: max(earliest.get(tp) or 0, self._read_offset.get(tp) or 0) for tp in partitions}
        for tp in await self._beyond_the_end(due, ends):
            self.log.error("%s: %s is committed, and its log ends before: from its start", tp, due[tp])
            due[tp] = earliest.get(tp) or 0
            self._committed_offset[tp] = None
        return due

    async def _beyond_the_end(self, due: Mapping[TP, int], ends: Mapping[TP, int]) -> list[TP]:
        """Partitions whose log ends before what is committed: the topic was made anew, or its log lost records.

        A leader that was just elected may not know its log's end yet, so this is believed only when it stays so.
        """
        beyond = list(due)
        for _ in range(END_TRIES):
            beyond = [tp for tp in beyond if due[tp] > (ends.get(tp) or 0)]
            if not beyond:
                break
            await asyncio.sleep(1)
            ends = await self.highwaters(*beyond)
        return beyond

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Finishes and commits before the partitions leave: Faust alone forgets the acknowledgements first."""
        await self._quiesce()
        self._epoch += 1
        self._held.clear()  # what was fetched while the last batches ended
        self._mark.clear()
        self._next.clear()
        self._first.clear()
        metrics.LAG.clear()  # whoever has them next tells of them
        metrics.UNACKNOWLEDGED.clear()
        self._sought.clear()
        await super().on_partitions_revoked(revoked)

    async def leave(self) -> None:
        """Finishes and commits what is in hand, and takes no more: the group's others need not wait for the rest."""
        await self._quiesce()
        await self._thread.leave_group()

    async def on_stop(self) -> None:
        await self._quiesce()
        await super().on_stop()

    async def _quiesce(self) -> None:
        """Begins nothing more, and commits. Batches that do not finish in time are cancelled: they were not
        acknowledged, and are read again."""
        self.stop_flow()
        self._held.clear()
        running = set(self._busy.values())
        if running:
            _, late = await asyncio.wait(running, timeout=DRAIN_SECONDS)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late)
        await self.commit()

    # -- the loop

    async def _drain_messages(self, fetcher: Any) -> None:
        try:
            while not (self._stopped.is_set() or fetcher._stopped.is_set()):
                if not self.flow_active:
                    await self.wait(self.can_resume_flow)
                self._gauge()
                wanted = {tp for tp in self._get_active_partitions() if not self._held.is_full(tp)}
                if not wanted:
                    await self._until_taken()
                    continue
                fetched = await self._getmany(active_partitions=wanted, timeout=POLL_SECONDS)
                if not self.flow_active:  # a rebalance went by: perform_seek has set what is due
                    await self.wait(self.can_resume_flow)
                if self.should_stop:
                    break
                await self._dispatch({TP(tp.topic, tp.partition): records for tp, records in fetched.items()})
                await asyncio.sleep(0)
        except self.consumer_stopped_errors:
            if not self.app.should_stop:
                raise

    async def _until_taken(self) -> None:
        self._wake.clear()
        try:
            await asyncio.wait_for(self._wake.wait(), 2 * POLL_SECONDS)
        except TimeoutError:
            return

    async def _dispatch(self, fetched: Mapping[TP, Sequence[Any]]) -> None:
        assigned, epoch = self._get_active_partitions(), self._epoch
        for tp, records in sorted(fetched.items(), key=self._rank):
            if not records or tp not in assigned:
                continue  # moved away, or paused
            if tp.topic not in self.topics:
                await self._fausts_way(tp, records)
            elif due := await self._due(tp, records):
                if epoch != self._epoch or not self.flow_active:
                    return  # revoked meanwhile; the next assignment reads them again
                self._hold(tp, due)

    def _rank(self, fetched: tuple[TP, Sequence[Any]]) -> int:
        topic = fetched[0].topic
        return self.topics.index(topic) if topic in self.topics else -1

    def _hold(self, tp: TP, records: Sequence[Any]) -> None:
        """Puts records behind those of their partition number that wait, and sees that somebody works on them."""
        self._held.put(tp, records)
        if tp.partition not in self._busy:
            self._busy[tp.partition] = asyncio.ensure_future(self._work(tp.partition, self._epoch))

    async def _work(self, partition: int, epoch: int) -> None:
        try:
            while unit := self._held.take(partition):
                tp, records = unit
                self._wake.set()
                self._running[partition] = tp, records[0]
                await self.handler.batch(tp, records)
                if epoch != self._epoch:
                    return
                self._mark[tp] = max(self._mark.get(tp, 0), records[-1].offset + 1)
        except Exception as error:  # noqa: BLE001  # a bug: nothing is committed, the worker crashes, it is read again
            await self.crash(error)
        finally:
            self._busy.pop(partition, None)
            self._running.pop(partition, None)
            self._wake.set()

    def _gauge(self) -> None:
        """Tells the lag and its age once a second, also while nothing gets done: that is when somebody looks."""
        now = time.monotonic()
        if now < self._gauged + 1:
            return
        self._gauged = now
        for tp in self.assignment() & self._first.keys():
            end = self.highwater(tp)
            if end is not None:
                behind = max(0, end - self._mark.get(tp, self._first[tp]))
                metrics.LAG.labels(tp.topic, tp.partition).set(behind)
                if (since := self._unacknowledged_since(tp, behind)) is not None:
                    metrics.UNACKNOWLEDGED.set_since((tp.topic, str(tp.partition)), since)

    def _unacknowledged_since(self, tp: TP, behind: int) -> float | None:
        """None while what is behind is not here yet, so that its age is not known: what was told goes on ageing."""
        at, first = self._running.get(tp.partition, (tp, None))
        oldest = first if first is not None and at == tp else self._held.oldest(tp)
        if oldest is not None:
            return float(oldest.timestamp / 1000)
        return None if behind else time.time()

    async def _due(self, tp: TP, records: Sequence[Any]) -> Sequence[Any]:
        """The records from the offset that is due; empty, and a seek back, when they begin behind it, or end before it
        again and again.

        aiokafka's getmany blocks through a rebalance and can return after the seek: what was dropped there was lost, so
        nothing is dropped but what is done already. A hole left by retention or a transaction marker comes back the
        same every time; a log that ends before what is due does too, and then the worker must ask for its positions
        anew.
        """
        if tp not in self._next:  # a table's recovery lets records flow before perform_seek, which brings them back
            return []
        due, first, last = self._next[tp], records[0].offset, records[-1].offset
        if first > due or last < due:
            at, tries = self._sought.get(tp, (-1, 0))
            tries = tries + 1 if at == due else 1
            self._sought[tp] = due, tries
            if last < due and tries == 1:
                return []  # of the assignment before: what is due follows
            if last < due and tries > HOLE_TRIES:
                raise LogWentBack(f"{tp}: {due} is due, and the log gives {first}..{last}")
            if last < due or tries <= HOLE_TRIES:
                self.log.info("%s: got %s, due is %s: seeking back", tp, first, due)
                await self.seek(tp, due)
                return []
        self._next[tp] = last + 1
        return [record for record in records if record.offset >= due]

    async def _fausts_way(self, tp: TP, records: Sequence[Any]) -> None:
        self.app.monitor.track_tp_end_offset(tp, self.highwater(tp))
        for record in records:
            if not self.flow_active:
                return
            await self.callback(self._to_message(tp, record))
            self._read_offset[tp] = record.offset


def transport(app: Any, topics: Iterable[str], handler: Handler, batch_records: int) -> driver.Transport:
    """A Faust transport whose consumer hands the batches of `topics` to `handler`: `app.transport = transport(…)`."""
    lenient.install()
    ours = {"topics": tuple(topics), "handler": handler, "batch_records": batch_records}
    consumer = type("BatchConsumer", (BatchConsumer,), ours)
    kind = type("BatchTransport", (driver.Transport,), {"Consumer": consumer})
    return kind(app.conf.broker_consumer, app)
