"""The ring holds the latest records within its bounds, and knows what it does not hold."""

from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from api.live.ring import OVERHEAD, Record, Ring
from streams.order import Position

PARTITIONS = 3
KEYS = [b"1", b"22", b"333"]


def record(offset: int, timestamp: int = 0, key: bytes = b"1", size: int = 100) -> Record:
    return Record(offset, timestamp, key, b"x" * size)


def ring(seconds: float = 1000, max_bytes: int = 10**9, start: int = 0) -> Ring:
    return Ring("I", dict.fromkeys(range(PARTITIONS), start), seconds, max_bytes)


def offsets(ring: Ring, partition: int, key: bytes, after: int) -> list[int]:
    missed, found = ring.since(Position("I", partition, after), key), []
    while (record := missed.take()) is not None:
        found.append(record.offset)
    assert missed.empty
    return found


def test_a_cursor_is_covered_from_just_before_the_floor_to_the_last_record_read() -> None:
    full = ring(start=10)
    for offset in range(10, 15):
        full.append(0, record(offset))
    covered = [offset for offset in range(20) if full.covers(Position("I", 0, offset), 0, b"1")]
    assert covered == [9, 10, 11, 12, 13, 14]
    assert full.position(0) == Position("I", 0, 14)


def test_a_cursor_of_another_incarnation_or_partition_is_not_covered() -> None:
    full = ring()
    full.append(0, record(0))
    assert full.covers(Position("I", 0, 0), 0, b"1")
    assert not full.covers(Position("J", 0, 0), 0, b"1")
    assert not full.covers(Position("I", 1, -1), 0, b"1")
    assert not full.covers(Position("I", 99, 0), 0, b"1")


def test_a_topic_that_is_empty_covers_the_beginning() -> None:
    assert ring().position(1) == Position("I", 1, -1)
    assert ring().covers(Position("I", 1, -1), 1, b"1")


def test_what_is_too_old_goes_and_its_cursors_are_no_longer_covered() -> None:
    full = ring(seconds=10)
    full.append(0, record(0, timestamp=1_000))
    full.append(0, record(1, timestamp=5_000))
    full.expire(11_001)
    assert (full.floor(0), full.changes) == (1, 1)
    assert not full.covers(Position("I", 0, -1), 0, b"1")
    assert full.covers(Position("I", 0, 0), 0, b"1"), "nothing after it is missing"
    full.expire(10**9)
    assert (full.floor(0), full.next(0), full.changes, full.bytes) == (2, 2, 0, 0)
    assert full.covers(Position("I", 0, 1), 0, b"1"), "who has seen all resumes, however long ago that was"


def test_over_its_bytes_the_oldest_goes_whichever_partition_it_is_in() -> None:
    full = ring(max_bytes=3 * (1 + 100 + OVERHEAD))
    full.append(0, record(0, timestamp=2))
    full.append(1, record(0, timestamp=1))
    full.append(2, record(0, timestamp=4))
    full.append(0, record(1, timestamp=3))
    assert [full.floor(partition) for partition in range(3)] == [0, 1, 0]
    full.append(1, record(1, timestamp=5))
    assert [full.floor(partition) for partition in range(3)] == [1, 1, 0]


def test_one_record_larger_than_the_ring_is_not_held_and_not_covered() -> None:
    full = ring(max_bytes=100)
    full.append(0, record(0))
    assert (full.bytes, full.changes, full.floor(0), full.next(0)) == (0, 0, 1, 1)


@dataclass
class Model:
    """What a ring is, without being fast."""

    records: dict[int, list[Record]] = field(default_factory=lambda: {p: [] for p in range(PARTITIONS)})

    def since(self, partition: int, key: bytes, after: int, floor: int) -> list[int]:
        return [
            each.offset for each in self.records[partition] if each.key == key and each.offset > max(after, floor - 1)
        ]


steps = st.tuples(st.integers(0, PARTITIONS - 1), st.sampled_from(KEYS), st.integers(0, 400), st.integers(0, 3_000))


@given(st.lists(steps, max_size=60), st.integers(0, 60), st.integers(500, 6_000))
def test_a_resume_gives_exactly_the_users_records_after_the_cursor(
    taken: list[tuple[int, bytes, int, int]], after: int, max_bytes: int
) -> None:
    full, model, now = ring(seconds=20, max_bytes=max_bytes), Model(), 0
    for partition, key, size, pause in taken:
        now += pause
        new = record(full.next(partition), now, key, size)
        model.records[partition].append(Record(new.offset, now, key, new.value))
        full.append(partition, new)
        full.expire(now)
        held = [each for p in range(PARTITIONS) for each in model.records[p] if each.offset >= full.floor(p)]
        assert full.bytes == sum(each.size for each in held) <= max_bytes
        assert full.changes == len(held)
        assert all(each.timestamp >= now - 20_000 for each in held)
    for partition in range(PARTITIONS):
        for key in KEYS:
            floor = full.floor(partition)
            assert offsets(full, partition, key, after) == model.since(partition, key, after, floor)
