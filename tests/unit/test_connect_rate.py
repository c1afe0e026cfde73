"""How often one address may connect, and which address that is."""

import pytest

from api.addresses import Addresses
from api.live.closes import TRY_LATER, Refused
from api.live.handshake import Handshake
from api.live.rate import AT_ONCE_SECONDS, ConnectRate

PER_SECOND = 4
BURST = PER_SECOND * AT_ONCE_SECONDS
HOME, PROXY = "203.0.113.7", "10.0.0.1"


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def handshake(peer: str, forwarded: str | None = None) -> Handshake:
    return Handshake([(b"x-forwarded-for", forwarded.encode())] if forwarded is not None else [], b"", peer)


def taken(rate: ConnectRate, one: Handshake, tries: int) -> int:
    """How many of so many are taken."""
    count = 0
    for _ in range(tries):
        try:
            rate.check(one)
        except Refused as refused:
            assert refused.close is TRY_LATER
        else:
            count += 1
    return count


def test_a_quiet_address_may_come_in_a_burst_and_then_so_many_a_second() -> None:
    clock = Clock()
    rate = ConnectRate(PER_SECOND, "", clock)
    assert taken(rate, handshake(HOME), 3 * BURST) == BURST
    assert taken(rate, handshake("203.0.113.8"), 1) == 1, "another address pays nothing for it"
    for _ in range(3):
        clock.now += 1
        assert taken(rate, handshake(HOME), BURST) == PER_SECOND
    clock.now += 10 * AT_ONCE_SECONDS
    assert taken(rate, handshake(HOME), 3 * BURST) == BURST


def test_addresses_that_have_been_quiet_are_forgotten() -> None:
    clock = Clock()
    rate = ConnectRate(PER_SECOND, "", clock)
    for n in range(200):
        rate.check(handshake(f"192.0.2.{n}"))
    clock.now += 2 * AT_ONCE_SECONDS
    rate.check(handshake(HOME))
    assert rate._buckets is not None and len(rate._buckets) == 1


def test_without_a_rate_everybody_is_taken() -> None:
    assert taken(ConnectRate(0, ""), handshake(HOME), 10_000) == 10_000


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        (HOME, None, HOME),
        (HOME, "198.51.100.1", HOME),  # nobody that we trust says so
        (PROXY, HOME, HOME),
        (PROXY, f"198.51.100.1, {HOME}", HOME),  # the first one is the client's own word
        (PROXY, f"{HOME}, 10.0.0.2", HOME),
        (PROXY, "no address", PROXY),
        (PROXY, "", PROXY),
        (PROXY, None, PROXY),
        (PROXY, "10.0.0.3", PROXY),
        ("2001:db8:1:2:3:4:5:6", None, "2001:db8:1:2::"),
        (f"::ffff:{HOME}", None, HOME),  # IPv4 on a socket of IPv6
        (f"::ffff:{PROXY}", f"::ffff:{HOME}", HOME),
        ("", None, ""),  # a socket that is no network's
    ],
)
def test_the_address_is_the_last_that_no_proxy_of_ours_speaks_for(
    peer: str, forwarded: str | None, address: str
) -> None:
    assert Addresses("10.0.0.0/8, fd00::/8").client(peer, forwarded or "") == address


def test_a_second_line_of_the_header_is_heard_where_a_proxy_adds_one() -> None:
    rate = ConnectRate(PER_SECOND, "10.0.0.0/8", Clock())
    for n in range(BURST):
        lines = [(b"x-forwarded-for", b"198.51.100.%d" % n), (b"x-forwarded-for", HOME.encode())]
        rate.check(Handshake(lines, b"", PROXY))
    assert taken(rate, handshake(PROXY, HOME), 1) == 0, "the first lines are the client's own words"


def test_a_proxy_that_is_no_network_is_told_at_the_start() -> None:
    with pytest.raises(ValueError, match=r"10\.0\.0\.300"):
        ConnectRate(1, "10.0.0.300")
