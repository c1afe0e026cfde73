"""How long rows live, and with which timestamps they are written: the same for every store."""

from streams.order import Order, Row
from tables.orders import WAITING_KEPT_MS, Current, Waiting

SHORTEST_TTL = 60 * 60  # s; what is written at all outlives a replay of its batch
LONGEST_TTL = 20 * 365 * 24 * 60 * 60  # s; Cassandra's own bound


def ttl_seconds(expires_at: int, now: int) -> int:
    """The time to live of a row written at `now` (ms) that expires at `expires_at` (ms): 1 hour to 20 years."""
    return min(LONGEST_TTL, max(SHORTEST_TTL, -((now - expires_at) // 1000)))


def order_timestamp(now: Current) -> int:
    """µs. Unique per version of one order and growing with it, so that a stale writer never wins."""
    return now.order.recorded_at * 1000 + now.version


def history_timestamp(order: Order, row: Row) -> int:
    """µs. A history row never changes; written again it lives longer: at equal timestamps the later expiry wins."""
    return order.recorded_at * 1000 + row.number


def list_timestamp(order: Order) -> int:
    """µs, of the rows of orders_by_user and orders_by_produk."""
    return order.recorded_at * 1000


def waiting_timestamp(waiting: Waiting) -> int:
    """µs of the record as it came; its mark as rejected is the next."""
    return waiting.recorded_at * 1000


def waiting_ttl(waiting: Waiting, now: int) -> int:
    """The time to live in seconds of a waiting update written at `now`."""
    return ttl_seconds(waiting.recorded_at + WAITING_KEPT_MS, now)
