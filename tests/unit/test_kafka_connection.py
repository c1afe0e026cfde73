"""A connection that was just reset, on uvloop: aiokafka must hear of it in its own words."""

import asyncio
import socket
import struct

import pytest
import uvloop
from aiokafka.conn import AIOKafkaConnection
from aiokafka.errors import KafkaConnectionError
from aiokafka.protocol.metadata import MetadataRequest

from streams import kafka

RESET = struct.pack("ii", 1, 0)  # SO_LINGER: closing sends RST


async def send_after_a_reset() -> None:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(1)
        host, port = listening.getsockname()
        connection = AIOKafkaConnection(host, port)
        connection._reader, connection._writer = await asyncio.open_connection(host, port)
        connection._read_task = asyncio.create_task(asyncio.sleep(0))
        connection._closed_fut = asyncio.get_running_loop().create_future()
        connection._versions = {3: (0, 1)}
        peer, _ = listening.accept()
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        peer.close()
        await asyncio.sleep(0.05)
        assert connection.connected(), "it has not noticed"
        try:
            await connection.send(MetadataRequest([]))
        finally:
            connection.close()


def test_a_write_to_a_connection_that_was_just_reset_is_a_kafka_error() -> None:
    with pytest.raises(KafkaConnectionError):
        uvloop.run(send_after_a_reset())


def test_without_it_aiokafka_would_hear_something_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(AIOKafkaConnection, "send", kafka._aiokafkas_send)
    with pytest.raises(RuntimeError, match="handler is closed"):
        uvloop.run(send_after_a_reset())
