"""A broker that is there and hangs up is told from one that is away. The rest is in tests/e2e/test_secure.py."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiokafka.errors import KafkaConnectionError

from deploy.local.certificates import make_certificates
from processes import free_port
from streams import kafka
from streams.kafka_refusal import KafkaRefused
from streams.settings import Settings


async def bootstrap(port: int, **values: Any) -> None:
    settings = Settings(_env_file=None, kafka_bootstrap=f"127.0.0.1:{port}", **values)  # type: ignore[call-arg]
    client = kafka.client(settings, "test")
    try:
        await client.bootstrap()
    finally:
        await client.close()


@asynccontextmanager
async def hanging_up() -> AsyncIterator[int]:
    """A server that reads what comes first, and resets the connection; its port."""

    async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(4096)
        writer.transport.abort()

    async with await asyncio.start_server(reset, "127.0.0.1", 0, family=socket.AF_INET) as server:
        yield server.sockets[0].getsockname()[1]


async def test_one_that_hangs_up_on_a_client_without_tls_may_want_tls_or_a_user_name() -> None:
    async with hanging_up() as port:
        with pytest.raises(KafkaRefused, match=f"127.0.0.1:{port} refuses us: it hangs up; .*LACAK_KAFKA_SECURITY"):
            await bootstrap(port)


async def test_one_that_hangs_up_on_a_tls_greeting_may_not_speak_tls(tmp_path: Path) -> None:
    make_certificates(tmp_path, ["127.0.0.1"])
    async with hanging_up() as port:
        with pytest.raises(KafkaRefused, match="does not speak TLS"):
            await bootstrap(port, kafka_security="tls", kafka_ca=tmp_path / "ca.pem")


async def test_one_that_is_away_refuses_nobody() -> None:
    with pytest.raises(KafkaConnectionError) as away:
        await bootstrap(free_port())
    assert not isinstance(away.value, KafkaRefused)
