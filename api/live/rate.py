"""How often one address may connect: who dials without end takes the CPU that all the others' handshakes need.

The generic cell rate algorithm: an address is a moment, up to which it has used what it is allowed.
"""

import time
from collections.abc import Callable
from ipaddress import IPv6Address, ip_address, ip_network

from api.live.closes import TRY_LATER, Refused
from api.live.handshake import Handshake

AT_ONCE_SECONDS = 10  # an address that was quiet may use so many seconds' worth at once


class ConnectRate:
    """`per_second`: of one address, of IPv6 one /64 (0: no bound). `proxies`: comma-separated networks, whose
    X-Forwarded-For is believed. Raises ValueError for what is no network."""

    def __init__(self, per_second: float, proxies: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._cost = 1 / per_second if per_second else 0.0
        self._proxies = [ip_network(each.strip()) for each in proxies.split(",") if each.strip()]
        self._clock = clock
        self._used: dict[str, float] = {}
        self._swept = clock()

    def check(self, handshake: Handshake) -> None:
        """Counts a handshake; raises Refused for one too many."""
        if not self._cost:
            return
        now, address = self._clock(), self._address(handshake)
        used = max(now, self._used.get(address, now))
        if used > now + AT_ONCE_SECONDS - self._cost:
            raise Refused(TRY_LATER, "too many connections from this address at once")
        self._used[address] = used + self._cost
        if now > self._swept + AT_ONCE_SECONDS:
            self._swept = now
            self._used = {each: until for each, until in self._used.items() if until > now}

    def _address(self, handshake: Handshake) -> str:
        """Of the client: the last one that no proxy of ours speaks for."""
        forwarded = handshake.header(b"x-forwarded-for") or ""
        said = [handshake.peer, *(each.strip() for each in reversed(forwarded.split(",")))]
        for each in said:
            try:
                address = ip_address(each)
            except ValueError:
                return handshake.peer
            if not any(address in network for network in self._proxies):
                return str(IPv6Address(int(address) >> 64 << 64)) if address.version == 6 else each
        return handshake.peer
