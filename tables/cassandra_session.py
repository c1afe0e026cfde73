"""The driver, bridged to asyncio.

It answers in a thread of its own. Answers go through one deque, and one wake-up of the event loop serves all that have
come meanwhile: half the CPU of a wake-up each.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import suppress
from typing import Any

from cassandra import RequestValidationException, Unauthorized
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ResultSet, Session
from cassandra.query import PreparedStatement, Statement

from streams.settings import Settings
from tables.cassandra_cluster import LEASE_PROFILE, UNAVAILABLE, build_cluster, store_error, translated
from tables.orders import StoreUnavailable
from tables.overdue import Overdue

Rows = list[tuple[Any, ...]]


class CassandraSession:
    """A connected session of the running event loop. Its methods raise StoreUnavailable when Cassandra is away."""

    def __init__(self, cluster: Cluster, session: Session, prepared: dict[str, PreparedStatement]) -> None:
        self._cluster, self._session, self._prepared = cluster, session, prepared
        self._loop = asyncio.get_running_loop()
        self._answers: deque[tuple[asyncio.Future[Any], Any, BaseException | None]] = deque()
        self._woken = False
        self._overdue = Overdue(
            self._loop, session.get_execution_profile(EXEC_PROFILE_DEFAULT).request_timeout, self._wake
        )

    @classmethod
    async def connect(cls, settings: Settings, statements: Iterable[str]) -> "CassandraSession":
        """Connects and prepares the statements, in which `{keyspace}` stands for the keyspace.

        Raises StoreUnavailable, also where the tables are not there (yet)."""
        texts = {text: text.format(keyspace=settings.cassandra_keyspace) for text in statements}
        with translated():
            cluster = await asyncio.to_thread(build_cluster, settings)  # it looks up the hosts' names
        try:
            return cls(cluster, *await asyncio.to_thread(_connect, cluster, texts))
        except BaseException:
            await asyncio.to_thread(cluster.shutdown)
            raise

    def prepared(self, statement: str) -> PreparedStatement:
        """The prepared statement of that text."""
        return self._prepared[statement]

    def send(self, statement: Statement, profile: Any = EXEC_PROFILE_DEFAULT) -> "asyncio.Future[Rows]":
        """Sends a bound statement or a batch at once; the future gives its rows."""
        return self._send(statement, profile, None, whole=False)

    def fetch(self, statement: str, *values: Any) -> "asyncio.Future[Rows]":
        """All rows of a prepared statement, unpaged: for what has a bound of its own."""
        bound = self._prepared[statement].bind(values)
        bound.fetch_size = None
        return self.send(bound)

    async def pages(self, statement: str, values: Sequence[Any], size: int) -> AsyncIterator[Rows]:
        """The rows of a prepared statement, `size` at a time, each page fetched when it is asked for."""
        bound = self._prepared[statement].bind(values)
        bound.fetch_size = size
        result: ResultSet = await self._send(bound, EXEC_PROFILE_DEFAULT, None, whole=True)
        yield result.current_rows
        while result.has_more_pages:
            result = await self._send(bound, EXEC_PROFILE_DEFAULT, result.paging_state, whole=True)
            yield result.current_rows

    async def compare_and_set(self, statement: str, *values: Any) -> tuple[Any, ...]:
        """The answer of a conditional statement: whether it was applied, and else the row that is there."""
        rows = await self.send(self._prepared[statement].bind(values), LEASE_PROFILE)
        return rows[0]

    async def close(self) -> None:
        """Closes the connections; what is still in flight fails."""
        self._overdue.close()
        await asyncio.to_thread(self._cluster.shutdown)

    def _send(self, statement: Statement, profile: Any, page: bytes | None, *, whole: bool) -> "asyncio.Future[Any]":
        future: asyncio.Future[Any] = self._loop.create_future()
        try:
            # No time-out of the driver's: see tables/overdue.py.
            response = self._session.execute_async(
                statement, execution_profile=profile, paging_state=page, timeout=None
            )
        except UNAVAILABLE as error:
            raise store_error(error) from error
        response.add_callbacks(
            self._answered, self._failed, callback_args=(future, response if whole else None), errback_args=(future,)
        )
        self._overdue.watch(future, response)
        return future

    def _answered(self, rows: Any, future: "asyncio.Future[Any]", response: Any) -> None:
        self._hand_over(future, rows if response is None else ResultSet(response, rows), None)

    def _failed(self, error: BaseException, future: "asyncio.Future[Any]") -> None:
        self._hand_over(future, None, store_error(error))

    def _hand_over(self, future: "asyncio.Future[Any]", result: Any, error: BaseException | None) -> None:
        """In the driver's thread. Deque first, then flag: `_wake` clears the flag before it empties the deque."""
        self._answers.append((future, result, error))
        if not self._woken:
            self._woken = True
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                self._loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        self._woken = False
        while self._answers:
            future, result, error = self._answers.popleft()
            # Two replicas may have been asked and have answered, or who waited was cancelled or given up.
            if future.done():
                continue
            if error is None:
                future.set_result(result)
            else:
                future.set_exception(error)


def _connect(cluster: Cluster, texts: dict[str, str]) -> tuple[Session, dict[str, PreparedStatement]]:
    with translated():
        session = cluster.connect()
        session.use_client_timestamp = False  # every statement that needs one brings its own
        try:
            return session, {name: _prepare(session, text) for name, text in texts.items()}
        except Unauthorized:
            raise
        except RequestValidationException as error:
            raise StoreUnavailable(f"the tables are not as they should be; run `lacak migrate`: {error}") from error


def _prepare(session: Session, text: str) -> PreparedStatement:
    statement = session.prepare(text)
    statement.is_idempotent = " IF " not in text
    return statement
