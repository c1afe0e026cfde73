"""What the workers' Faust app does besides Faust."""

import subprocess
import sys
from contextlib import AsyncExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from agents.batches import BatchConsumer
from agents.faust_app import DirectoryTaken, make_app, own_directory, until_kafka
from streams.settings import Settings


async def test_what_slipped_through_before_the_positions_were_known_is_read_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Recovery of a table lets records flow before Faust's seek; what comes before the positions are dropped."""
    quiet, busy = TP("changed", 0), TP("changed", 1)
    at: dict[TP, int] = {}
    assigned: list[dict[TP, int]] = []

    class Handler:
        async def assigned(self, positions: dict[TP, int]) -> None:
            assigned.append(positions)
            at[quiet] = 99  # fetched up to here, and dropped

    class Consumer(BatchConsumer):
        topics, handler = ("changed",), Handler()
        log = None

        def __init__(self) -> None:
            self._read_offset = {quiet: 70, busy: None}
            self._next, self._epoch = {}, 0
            self._thread = SimpleNamespace(seek_all=seek_all)

        def assignment(self) -> set[TP]:
            return {quiet, busy}

        async def earliest_offsets(self, *partitions: TP) -> dict[TP, int]:
            return {quiet: 5, busy: 7}

        async def highwaters(self, *partitions: TP) -> dict[TP, int]:
            return {quiet: 99, busy: 99}

    async def seek_all(offsets: dict[TP, int]) -> None:
        at.update(offsets)

    async def fausts_seek(_: Any) -> None:
        at.update({quiet: 70, busy: 0})

    monkeypatch.setattr(driver.Consumer, "perform_seek", fausts_seek)
    consumer: Any = Consumer()
    await consumer.perform_seek()
    assert at == consumer._next == assigned[0] == {quiet: 70, busy: 7}


async def test_a_directory_belongs_to_one_worker_until_that_one_is_gone(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b"
    async with AsyncExitStack() as one, AsyncExitStack() as two:
        assert own_directory(path, one) == path and path.is_dir()
        with pytest.raises(DirectoryTaken, match="LACAK_DATA_DIR"):
            own_directory(path, two)
        await one.aclose()
        own_directory(path, two)


async def test_it_tries_until_kafka_is_there_and_a_bug_is_not_taken_for_an_outage() -> None:
    answers = iter([ConnectionError(), False, True, RuntimeError("a bug")])

    async def action() -> bool:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    await until_kafka(action, "topics")
    with pytest.raises(RuntimeError):
        await until_kafka(action, "topics")


def test_an_outage_however_long_does_not_make_a_worker_leave_its_group(tmp_path: Path) -> None:
    """aiokafka leaves without a poll for this long and waits for one to come back; Faust does not poll meanwhile."""
    app = make_app(Settings(_env_file=None), "group", [], cast(Any, None), tmp_path)
    assert app.conf.broker_max_poll_interval > 365 * 24 * 3600


def test_a_stop_that_something_holds_up_ends_all_the_same() -> None:
    """A task that swallows its cancellation, as Faust's services do, and a thread that nobody ends."""
    code = """
import asyncio, threading
from agents.faust_app import exit_after
threading.Thread(target=threading.Event().wait).start()
async def stubborn():
    while True:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            continue
exit_after(0.2)
asyncio.run(asyncio.wait_for(stubborn(), 0.1))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and "stop_timed_out" in done.stdout + done.stderr
