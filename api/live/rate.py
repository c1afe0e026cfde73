"""How often one address may connect: who dials without end takes the CPU that all the others' handshakes need."""

import time
from collections.abc import Callable

from api.addresses import Addresses
from api.buckets import Buckets
from api.live.closes import TRY_LATER, Refused
from api.live.handshake import Handshake

AT_ONCE_SECONDS = 10  # an address that was quiet may use so many seconds' worth at once


class ConnectRate:
    """`per_second`: of one address (0: no bound). `proxies`: whose X-Forwarded-For is believed."""

    def __init__(self, per_second: float, proxies: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._buckets = Buckets(per_second, AT_ONCE_SECONDS, clock) if per_second else None
        self._addresses = Addresses(proxies)

    def check(self, handshake: Handshake) -> None:
        """Counts a handshake; raises Refused for one too many."""
        if self._buckets is None:
            return
        address = self._addresses.client(handshake.peer, handshake.all_of(b"x-forwarded-for"))
        if self._buckets.take(address).wait:
            raise Refused(TRY_LATER, "too many connections from this address at once")
