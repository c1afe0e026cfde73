"""Every topic, once: its name, its key, what its values are, how long they are kept."""

from dataclasses import dataclass
from functools import lru_cache

from aiokafka.partitioner import murmur2

DAY_MS = 24 * 60 * 60 * 1000
MAX_RECORD = 1024 * 1024
MAX_REJECTED = 2 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic. `message` is the Avro record's name, or None where values are somebody's original bytes."""

    name: str
    key: str
    message: str | None
    retention_ms: int = 7 * DAY_MS
    max_message_bytes: int = MAX_RECORD

    @property
    def config(self) -> dict[str, str]:
        """The topic's settings at the broker."""
        return {
            "cleanup.policy": "delete",
            "message.timestamp.type": "LogAppendTime",
            "retention.ms": str(self.retention_ms),
            "max.message.bytes": str(self.max_message_bytes),
        }


ORDERS = Topic("orders", "id_order", "OrderPlaced")
UPDATES = Topic("courier-status-updates", "id_order", "CourierStatusUpdate")
CHANGED = Topic("order-status-changed", "id_user", "OrderStatusChanged")
# 2 MiB and its batch's overhead, so that no original with its headers is too large for it.
REJECTED = Topic("courier-status-rejected", "as it came", None, 30 * DAY_MS, MAX_REJECTED + 64 * 1024)
NOTIFICATIONS = Topic("user-notifications", "id_user", "UserNotification")

ALL = (ORDERS, UPDATES, CHANGED, REJECTED, NOTIFICATIONS)

TRACK_GROUP = "lacak-track"
NOTIFY_GROUP = "lacak-notify"
NOTIFY_CHANGELOG = f"{NOTIFY_GROUP}-users-changelog"  # of its table (tables/users.py), as Faust calls it


@lru_cache(maxsize=65_536)
def partition_of(key: bytes, partitions: int) -> int:
    """The partition which Kafka's default partitioner (murmur2) gives this key."""
    return int(murmur2(key) & 0x7FFFFFFF) % partitions


def plain_decimal(key: bytes | None) -> int | None:
    """The number which a key says in plain decimal, or None: no sign, no leading zero, nothing around it."""
    if not key or not key.isdigit() or len(key) > 19 or (key[0] == 0x30 and len(key) > 1):
        return None
    return int(key)
