"""Faust's consumer thread, with the waits and the crashes taken out that an order's change cannot afford."""

from collections.abc import Mapping
from typing import Any

from aiokafka import TopicPartition
from aiokafka.consumer.group_coordinator import UNKNOWN_OFFSET
from aiokafka.errors import KafkaError
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from agents.liveness import PULSES

FETCH_MAX_WAIT_MS = 100
REBALANCE_SECONDS = 15.0  # of which batches in flight have DRAIN_SECONDS
# A broker that is frozen or cut off closes no connection: so long it holds up its partitions and its groups. A request
# to join a group lasts as long as a rebalance may.
REQUEST_SECONDS = REBALANCE_SECONDS + 5


class Thread(driver.AIOKafkaConsumerThread):
    """Faust's consumer thread, with fetches that wait for nobody.

    Faust's fetch wait is 1.5 s, in which new records of a partition that the pending fetch does not ask for have to
    wait. And aiokafka asks a broker for nothing for 0.1 s while records of one of its partitions are not taken.
    """

    async def on_start(self) -> None:
        await super().on_start()
        self._consumer._fetcher._prefetch_backoff = 0.0
        PULSES.watch("consumer")

    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        consumer._fetch_max_wait_ms = FETCH_MAX_WAIT_MS
        consumer._client._request_timeout_ms = int(REQUEST_SECONDS * 1000)
        return consumer

    # -- a hand-over: nothing moves meanwhile

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """aiokafka asks for one partition after the other."""
        committed: Mapping[TP, int] = await self.call_thread(self._seek_to_committed)
        return committed

    async def _seek_to_committed(self) -> dict[TopicPartition, int | None]:
        consumer = self._ensure_consumer()
        assigned = consumer.assignment()
        found = await consumer._coordinator.fetch_committed_offsets(assigned)
        committed = {tp: offset for tp, (offset, _) in found.items() if offset != UNKNOWN_OFFSET}
        self._seek_all(committed)
        return {tp: committed.get(tp) for tp in assigned}

    async def seek_all(self, offsets: Mapping[TP, int]) -> None:
        """Seeks, where partitions are still ours."""
        await self.call_thread(self._seek_all, {driver.ensure_aiokafka_TP(tp): to for tp, to in offsets.items()})

    def _seek_all(self, offsets: Mapping[TopicPartition, int]) -> None:
        consumer = self._ensure_consumer()
        for tp in consumer.assignment() & offsets.keys():
            consumer._fetcher.seek_to(tp, offsets[tp])

    async def leave_group(self) -> None:
        """What closing the consumer does first. Its partitions go on elsewhere while the rest is closed."""
        await self.call_thread(self._ensure_consumer()._coordinator.close)

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        """Faust crashes the worker when Kafka does not take a commit; the next one will do."""
        assigned = self.assignment()
        committable = {driver.ensure_aiokafka_TP(tp): offset for tp, offset in offsets.items() if tp in assigned}
        try:
            await self._ensure_consumer().commit(committable)
        except KafkaError as error:
            self.log.warning("Commit failed, the next one will do: %r", error)
            return False
        return True
