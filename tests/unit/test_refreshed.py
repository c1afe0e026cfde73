"""What is read again and again from others: kept while they are away, and asked for at once, but not without end."""

import asyncio

import pytest

from api import refreshed
from api.refreshed import Away, Refreshed


class Gone(Exception):
    pass


class Source:
    """Counts how often it is read. `here`: whether it answers."""

    def __init__(self, here: bool = True) -> None:
        self.reads, self.here = 0, here

    async def read(self) -> int:
        self.reads += 1
        await asyncio.sleep(0)
        if not self.here:
            raise Gone("gone")
        return self.reads


def of(source: Source, seconds: float = 60) -> Refreshed[int]:
    return Refreshed("test", source.read, (Gone,), seconds)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refreshed, "RETRY_SECONDS", 0.01)


async def until_there(one: Refreshed[int]) -> None:
    async with asyncio.timeout(5):
        while not one.there:
            await asyncio.sleep(0.001)


async def test_nothing_is_said_before_it_is_read() -> None:
    source = Source(here=False)
    one = of(source)
    await one.start()
    await asyncio.sleep(0.05)
    assert source.reads > 1 and not one.failed
    with pytest.raises(Away):
        one.value()
    source.here = True
    await until_there(one)
    assert one.value() == source.reads
    await one.stop()


async def test_it_is_read_again_and_kept_while_it_is_away() -> None:
    source = Source()
    one = of(source, 0.01)
    await one.start()
    async with asyncio.timeout(5):
        while source.reads < 3:
            await asyncio.sleep(0.001)
    source.here = False
    before, reads = one.value(), source.reads
    async with asyncio.timeout(5):
        while source.reads < reads + 3:
            await asyncio.sleep(0.001)
    assert before <= one.value() <= reads
    await one.stop()


async def test_who_asks_has_what_is_new_but_all_together_ask_once(monkeypatch: pytest.MonkeyPatch) -> None:
    source = Source()
    one = of(source)
    await one.start()
    await until_there(one)
    await asyncio.gather(*(one.again() for _ in range(20)))
    assert source.reads == 1, "it was read a moment ago"
    monkeypatch.setattr(refreshed, "AT_MOST_EVERY", 0)
    await asyncio.gather(*(one.again() for _ in range(20)))
    assert source.reads == one.value() == 2
    await one.stop()


async def test_an_error_of_ours_shows() -> None:
    async def broken() -> int:
        raise ZeroDivisionError

    one = Refreshed("test", broken, (Gone,), 60)
    await one.start()
    await asyncio.sleep(0.01)
    assert one.failed
    await one.stop()
