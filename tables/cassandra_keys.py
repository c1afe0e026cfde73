"""Idempotency keys on Cassandra: by compare-and-set, so that no two tries hold one."""

from tables import statements
from tables.cassandra_session import CassandraSession
from tables.idempotency import KEPT_SECONDS, Answer, Hold, InProgress, after


class Keys:
    """Its methods raise StoreUnavailable: then it may have been done all the same."""

    def __init__(self, session: CassandraSession) -> None:
        self._session = session

    async def hold(self, mine: Hold, stale_ms: int) -> Hold | Answer:
        applied, *_ = await self._session.compare_and_set(statements.HOLD_KEY, *_values(mine), KEPT_SECONDS)
        if applied:
            return mine
        rows = await self._session.fetch(statements.READ_KEY, mine.key)
        if not rows or rows[0][0] is None:  # it expires just now
            raise InProgress
        request, owner, began_at, held_at, id_order, status, headers, body = rows[0]
        found = Hold(mine.key, request, owner, began_at, held_at, id_order or None)
        next_ = after(mine, found, None if status is None else Answer(status, dict(headers or {}), body), stale_ms)
        if isinstance(next_, Hold):
            _, *held = _values(next_)
            applied, *_ = await self._session.compare_and_set(statements.TAKE_KEY, KEPT_SECONDS, *held, mine.key, owner)
            if not applied:
                raise InProgress
        return next_

    async def answered(self, mine: Hold, answer: Answer) -> None:
        _, *held = _values(mine)
        values = (*held, answer.status, answer.headers, answer.body)
        await self._session.compare_and_set(statements.ANSWER_KEY, KEPT_SECONDS, *values, mine.key, mine.owner)

    async def release(self, mine: Hold) -> None:
        _, *held = _values(mine._replace(held_at=0))
        await self._session.compare_and_set(statements.TAKE_KEY, KEPT_SECONDS, *held, mine.key, mine.owner)


def _values(hold: Hold) -> tuple[object, ...]:
    return (*hold[:-1], hold.id_order or 0)
