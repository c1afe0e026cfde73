#!/usr/bin/env python
"""Two gateways behind HAProxy are restarted, one after the other, under a crowd: nobody misses anything, and nobody
comes back with all the others.

    python tests/soak/rolling.py [--clients 5000] [--drain 30] [--rate 200] [--plot FILE.svg]

At last all are cut at once, to see how many are let in a second when they all come. Exits with 1 when a client saw a
gap or a step back, or missed the last change.
"""

import argparse
import asyncio
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from soak import ARRIVALS, SETTLE, Size, at_rest, on_servers, place, report, tokens, updates  # noqa: I001, E402

import uvloop  # noqa: E402

from crowd import Crowd  # noqa: E402
from deploy.local.debian import where  # noqa: E402
from lacak import ready  # noqa: E402
from plot import bars  # noqa: E402
from processes import Process, free_port, running, until  # noqa: E402
from streams.settings import Settings  # noqa: E402

QUIET = 5.0
"""Seconds between one thing and the next."""
BACK = 20.0
"""Seconds after which all that were cut at once are back."""


class Moment(NamedTuple):
    """When something was done, by the loop's clock."""

    at: float
    what: str


@dataclass(frozen=True)
class Story:
    """A run: what was done when, and what the crowd saw."""

    crowd: Crowd
    moments: Sequence[Moment]

    def let_in(self) -> list[int]:
        """Connections in each second from the first moment on."""
        began = self.moments[0].at
        seconds = Counter(int(at - began) for at in self.crowd.opened if at >= began)
        return [seconds[n] for n in range(max(seconds) + 1)]

    def split(self) -> tuple[list[int], list[int]]:
        """The same of the restarts, and of what came after all were cut."""
        began, cut = self.moments[0].at, self.moments[-1].at
        seconds = self.let_in()
        return seconds[: int(cut - began)], seconds[int(cut - began) :]


@contextmanager
def haproxy(port: int, gateways: Sequence[int]) -> Iterator[None]:
    """HAProxy before two gateways."""
    environment = {"PORT": str(port), "GATEWAY_1": str(gateways[0]), "GATEWAY_2": str(gateways[1])}
    child = subprocess.Popen(
        [where("haproxy") or "haproxy", "-db", "-f", HERE / "haproxy.cfg"], env={**os.environ, **environment}
    )
    try:
        until(lambda: ready(f"http://127.0.0.1:{port}"), 10, "HAProxy is there")
        yield
    finally:
        child.kill()
        child.wait()


async def rolling(settings: Settings, size: Size, drain: float, quiet: float = QUIET, back: float = BACK) -> Story:
    """The whole story, on these servers."""
    ports, front = [free_port(), free_port()], free_port()
    ours = {"http_host": "127.0.0.1", "drain_seconds": drain}
    gateways = [
        Process("gateway", settings.model_copy(update={**ours, "http_port": port}), f"gateway-{port}") for port in ports
    ]
    loop, moments = asyncio.get_running_loop(), []
    with ExitStack() as held:
        held.enter_context(running(Process("track", settings), *gateways))
        await asyncio.to_thread(place, settings, size)
        await asyncio.to_thread(until, lambda: all(ready(f"http://127.0.0.1:{port}") for port in ports))
        held.enter_context(haproxy(front, ports))
        crowd = Crowd([front], tokens(settings, size))
        try:
            await crowd.arrive(ARRIVALS)
            with updates(settings, size):
                for port, gateway in zip(ports, gateways, strict=True):
                    await asyncio.sleep(quiet)
                    moments.append(Moment(loop.time(), "SIGTERM"))
                    await asyncio.to_thread(gateway.stop, drain + 10)
                    moments.append(Moment(loop.time(), "gone"))
                    gateway.start()
                    await asyncio.to_thread(until, lambda port=port: ready(f"http://127.0.0.1:{port}"))
                await asyncio.sleep(quiet)
                moments.append(Moment(loop.time(), "all cut"))
                crowd.cut_all()
                await asyncio.sleep(back)
            await crowd.until_shown(await asyncio.to_thread(at_rest, settings), SETTLE)
        finally:
            await crowd.leave()
    return Story(crowd, moments)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("clients", 5000), ("drain", 30), ("rate", 200)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--plot", type=Path)
    options = parser.parse_args()
    with on_servers() as settings:
        story = uvloop.run(rolling(settings, Size(clients=options.clients, rate=options.rate), options.drain))
    restarts, storm = story.split()
    print(f"{max(restarts):10,}  let in, in the busiest second of the restarts")
    print(f"{max(storm):10,}  let in, in the busiest second after all were cut")
    if options.plot:
        marks = [(moment.at - story.moments[0].at, moment.what) for moment in story.moments]
        title = f"{options.clients:,} clients, a drain of {options.drain} s: connections let in, a second"
        options.plot.write_text(bars(title, story.let_in(), marks))
    return 1 if report(story.crowd) else 0


if __name__ == "__main__":
    sys.exit(main())
