"""The ring: the latest records of `order-status-changed`, raw, so that a client can resume without asking anybody.

Bounded by time and by bytes. Each partition knows the first offset from which on it holds everything (`floor`) and the
one to be read next (`next`); the records of one user are linked, so that a resume reads no other's.
"""

import heapq
from collections import deque
from typing import Final

from api.live import native
from api.live.pushes import Received
from streams.order import Position

OVERHEAD = 250  # bytes that a record costs in memory besides its key and value
_untrack: Final = native.untrack


class Record:
    """One raw record. `trace`: until it is fed to the hub. `later` is the same user's next one: they are chains, never
    cycles, so the collector of cyclic garbage need not go through hundreds of thousands of them."""

    __slots__ = ("key", "later", "offset", "timestamp", "trace", "value")

    def __init__(self, offset: int, timestamp: int, key: bytes, value: bytes, trace: Received | None = None) -> None:
        self.offset, self.timestamp, self.key, self.value = offset, timestamp, key, value
        self.trace = trace
        self.later: Record | None = None
        _untrack(self)

    @property
    def size(self) -> int:
        return len(self.key) + len(self.value) + OVERHEAD


class Missed:
    """A user's records from `first` on, up to the offset `end`. What the ring lets go meanwhile stays linked."""

    __slots__ = ("_end", "_next")

    def __init__(self, first: Record | None, end: int) -> None:
        self._next, self._end = first, end

    @property
    def empty(self) -> bool:
        """Whether there are no more."""
        return self._next is None

    def take(self) -> Record | None:
        """The next one, or None."""
        record = self._next
        if record is not None:
            later = record.later
            self._next = later if later is not None and later.offset < self._end else None
        return record


NOTHING = Missed(None, 0)


class _Log:
    """One partition."""

    def __init__(self, start: int) -> None:
        self.floor = self.next = start
        self.records: deque[Record] = deque()
        self.first: dict[bytes, Record] = {}
        self.last: dict[bytes, Record] = {}
        self.unreadable: dict[bytes, int] = {}  # by user, the offset of its latest record that is

    def append(self, record: Record) -> None:
        self.records.append(record)
        before = self.last.get(record.key)
        if before is None:
            self.first[record.key] = record
        else:
            before.later = record
        self.last[record.key] = record

    def evict(self) -> Record:
        """Forgets the oldest record, which is its user's oldest too."""
        record = self.records.popleft()
        if record.later is None:
            del self.first[record.key], self.last[record.key]
        else:
            self.first[record.key] = record.later
        if self.unreadable.get(record.key) == record.offset:
            del self.unreadable[record.key]
        self.floor = record.offset + 1
        return record


class Ring:
    """The records of one incarnation of the topic. `starts`: by partition, the offset it is read from."""

    def __init__(self, incarnation: str, starts: dict[int, int], seconds: float, max_bytes: int) -> None:
        self.incarnation = incarnation
        self._logs = {partition: _Log(start) for partition, start in starts.items()}
        self._milliseconds, self._max_bytes = int(seconds * 1000), max_bytes
        self._oldest: list[tuple[int, int]] = []  # heap of (timestamp of the oldest record, partition)
        self.bytes = self.changes = 0

    @property
    def partitions(self) -> int:
        return len(self._logs)

    def next(self, partition: int) -> int:
        """The offset to be read next."""
        return self._logs[partition].next

    def floor(self, partition: int) -> int:
        """Everything from this offset up to `next` is held."""
        return self._logs[partition].floor

    def position(self, partition: int) -> Position:
        """The last record read: a client that was sent all changes so far resumes after it."""
        return Position(self.incarnation, partition, self.next(partition) - 1)

    def append(self, partition: int, record: Record) -> None:
        """Takes the partition's next record, and lets the oldest go where the bound in bytes asks for it."""
        log = self._logs[partition]
        if not log.records:
            heapq.heappush(self._oldest, (record.timestamp, partition))
        log.append(record)
        log.next = record.offset + 1
        self.changes += 1
        self.bytes += record.size
        while self.bytes > self._max_bytes:
            self._evict()

    def expire(self, now: int) -> None:
        """Lets go what is older than the bound in time; `now` in ms."""
        while self._oldest and self._oldest[0][0] < now - self._milliseconds:
            self._evict()

    def _evict(self) -> None:
        _, partition = heapq.heappop(self._oldest)
        log = self._logs[partition]
        self.bytes -= log.evict().size
        self.changes -= 1
        if log.records:
            heapq.heappush(self._oldest, (log.records[0].timestamp, partition))

    def mark_unreadable(self, partition: int, record: Record) -> None:
        """Nobody can be sent this record: from a position before it, its user does not resume any more."""
        log = self._logs[partition]
        if record.offset >= log.floor:
            log.unreadable[record.key] = max(record.offset, log.unreadable.get(record.key, -1))

    def is_of(self, position: Position, partition: int) -> bool:
        """Whether the position is of this incarnation and that partition."""
        return position.incarnation == self.incarnation and position.partition == partition

    def covers(self, position: Position, partition: int, key: bytes) -> bool:
        """Whether all of that user's that came after `position` in that partition can be sent: a resume has no gap."""
        if not self.is_of(position, partition):
            return False
        log = self._logs[partition]
        return log.floor <= position.offset + 1 <= log.next and position.offset >= log.unreadable.get(key, -1)

    def since(self, position: Position, key: bytes) -> Missed:
        """A user's records after a position that `covers` said yes to, up to now."""
        log = self._logs[position.partition]
        record = log.first.get(key)
        while record is not None and record.offset <= position.offset:
            record = record.later
        return Missed(record, log.next)
