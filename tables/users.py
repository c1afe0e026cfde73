"""What the notification worker remembers of each user: the open orders, the version seen and the version announced.

A Faust table in RocksDB, one database a partition, with a compacted changelog that is co-partitioned with
`order-status-changed`. Its keys are the topic's keys (id_user in plain decimal); its values are JSON:
`{"<id_order>": [status, version, announced, placed_at, recorded_at], …}`, the one that changed last at the end.

What a customer is told never depends on this table, only whether it is told again: a lost entry means a repeated
notification_id, and never a missing one.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import faust
import orjson
from faust.types import TP
from rocksdict import WriteBatch

from streams.messages import Message
from streams.order import TERMINAL

# A user with more open orders than this loses the one that changed longest ago: if it changes again, it is announced
# as it would be anyway, and a replay of an earlier change repeats its notification_id. 1,000 are about 60 kB.
MAX_OPEN = 1000
TABLE = "users"
# Faust's own defaults are 2 GiB of block cache and 3 × 64 MiB of write buffers for each partition.
_ROCKSDB = {"driver": "rocksdict", "write_buffer_size": 8 << 20, "block_cache_size": 16 << 20, "max_open_files": 64}


class OpenOrder(NamedTuple):
    """One open order as it was last seen. Times are ms since 1970."""

    status: str
    version: int  # the last one seen
    announced: int  # the last one a notification was sent for; 0: none yet
    placed_at: int  # tells two lives of one id apart: an id is new again when its rows have expired
    recorded_at: int


UserOrders = Mapping[int, OpenOrder]


def last_seen(orders: UserOrders, change: Message, keep_ms: int) -> OpenOrder | None:
    """What is known of the change's order: nothing when that was an earlier life of its id, or is too old to count."""
    known = orders.get(change["id_order"])
    if known is None or known.placed_at < change["placed_at"] or known.recorded_at < change["recorded_at"] - keep_ms:
        return None
    return known


def is_seen(known: OpenOrder | None, change: Message) -> bool:
    """Whether the change, or one after it, was handled before."""
    return known is not None and (change["placed_at"] < known.placed_at or change["version"] <= known.version)


def advance(
    orders: UserOrders, change: Message, announced: bool, keep_ms: int, limit: int = MAX_OPEN
) -> dict[int, OpenOrder]:
    """The user's open orders after a change that was not seen before. A finished order leaves.

    Orders without a change for `keep_ms`, and the oldest beyond `limit`, are forgotten.
    """
    known = last_seen(orders, change, keep_ms)
    after = dict(orders)
    after.pop(change["id_order"], None)
    if change["status"] not in TERMINAL:
        before = known.announced if known is not None else 0
        after[change["id_order"]] = OpenOrder(
            change["status"],
            change["version"],
            change["version"] if announced else before,
            change["placed_at"],
            change["recorded_at"],
        )
    _forget(after, change["recorded_at"] - keep_ms, limit)
    return after


def _forget(orders: dict[int, OpenOrder], since: int, limit: int) -> None:
    while orders:
        oldest = next(iter(orders))
        if len(orders) <= limit and orders[oldest].recorded_at >= since:
            return
        del orders[oldest]


def decode(value: bytes | None) -> dict[int, OpenOrder]:
    """The orders of a table's value; a user who is not in the table has none."""
    if value is None:
        return {}
    return {int(id_order): OpenOrder(*fields) for id_order, fields in orjson.loads(value).items()}


def encode(orders: UserOrders) -> bytes | None:
    """The table's value; None, a tombstone, for a user without open orders."""
    return orjson.dumps({str(id_order): tuple(order) for id_order, order in orders.items()}) if orders else None


class UsersTable:
    """The table behind its Faust definition: reads and writes of one partition, in whole batches.

    Faust's own `table[key] = value` sends to the changelog and only logs when that fails; here the caller has confirmed
    the changelog's records before `save`.
    """

    def __init__(self, app: faust.App) -> None:
        self._table: Any = app.Table(TABLE, key_type=bytes, value_type=bytes, options=dict(_ROCKSDB))

    @property
    def changelog(self) -> str:
        """The changelog's name on this Kafka."""
        name: str = self._table.changelog_topic.get_topic_name()
        return name

    def load(self, partition: int, key: bytes) -> dict[int, OpenOrder]:
        """The user's open orders. Only for partitions that are assigned to this worker."""
        return decode(self._table.data._db_for_partition(partition).get(key))

    def save(self, partition: int, values: Mapping[bytes, bytes | None]) -> None:
        """Writes users whose records the changelog has confirmed, and how far the changelog is known, as one.

        The offset is a lower bound: a changelog record that was sent twice, or by a worker that was thought dead, makes
        recovery read a few records again, which changes nothing.
        """
        store = self._table.data
        known = store.persisted_offset(TP(self.changelog, partition))
        batch = WriteBatch(raw_mode=True)
        for key, value in values.items():
            if value is None:
                batch.delete(key)
            else:
                batch.put(key, value)
        batch.put(store.offset_key, str((-1 if known is None else known) + len(values)).encode())
        store._db_for_partition(partition).write(batch)
