"""A live connection's socket, written to at once.

A live change is one write for one connection. A transport does more for it than the kernel: it has a queue, and writes
as to a file.
"""

import asyncio
from typing import Final

from api.live import native
from api.live.reach import bound_socket

_send: Final = native.send


def opened(transport: asyncio.Transport) -> int:
    """Bounds its socket, and gives the number of it; -1 where all has to go through the transport: it encrypts, or is
    no socket's."""
    fd = bound_socket(transport)
    return -1 if transport.get_extra_info("sslcontext") is not None else fd


def write(transport: asyncio.Transport, fd: int, data: bytes) -> None:
    """Writes behind all that was written before; what the kernel does not take waits in the transport.

    `fd` is the transport's: a number that it has closed may be another client's by now, so it is asked each time.
    """
    if transport.get_write_buffer_size() or transport.is_closing():
        transport.write(data)
        return
    sent = _send(fd, data)
    if sent < len(data):
        transport.write(data[sent:])
