"""What is written past the transport's queue comes in its place, whole, and to nobody else."""

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import uvloop

from api.live import outlet

LARGE = bytes(range(256)) * 4096 * 2  # more than a socket takes


@pytest.fixture(params=[uvloop.new_event_loop, asyncio.new_event_loop])
def run(request: pytest.FixtureRequest) -> Callable[[Any], None]:
    """Both kinds of transports."""

    def run_in(test: Any) -> None:
        with asyncio.Runner(loop_factory=request.param) as runner:
            runner.run(test())

    return run_in


@contextlib.asynccontextmanager
async def connected() -> AsyncIterator[tuple[asyncio.Transport, int, socket.socket]]:
    """A transport, its number, and the socket at the other end."""
    ours, theirs = socket.socketpair()
    with theirs:
        theirs.setblocking(False)
        transport, _ = await asyncio.get_running_loop().create_connection(asyncio.Protocol, sock=ours)
        yield transport, outlet.opened(transport), theirs
        transport.abort()
        await asyncio.sleep(0)


async def all_of(theirs: socket.socket, size: int) -> bytes:
    heard = b""
    while len(heard) < size:
        heard += await asyncio.wait_for(asyncio.get_running_loop().sock_recv(theirs, 1 << 20), 10)
    return heard


def test_what_comes_alone_is_there_at_once(run: Callable[[Any], None]) -> None:
    async def test() -> None:
        async with connected() as (transport, fd, theirs):
            outlet.write(transport, fd, b"one")
            assert theirs.recv(100) == b"one", "before the loop goes on"

    run(test)


def test_it_waits_behind_what_is_queued(run: Callable[[Any], None]) -> None:
    async def test() -> None:
        async with connected() as (transport, fd, theirs):
            transport.write(LARGE)
            outlet.write(transport, fd, b"two")
            outlet.write(transport, fd, b"three")
            assert await all_of(theirs, len(LARGE) + 8) == LARGE + b"twothree"
            outlet.write(transport, fd, b"four")
            assert theirs.recv(100) == b"four"

    run(test)


def test_what_the_kernel_does_not_take_waits_in_the_transport(run: Callable[[Any], None]) -> None:
    async def test() -> None:
        async with connected() as (transport, fd, theirs):
            outlet.write(transport, fd, LARGE)
            assert 0 < transport.get_write_buffer_size() < len(LARGE)
            assert await all_of(theirs, len(LARGE)) == LARGE

    run(test)


def test_a_number_that_is_somebody_elses_by_now_is_not_written_to(run: Callable[[Any], None]) -> None:
    async def test() -> None:
        async with connected() as (transport, fd, _):
            transport.abort()
            outlet.write(transport, fd, b"mine")
            await asyncio.sleep(0.01)
            ours, theirs = socket.socketpair()
            with ours, theirs:
                if ours.fileno() != fd:
                    os.dup2(ours.fileno(), fd)
                theirs.setblocking(False)
                with contextlib.suppress(RuntimeError):
                    outlet.write(transport, fd, b"mine")
                with pytest.raises(BlockingIOError):
                    theirs.recv(100)
                if ours.fileno() != fd:
                    os.close(fd)

    run(test)


def test_a_peer_that_is_gone_ends_the_transport(run: Callable[[Any], None]) -> None:
    async def test() -> None:
        async with connected() as (transport, fd, theirs):
            theirs.close()
            outlet.write(transport, fd, b"anybody?")
            for _ in range(100):
                if transport.is_closing():
                    return
                await asyncio.sleep(0.01)
            raise AssertionError("it believes in its peer")

    run(test)


def test_what_is_no_socket_or_encrypts_has_no_number() -> None:
    class Transport:
        def __init__(self, **info: Any) -> None:
            self.info = info

        def get_extra_info(self, name: str) -> Any:
            return self.info.get(name)

    ours, theirs = socket.socketpair()
    with ours, theirs:
        for transport in (Transport(), Transport(socket=ours, sslcontext=object())):
            assert outlet.opened(transport) == -1  # type: ignore[arg-type]
        assert outlet.opened(Transport(socket=ours)) == ours.fileno()  # type: ignore[arg-type]
