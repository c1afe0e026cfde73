"""Header names that are not UTF-8 stop no partition."""

import pytest
from aiokafka.record.default_records import DefaultRecordBatchBuilder

from agents.lenient import LenientRecords


def batch(name: bytes, compression: int = 0) -> bytes:
    """A batch of three records; the second one's header has this name of four bytes."""
    builder = DefaultRecordBatchBuilder(2, compression, 0, -1, -1, -1, 100_000)
    for offset in range(3):
        headers = [("abcd" if offset == 1 else "fine", b"v")]
        builder.append(offset, 1000, b"k", b"%d" % offset, headers)
    data = bytes(builder.build())
    assert compression or data.count(b"abcd") == 1
    return data.replace(b"abcd", name)


@pytest.mark.parametrize(("name", "read"), [(b"\xff\xfeab", "\\xff\\xfeab"), (b"abcd", "abcd")])
def test_records_are_read_whatever_their_headers_are_called(name: bytes, read: str) -> None:
    records = LenientRecords(batch(b"efgh") + batch(name) + batch(b"ijkl"))
    found = []
    while records.has_next():
        one = records.next_batch()
        assert one is not None and not one.is_control_batch
        found.append([(record.value, record.headers[0][0]) for record in one])
    assert [[value for value, _ in each] for each in found] == [[b"0", b"1", b"2"]] * 3
    assert [each[1][1] for each in found] == ["efgh", read, "ijkl"]


def test_an_incomplete_last_batch_is_left_for_the_next_fetch() -> None:
    records = LenientRecords(batch(b"efgh") + batch(b"efgh")[:-1])
    assert records.next_batch() is not None and not records.has_next() and records.next_batch() is None
