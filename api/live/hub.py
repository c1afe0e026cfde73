"""The hub: from the topic's records to the connections that want them. It knows no transport, and awaits nothing.

Whatever it does is one step of the event loop: between the replay of what a client missed and its registration for
what comes, no record can slip through.
"""

import itertools
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from api.live import cursor, frames
from api.live.changes import AnotherKey, Changes
from api.live.closes import EXPIRED, RESTART, TOO_MANY, Close, Refused
from api.live.connection import Connection
from api.live.frames import Change, Frame
from api.live.pushes import Pushes, Received
from api.live.ring import Record, Ring
from streams import log, metrics, trace
from streams.codec import Undecodable, UnknownSchema
from streams.order import Position
from streams.topics import partition_of

PROBE_SECONDS = 25  # how often a client is asked whether it is there: or once a heartbeat, where that is longer

_log = log.get(__name__)


class Joined(NamedTuple):
    """How a connection begins: `position` is what it has seen, or what its snapshot will be as of."""

    hello: Frame
    resumed: bool
    position: Position


class Hub:
    """Connections by user. `heartbeat` in seconds: `beat` is called `beats` times a second."""

    def __init__(
        self, changes: Changes, heartbeat: int, per_user: int, beats: int = 1, pushes: Pushes | None = None
    ) -> None:
        self._changes, self._heartbeat, self._per_user, self._pushes = changes, heartbeat, per_user, pushes
        self._users: dict[bytes, list[Connection]] = {}
        # A connection's heartbeats all come at one beat of the period: so there is no timer a connection. There are
        # several a second, or a change would wait behind hundreds of them.
        self._beats: list[set[Connection]] = [set() for _ in range(heartbeat * beats)]
        self._turns = itertools.cycle(range(heartbeat * beats))
        self._beaten = 0
        self.count = 0  # of those that are not closing
        self._now = 0  # of the last beat, seconds since 1970
        # Those whose token expires before their next heartbeat: so there is no timer for that either.
        self._expiring: set[Connection] = set()
        self.ring: Ring | None = None

    @property
    def connections(self) -> list[Connection]:
        """Those that are not closing."""
        return [connection for beat in self._beats for connection in beat]

    # -- records

    def begin(self, ring: Ring) -> None:
        """A new ring. What clients saw of the old one proves nothing here: all are cut, and will get a snapshot."""
        self.ring = ring
        self.end_all(RESTART)

    def feed(self, partition: int, records: Iterable[Record]) -> None:
        """The partition's next records: into the ring, and to those who watch. Nobody's are not decoded."""
        ring = self._ring()
        for record in records:
            ring.append(partition, record)
            watching = self._users.get(record.key)
            if watching and watching[0].partition == partition:
                self._send(watching, partition, record)
            elif watching:  # no cursor leads there: it was written by another partitioner than ours
                _log.error("change_in_another_partition", **_about(record, partition))
            record.trace = None

    def _send(self, watching: list[Connection], partition: int, record: Record) -> None:
        change = self._change(record, partition, watching)
        if change is None:
            return
        wanting = [connection for connection in watching if connection.wants(change.id_order)]
        received = record.trace
        if received is None:
            for connection in wanting:
                connection.push(change)
        elif wanting:
            self._send_traced(wanting, change, received, partition, record.offset)

    def _send_traced(
        self, wanting: list[Connection], change: Change, received: Received, partition: int, offset: int
    ) -> None:
        """The same, of a change whose trace goes on at the client."""
        span = trace.child(received.traceparent)
        traced = frames.traced(change, span)
        held = sum([not connection.idle for connection in wanting])
        for connection in wanting:
            connection.push(traced)
        if self._pushes is not None:
            self._pushes.pushed(received, span, partition, offset, len(wanting), held)

    def _change(
        self, record: Record, partition: int, watching: Iterable[Connection], live: bool = True
    ) -> Change | None:
        """The change, or None. One that cannot be read (a worker may be newer than this gateway) is not passed over in
        silence: who would have got it comes back, and gets a snapshot, in which it is."""
        try:
            return self._changes.frame(record, self._ring().incarnation, partition, live)
        except (Undecodable, UnknownSchema) as error:
            _log.error("undecodable_change", error=str(error), **_about(record, partition))
            self._ring().mark_unreadable(partition, record)
            for connection in tuple(watching):
                connection.end(RESTART)
        except AnotherKey:
            _log.error("change_under_another_key", **_about(record, partition))
        return None

    # -- connections

    def room(self, id_user: int) -> None:
        """Raises Refused when the user has as many connections as are allowed."""
        if len(self._users.get(str(id_user).encode(), ())) >= self._per_user:
            raise Refused(TOO_MANY, f"{self._per_user} connections are open")

    def partition_of(self, id_user: int) -> int:
        """Where the user's changes are."""
        return partition_of(str(id_user).encode(), self._ring().partitions)

    def is_ahead(self, id_user: int, position: Position) -> bool:
        """Whether this gateway has yet to read what another one had read: it will in a moment, if it is true."""
        ring, partition = self._ring(), self.partition_of(id_user)
        return ring.is_of(position, partition) and position.offset >= ring.next(partition)

    def resumes(self, id_user: int, position: Position) -> bool:
        """Whether a connection of that user that joins now, from there, resumes."""
        return self._ring().covers(position, self.partition_of(id_user), str(id_user).encode())

    def join(self, connection: Connection, position: Position | None) -> Joined:
        """Registers a connection and queues what it missed since `position`, without a gap.

        Where that cannot be, `resumed` is false: the caller sends a snapshot as of `position`, then calls `caught_up`.
        The caller has asked whether there is `room`, in the same step.
        """
        ring = self._ring()
        connection.partition = partition = self.partition_of(connection.id_user)
        resumed = position is not None and ring.covers(position, partition, connection.key)
        if position is None or not resumed:
            position = ring.position(partition)
        else:
            connection.replay(ring.since(position, connection.key), self._replayed(connection))
            self.caught_up(connection)
        self._add(connection)
        return Joined(frames.hello(cursor.encode(position), self._heartbeat, resumed), resumed, position)

    def caught_up(self, connection: Connection) -> None:
        """The connection has its snapshot, or needs none: from now on heartbeats tell it how far it has seen."""
        connection.caught_up = True

    def leave(self, connection: Connection) -> None:
        """Forgets a connection that closes or has gone."""
        watching = self._users.get(connection.key, [])
        if connection in watching:
            watching.remove(connection)
            self._beats[connection.beat].discard(connection)
            self._expiring.discard(connection)
            self.count -= 1
            metrics.CONNECTIONS.labels(connection.transport).value -= 1
        if not watching:
            self._users.pop(connection.key, None)

    def beat(self, now: int) -> None:
        """Ends whose token has expired, lets old records go, and sends the heartbeats of this beat. `now` in ms."""
        self._now = now // 1000
        for connection in [one for one in self._expiring if one.expires_at <= self._now]:
            connection.end(EXPIRED)
        if self.ring is None:
            return
        self.ring.expire(now)
        metrics.RING_CHANGES.set(self.ring.changes)
        metrics.RING_BYTES.set(self.ring.bytes)
        period, beat = divmod(self._beaten, len(self._beats))
        probing = period % max(1, PROBE_SECONDS // self._heartbeat) == 0
        self._beaten += 1
        made: dict[int, Frame] = {}
        for connection in tuple(self._beats[beat]):
            self._look_at_expiry(connection)
            if probing:
                connection.probe()
            # Where changes wait, they bring their cursors themselves.
            if connection.caught_up and connection.idle:
                frame = made.get(connection.partition) or frames.heartbeat(self.ring.position(connection.partition))
                made[connection.partition] = frame
                connection.push(frame)

    def end_all(self, close: Close) -> None:
        """Ends every connection at once."""
        for connection in self.connections:
            connection.end(close)

    def _replayed(self, connection: Connection) -> Callable[[Record], Frame | None]:
        def made(record: Record) -> Frame | None:
            change = self._change(record, connection.partition, [connection], live=False)
            return change if change is not None and connection.wants(change.id_order) else None

        return made

    def _add(self, connection: Connection) -> None:
        self._users.setdefault(connection.key, []).append(connection)
        connection.beat = next(self._turns)
        self._beats[connection.beat].add(connection)
        self.count += 1
        self._look_at_expiry(connection)
        metrics.CONNECTIONS.labels(connection.transport).value += 1

    def _look_at_expiry(self, connection: Connection) -> None:
        if connection.expires_at <= self._now + self._heartbeat + 1:
            self._expiring.add(connection)

    def _ring(self) -> Ring:
        assert self.ring is not None, "nothing is served before the ring is there"
        return self.ring


def _about(record: Record, partition: int) -> dict[str, Any]:
    """Which record, for a log line."""
    traced = trace.logged(record.trace.traceparent) if record.trace is not None else {}
    return {"partition": partition, "offset": record.offset, **traced}
