# cython: language_level=3, boundscheck=False, wraparound=False
"""The messages of `load.c`, as the records that a consumer of Kafka would give. Compiled, as the others' feeds are: what
is measured is not the benchmark."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport int64_t, uint32_t
from libc.string cimport memcpy

from api.live.ring import Record


def split(bytes data, Py_ssize_t at, int most, int64_t now, known, next_offset):
    """Up to `most` whole messages from `at` on: (records by partition, where it goes on). `known` gives a user's key
    and partition, `next_offset` the partition's."""
    cdef const char *start = PyBytes_AS_STRING(data)
    cdef Py_ssize_t end = PyBytes_GET_SIZE(data)
    cdef uint32_t user, size
    cdef dict polled = {}, offsets = {}
    cdef list records
    cdef int64_t first
    for _ in range(most):
        if end - at < 8:
            break
        memcpy(&user, start + at, 4)
        memcpy(&size, start + at + 4, 4)
        if end - at - 8 < size:
            break
        key, partition = known(user)
        records = polled.get(partition)
        if records is None:
            records = polled[partition] = []
            offsets[partition] = next_offset(partition)
        first = offsets[partition]
        records.append(Record(first + len(records), now, key, PyBytes_FromStringAndSize(start + at + 8, size)))
        at += 8 + size
    return polled, at
