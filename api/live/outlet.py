"""A live connection's socket, written to at once.

A transport queues what it is given and writes it later in the loop, which pays where several writes become one. A live
change is one write for one connection: half of what it costs there is the queue.
"""

import asyncio
import os
from typing import Final

try:
    from api.live import _native
except ImportError:  # there was no compiler
    _native = None  # type: ignore[assignment]


def descriptor(transport: asyncio.Transport) -> int:
    """The number of its socket; -1 where all has to go through the transport: it encrypts, or is no socket's."""
    socket = transport.get_extra_info("socket")
    return -1 if socket is None or transport.get_extra_info("sslcontext") is not None else socket.fileno()


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


def _write(fd: int, data: bytes) -> int:
    try:
        return os.write(fd, data)
    except OSError:  # it is full; or broken, which the transport finds out
        return 0


_send: Final = _write if _native is None else _native.send
