"""Snowflake node numbers, leased by compare-and-set, so that no two processes ever hold the same one."""

import random

from tables import statements
from tables.cassandra_session import CassandraSession

_MARGIN = 2  # s: Cassandra counts lives in whole seconds (a row may go 1 s early), and its nodes' clocks differ


class NodeLease:
    """Takes and renews node numbers.

    Whoever holds a number must count its time from before the call, and stop using it when `ttl_seconds` are over. A
    statement that timed out may have taken place: then the number stays taken till its time is over, or is found again.
    """

    def __init__(self, session: CassandraSession) -> None:
        self._session = session
        self._held: dict[str, int] = {}

    async def take(self, owner: str, nodes: int, ttl_seconds: int) -> int | None:
        """The number that `owner` holds, renewed, or a free one below `nodes`; None: all are taken."""
        ttl = ttl_seconds + _MARGIN
        held = self._held.pop(owner, None)
        if held is None or not await self._renew(owner, held, ttl):
            held = await self._find(owner, nodes, ttl)
        if held is not None:
            self._held[owner] = held
        return held

    async def _find(self, owner: str, nodes: int, ttl: int) -> int | None:
        taken: dict[int, str] = dict(await self._session.fetch(statements.READ_NODES))
        start = random.randrange(nodes)  # noqa: S311 - where to begin
        candidates = [(start + step) % nodes for step in range(nodes)]
        mine = [node for node in candidates if taken.get(node) == owner]
        for node in mine + [node for node in candidates if node not in taken]:
            if await self._insert(owner, node, ttl):
                return node
        return None

    async def _insert(self, owner: str, node: int, ttl: int) -> bool:
        applied, *existing = await self._session.compare_and_set(statements.TAKE_NODE, node, owner, ttl)
        # Ours already: an earlier try that timed out did take place.
        return bool(applied) or (existing[-1] == owner and await self._renew(owner, node, ttl))

    async def _renew(self, owner: str, node: int, ttl: int) -> bool:
        applied, *_ = await self._session.compare_and_set(statements.RENEW_NODE, ttl, owner, node, owner)
        return bool(applied)
