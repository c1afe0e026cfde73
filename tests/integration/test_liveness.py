"""A worker that hangs says so to whoever may start it anew, and one that only waits does not."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

import topics_reader
from command import lacak
from fresh import environment
from logs import order_message
from processes import ROOT, free_port, until
from streams.codec import Codec
from streams.settings import Settings


@contextmanager
def hanging(settings: Settings) -> Iterator["subprocess.Popen[str]"]:
    with (settings.local_dir / "hanging.log").open("ab") as out:
        child = subprocess.Popen(
            [sys.executable, ROOT / "tests" / "hanging.py"],
            env=environment(settings) | {"PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=out,
            stderr=out,
            text=True,
        )
    try:
        yield child
    finally:
        child.kill()
        child.communicate()


@pytest.mark.parametrize("loop", ["worker", "consumer"])
def test_a_worker_of_which_one_loop_hangs_says_which(settings: Settings, loop: str) -> None:
    settings = settings.model_copy(update={"track_metrics_port": free_port()})
    url = f"http://127.0.0.1:{settings.track_metrics_port}"
    with hanging(settings) as child:
        topics_reader.write(settings, "orders", [(b"1", Codec("OrderPlaced").encode(order_message(1)))])
        until(lambda: topics_reader.read(settings, "order-status-changed"), what="it works")
        lacak(settings, "healthy", "track")
        assert httpx.get(f"{url}/healthz").json() == {"status": "alive"}

        assert child.stdin
        print(loop, file=child.stdin, flush=True)
        until(lambda: httpx.get(f"{url}/healthz").status_code == 503, what="it says that it hangs")
        assert list(httpx.get(f"{url}/healthz").json()["silent_seconds"]) == [loop]
        assert f'"{loop}"' in lacak(settings, "healthy", "track", code=1).stderr
        assert "lacak_cached_orders 1.0" in httpx.get(f"{url}/metrics").text
