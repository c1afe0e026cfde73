"""Records with header names that are not UTF-8, which brokers take and aiokafka cannot parse.

aiokafka's parser raises on such a name, at every fetch, for every record of that fetch: one courier's bad header would
stop a partition for good. Here the batch is parsed again by aiokafka's own parser in Python, with the bad bytes of the
name escaped (`\\xff`). Header names are optional for us; the record counts by its key and value.
"""

from collections.abc import Iterator
from typing import Any

from aiokafka.consumer import fetcher
from aiokafka.record.default_records import _DefaultRecordBatchPy
from aiokafka.record.memory_records import MemoryRecords

_LOG_OVERHEAD = 12  # base offset and length of a batch


class _Buffer(bytearray):
    """Bytes whose slices decode whatever they are; only header names are decoded."""

    def __getitem__(self, key: Any) -> Any:
        part = super().__getitem__(key)
        return _Buffer(part) if isinstance(key, slice) else part

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        return super().decode(encoding, "backslashreplace")


class _LenientBatch(_DefaultRecordBatchPy):
    def _maybe_uncompress(self) -> None:
        super()._maybe_uncompress()
        self._buffer: bytearray = _Buffer(self._buffer)


class _Batch:
    """A batch as aiokafka's fast parser gives it, and a second try for its records."""

    def __init__(self, batch: Any, raw: memoryview) -> None:
        self._batch, self._raw = batch, raw

    def __getattr__(self, name: str) -> Any:
        return getattr(self._batch, name)

    def __next__(self) -> Any:
        return next(self._batch)

    def __iter__(self) -> Iterator[Any]:
        try:
            return iter(list(self._batch))
        except UnicodeDecodeError:
            return iter(_LenientBatch(self._raw))


class LenientRecords:
    """Stands where aiokafka's MemoryRecords does."""

    def __init__(self, data: bytes) -> None:
        self._records, self._raw, self._at = MemoryRecords(data), memoryview(data), 0

    def size_in_bytes(self) -> int:
        size: int = self._records.size_in_bytes()
        return size

    def has_next(self) -> bool:
        has: bool = self._records.has_next()
        return has

    def next_batch(self) -> _Batch | None:
        batch = self._records.next_batch()
        start = self._at
        self._at = start + _LOG_OVERHEAD + int.from_bytes(self._raw[start + 8 : start + _LOG_OVERHEAD], "big")
        return None if batch is None else _Batch(batch, self._raw[start : self._at])


def install() -> None:
    """Makes aiokafka's consumers in this process read so."""
    fetcher.MemoryRecords = LenientRecords
