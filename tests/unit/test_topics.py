"""Keys and partitions."""

import pytest

from streams import topics


@pytest.mark.parametrize(
    ("key", "murmur2"), [(b"21", -973932308), (b"foobar", -790332482), (b"a-little-bit-long-string", -985981536)]
)
def test_the_partition_is_that_of_kafkas_own_hash(key: bytes, murmur2: int) -> None:
    """Vectors of Apache Kafka's UtilsTest.testMurmur2."""
    assert topics.partition_of(key, 48) == (murmur2 & 0x7FFFFFFF) % 48


@pytest.mark.parametrize(
    "key", [None, b"", b"07", b"+7", b"-7", b" 7", b"7 ", b"7.0", b"\xff", "٧".encode(), b"1" * 20]
)
def test_a_key_that_is_no_plain_decimal_is_none(key: bytes | None) -> None:
    assert topics.plain_decimal(key) is None


def test_a_plain_decimal_key_is_its_number() -> None:
    assert (topics.plain_decimal(b"0"), topics.plain_decimal(b"9223372036854775807")) == (0, 2**63 - 1)
