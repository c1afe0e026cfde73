"""Whether a worker's threads still work: `/healthz`, beside its `/metrics`.

Both are answered by a thread of their own, which would also answer for a worker that hangs. So each event loop of the
worker has a pulse, and one that has had none for so long is dead: whoever watches may start the worker anew.
"""

import asyncio
import json
import time
from collections.abc import Iterable
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

BEAT_SECONDS = 1.0
DEAD_SECONDS = 60.0
"""Longer than anything that a loop does in one go, on a machine that has no time for it."""


class Pulses:
    """When each event loop last had its turn."""

    def __init__(self, dead_seconds: float = DEAD_SECONDS) -> None:
        self._dead_seconds = dead_seconds
        self._beats: dict[str, float] = {}

    def watch(self, name: str) -> None:
        """Watches the running event loop from now on, as `name`; it may end only with the process."""
        self._beats[name] = time.monotonic()
        asyncio.get_running_loop().call_later(BEAT_SECONDS, self.watch, name)

    def silent(self) -> dict[str, float]:
        """The loops without a pulse, and for how many seconds. From any thread."""
        now = time.monotonic()
        ages = {name: now - beat for name, beat in self._beats.copy().items()}
        return {name: age for name, age in ages.items() if age > self._dead_seconds}

    def page(self, others: WSGIApplication) -> WSGIApplication:
        """Answers `/healthz`: 200, or 503 and what hangs. `others` answers all other paths."""

        def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            if environ["PATH_INFO"] != "/healthz":
                return others(environ, start_response)
            silent = {name: round(seconds) for name, seconds in self.silent().items()}
            body = {"status": "hangs", "silent_seconds": silent} if silent else {"status": "alive"}
            start_response(
                "503 Service Unavailable" if silent else "200 OK",
                [("Content-Type", "application/json"), ("Cache-Control", "no-store")],
            )
            return [json.dumps(body).encode()]

        return answer


PULSES = Pulses()
"""This process's."""
