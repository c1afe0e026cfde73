"""`lacak rejected list | show | replay`: the dead letters."""

import re
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.edge import Failed, now_ms, run, settings
from streams.order import Reason

if TYPE_CHECKING:
    from cli.dead_letters import DeadLetter, Place, Plan
    from streams.settings import Settings

app = typer.Typer(help="The dead letters: what was rejected, and why; send it again.", no_args_is_help=True)

CLOCK_SKEW_MS = 10 * 60_000  # between brokers
SENT_AT_ONCE = 200
UNITS = {"m": 60_000, "h": 3_600_000, "d": 86_400_000}

ReasonOption = Annotated[Reason | None, typer.Option(help="Only those with this reason.")]
SinceOption = Annotated[
    str | None, typer.Option(help="Only those rejected since: 30m, 12h, 7d, or a time such as 2026-01-31T09:30:00Z.")
]


@app.command("list")
def list_(
    reason: ReasonOption = None,
    since: SinceOption = None,
    limit: Annotated[int, typer.Option(min=1, help="The newest so many.")] = 50,
) -> None:
    """Show the newest dead letters, oldest first."""
    using = settings()
    run(_list(using, reason, start(since, now_ms()), limit), using)


@app.command()
def show(
    place: Annotated[str, typer.Argument(help="PARTITION:OFFSET, as `list` shows it, or with the topic.")],
) -> None:
    """Show one dead letter with its headers and what it says."""
    using = settings()
    run(_show(using, parse_place(place)), using)


@app.command()
def replay(
    reason: ReasonOption = None,
    since: SinceOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be sent.")] = False,
    again: Annotated[bool, typer.Option("--again", help="Also those that a replay before did not help.")] = False,
) -> None:
    """Send dead letters again to where they came from: the same key, value and headers.

    Each is sent once: a second replay sends nothing. One that is rejected again is a new dead letter, which is
    left alone unless you say --again. One replay at a time: two at once may both send one.
    """
    using = settings()
    run(_replay(using, reason, start(since, now_ms()), dry_run, again), using)


def start(since: str | None, now: int) -> int | None:
    """`--since` in milliseconds since 1970."""
    from streams.messages import parse_time

    if since is None:
        return None
    if match := re.fullmatch(r"(\d{1,6})([mhd])", since):
        return now - int(match[1]) * UNITS[match[2]]
    try:
        return parse_time(since)
    except ValueError as error:
        raise Failed(f"--since {since}: neither 30m, 12h or 7d, nor a time such as 2026-01-31T09:30:00Z", 2) from error


def parse_place(text: str) -> "Place":
    """PARTITION:OFFSET, the topic before it or not."""
    from cli.dead_letters import Place

    match = re.fullmatch(r"(?:[^:]+:)?(\d{1,9}):(\d{1,18})", text)
    if match is None:
        raise Failed(f"{text}: not PARTITION:OFFSET", 2)
    return Place(int(match[1]), int(match[2]))


async def _letters(using: "Settings", reason: str | None, since: int | None) -> "Any":
    from cli.dead_letters import DeadLetter
    from cli.logs import records
    from streams import topics

    async for record in records(using, [using.topic(topics.REJECTED.name)], since):
        letter = DeadLetter.of(record)
        if reason is None or letter.reason == reason:
            yield letter


async def _list(using: "Settings", reason: str | None, since: int | None, limit: int) -> None:
    import heapq

    from cli.pages import letters_table

    newest: list[tuple[int, Place, DeadLetter]] = []
    count = 0
    async for letter in _letters(using, reason, since):
        count += 1
        heapq.heappush(newest, (letter.rejected_at, letter.place, letter))
        if len(newest) > limit:
            heapq.heappop(newest)
    letters_table([letter for _, _, letter in sorted(newest)], using)
    print(f"{count} dead letters" + (f", the newest {limit} shown" if count > limit else ""), file=sys.stderr)


async def _show(using: "Settings", place: "Place") -> None:
    from aiokafka import TopicPartition

    from cli.dead_letters import DeadLetter
    from cli.logs import partitions, reader, record_at
    from cli.pages import letter_page
    from streams import topics

    where = TopicPartition(using.topic(topics.REJECTED.name), place.partition)
    if where not in await partitions(using, where.topic):
        raise Failed(f"{where.topic} has no partition {place.partition}")
    async with reader(using) as consumer:
        first, end = await consumer.beginning_offsets([where]), await consumer.end_offsets([where])
        if not first[where] <= place.offset < end[where]:
            raise Failed(f"no dead letter at {place}: the partition holds {first[where]} to {end[where] - 1}")
        letter = DeadLetter.of(await record_at(using, consumer, where, place.offset))
    letter_page(letter, [record async for record in _sent_again(using, letter)], using)


async def _sent_again(using: "Settings", letter: "DeadLetter") -> "Any":
    """The records that its replays made, as far as they are kept."""
    from cli.logs import records
    from streams.dead_letters import TOPIC, replays
    from streams.topics import partition_of

    if letter.text(TOPIC) not in _targets(using):
        return
    only = None if letter.key is None else partition_of(letter.key, using.partitions)
    async for record in records(using, [letter.text(TOPIC)], letter.rejected_at - CLOCK_SKEW_MS, only):
        if letter.mark in replays(record.headers):
            yield record


def _targets(using: "Settings") -> set[str]:
    """The topics a replay may send to."""
    from streams import topics

    return {using.topic(topic.name) for topic in (topics.ORDERS, topics.UPDATES)}


async def _replay(using: "Settings", reason: str | None, since: int | None, dry_run: bool, again: bool) -> None:
    chosen, made = await _plan(using, reason, since, again)
    if dry_run:
        from cli.pages import letters_table

        letters_table([letter for letter in chosen if letter.place in made.todo], using)
    sent = 0 if dry_run else await _send(using, made.todo, since)
    print(f"{len(made.todo)} would be sent" if dry_run else f"{sent} sent again", end="")
    print(f", {made.done} were before", end="")
    print(f", {made.again} were rejected again after it (--again sends them)" if made.again else "", end="")
    print(f", {made.nowhere} cannot be sent" if made.nowhere else "")
    if sent < len(made.todo) and not dry_run:
        raise Failed(f"{len(made.todo) - sent} are gone from the topic meanwhile")


async def _plan(
    using: "Settings", reason: str | None, since: int | None, again: bool
) -> "tuple[list[DeadLetter], Plan]":
    """The dead letters that were asked for, without their values, and what to do with them."""
    from cli.dead_letters import plan

    everything = [letter.without_value() async for letter in _letters(using, None, since)]
    chosen = [letter for letter in everything if reason is None or letter.reason == reason]
    targets = _targets(using)
    already = {mark for letter in everything for mark in letter.replays}
    if chosen:
        already |= await _replayed(using, targets, min(letter.rejected_at for letter in chosen))
    return chosen, plan(chosen, already, targets, again)


async def _replayed(using: "Settings", targets: set[str], since: int) -> set[str]:
    """The marks of what the topics hold of earlier replays. A replay comes after the rejection, so `since` is enough.

    What they no longer hold was judged long ago: sent again it is a duplicate, or it lies among the dead letters.
    """
    from cli.logs import records
    from streams.dead_letters import replays

    marks: set[str] = set()
    async for record in records(using, sorted(targets), since - CLOCK_SKEW_MS):
        marks.update(replays(record.headers))
    return marks


async def _send(using: "Settings", todo: "set[Place]", since: int | None) -> int:
    """Sends them in order, some at a time; each is on all in-sync replicas when this returns."""
    import asyncio

    from streams.dead_letters import TOPIC
    from streams.kafka import producer

    if not todo:
        return 0
    sending, sent = producer(using, "lacak-replay"), 0
    await sending.start()
    try:
        pending = []
        async for letter in _letters(using, None, since):
            if letter.place in todo:
                topic, headers = letter.text(TOPIC), letter.resent()
                pending.append(await sending.send(topic, letter.value, letter.key, headers=headers))
                sent += 1
            if len(pending) >= SENT_AT_ONCE:
                await asyncio.gather(*pending)
                pending.clear()
        await asyncio.gather(*pending)
    finally:
        await sending.stop()
    return sent
