"""What `_native.pyx` does for a socket and for memory; in Python's own words, where there was no compiler."""

import os
import socket
from contextlib import suppress


def send(fd: int, data: bytes) -> int:
    """Writes to a socket; gives how many bytes the kernel takes at once, none where it is full or broken."""
    try:
        return os.write(fd, data)
    except OSError:
        return 0


def untrack(one: object) -> None:
    """The collector of cyclic garbage goes on through this object: that costs time only."""


def bound(fd: int, send_buffer: int, unanswered_ms: int) -> None:
    """SO_SNDBUF and TCP_USER_TIMEOUT of a socket over TCP."""
    tcp = socket.socket(fileno=fd)
    try:
        tcp.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_buffer)
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            tcp.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, unanswered_ms)
    finally:
        tcp.detach()


with suppress(ImportError):
    from api.live import _native

    send, untrack, bound = _native.send, _native.untrack, _native.bound
