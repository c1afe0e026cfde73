"""The snapshot: a user's open orders, and those that ended in the last 24 h, read from the store.

It is read after the connection is registered for changes. A change is published after it is written, so whatever was
published before the registration is in the snapshot, and whatever comes after it follows.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from api.queries import order_json
from streams import log
from streams.order import TERMINAL
from tables.orders import DAY_MS, Current, Orders, StoreUnavailable

SECONDS = 8.0  # before the client is told to try later
PAGE = 200
SCANNED = 2000  # of a user's orders, newest first: an open order behind so many newer ones is not looked for
READ_AT_ONCE = 20  # orders of one snapshot
SNAPSHOTS_AT_ONCE = 64  # the others wait, and are told to try later when it takes too long

_log = log.get(__name__)


class Snapshots:
    """Reads snapshots. `clock` gives ms; `orders()` the store, or raises StoreUnavailable."""

    def __init__(self, orders: Callable[[], Orders], clock: Callable[[], int]) -> None:
        self._orders, self._clock = orders, clock
        self._turns = asyncio.Semaphore(SNAPSHOTS_AT_ONCE)

    async def read(self, id_user: int, only: frozenset[int] | None) -> list[Mapping[str, Any]]:
        """The orders as JSON, newest first; raises StoreUnavailable."""
        orders = self._orders()
        try:
            async with asyncio.timeout(SECONDS), self._turns:
                found = await (self._listed(orders, id_user) if only is None else self._named(orders, only))
        except TimeoutError as error:
            raise StoreUnavailable(f"no answer in {SECONDS} s") from error
        ended_after = self._clock() - DAY_MS
        return [
            order_json(now)
            for now in found
            if now.order.id_user == id_user and (now.status not in TERMINAL or now.status_at >= ended_after)
        ]

    async def _listed(self, orders: Orders, id_user: int) -> list[Current]:
        found: list[Current] = []
        cursor: str | None = None
        while len(found) < SCANNED:
            page = await orders.orders_of_user(id_user, PAGE, cursor)
            found += page.items
            cursor = page.next
            if cursor is None:
                return found
        _log.warning("snapshot_not_whole", id_user=id_user, scanned=len(found))
        return found

    async def _named(self, orders: Orders, only: Iterable[int]) -> list[Current]:
        ids = sorted(only, reverse=True)
        found: list[Current | None] = []
        for start in range(0, len(ids), READ_AT_ONCE):
            found += await asyncio.gather(*(orders.order(id_order) for id_order in ids[start : start + READ_AT_ONCE]))
        return sorted((now for now in found if now), key=lambda now: now.order.placed_at, reverse=True)
