"""`lacak serve track`, of which one event loop hangs for good when its name comes in at stdin."""

import asyncio
import sys
import threading
import time

from agents import liveness

loops: dict[str, asyncio.AbstractEventLoop] = {}


class Impatient(liveness.Pulses):
    """Remembers the loops, and calls one dead after 8 s."""

    def __init__(self) -> None:
        super().__init__(dead_seconds=8)

    def watch(self, name: str) -> None:
        loops[name] = asyncio.get_running_loop()
        super().watch(name)


def hang() -> None:
    """Reads the names."""
    for line in sys.stdin:
        loops[line.strip()].call_soon_threadsafe(time.sleep, 3600)


if __name__ == "__main__":
    liveness.PULSES = Impatient()
    from cli.main import main  # now, so that all have that one

    threading.Thread(target=hang, daemon=True).start()
    sys.argv[1:] = ["serve", "track"]
    main()
