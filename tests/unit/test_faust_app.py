"""What the workers' Faust app does besides Faust."""

from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from faust.types import TP

from agents.faust_app import DirectoryTaken, _SoughtLast, own_directory, until_kafka

FIRST, SECOND = TP("changed", 0), TP("changed", 1)


class Faust:
    """Its seek, during which records of a recovered table's partition slip through and are dropped."""

    def __init__(self) -> None:
        self._next: dict[TP, int] = {}
        self.at = {FIRST: 0, SECOND: 0}

    async def perform_seek(self) -> None:
        self.at = {FIRST: 70, SECOND: 80}
        self.at[FIRST] = 99  # fetched up to here before the positions are known
        self._next = {FIRST: 70, SECOND: 80}

    async def seek(self, tp: TP, offset: int) -> None:
        self.at[tp] = offset


async def test_what_slipped_through_before_the_positions_were_known_is_read_again() -> None:
    consumer: Any = type("Consumer", (_SoughtLast, Faust), {})()
    await consumer.perform_seek()
    assert consumer.at == {FIRST: 70, SECOND: 80}


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
