"""What a child process of a fault run is told: lines on its standard input, and SIGTERM."""

import asyncio
import signal
import sys
from collections.abc import Callable


async def listen(obey: Callable[[list[str]], None]) -> None:
    """Calls `obey` with the words of each line, and with `stop` at SIGTERM, and when the input ends: whoever gave the
    commands is gone then. Returns at the input's end."""
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, obey, ["stop"])
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        if words := line.decode().split():
            obey(words)
    obey(["stop"])
