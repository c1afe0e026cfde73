"""`lacak simulate`: couriers on plausible paths, over REST or Kafka."""

import asyncio
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from cli.edge import now_ms, run, settings
from cli.via import Via, sink_for

if TYPE_CHECKING:
    from cli.couriers import Move
    from cli.publish import Sink

USERS = 50
SIGNALS = (signal.SIGINT, signal.SIGTERM)
GRACE = 5.0  # seconds for what is on its way when it is told to stop


def simulate(
    orders: Annotated[int, typer.Option(min=1, help="Orders to place; with --forever: open at a time.")] = 200,
    rate: Annotated[float, typer.Option(min=0.01, help="Updates per second; an order placed counts as one.")] = 50,
    via: Annotated[Via, typer.Option(help="The API, or straight into the topics.")] = Via.rest,
    users: Annotated[int, typer.Option(min=1, help="The orders are those of users 1 to this.")] = USERS,
    seed: Annotated[int | None, typer.Option(help="The same seed plans the same deliveries.")] = None,
    forever: Annotated[bool, typer.Option("--forever", help="Go on until stopped.")] = False,
    url: Annotated[str | None, typer.Option(help="The API; default from the settings.")] = None,
) -> None:
    """Drive couriers along plausible paths between Indonesian cities.

    Attempts fail, scans go missing, come twice or come late. Ends with how much was sent and accepted.
    """
    from cli.couriers import traffic
    from cli.show import report

    using = settings()
    start = now_ms()
    # Ids far below those that the API assigns, and new with every run.
    moves = traffic(start if seed is None else seed, orders, users, start * 1000, forever)
    sink = sink_for(using, via, "simulate", url, patience=None if forever else 60.0)
    run(_drive(moves, sink, rate, None if forever else orders), using)
    report(sink.tally)


async def _drive(moves: "Iterator[Move]", sink: "Sink", rate: float, total: int | None) -> None:
    from cli.reports import Reports
    from cli.show import progress

    reports, clock = Reports(), asyncio.get_running_loop()
    async with _stopped_by_signal() as stop, sink:
        with progress("Orders under way", total, sink.tally) as done:
            due = clock.time()
            for move in moves:
                if await _stops_before(due, stop):
                    break
                await sink.send(reports.item(move, now_ms()))
                done(int(move.last))
                # After a stall it catches up for a second, not for all of it.
                due = max(due + 1 / rate, clock.time() - 1)


async def _stops_before(due: float, stop: asyncio.Event) -> bool:
    """Waits until `due`, a time of the loop; whether to stop."""
    seconds = due - asyncio.get_running_loop().time()
    if seconds > 0:
        try:
            await asyncio.wait_for(stop.wait(), seconds)
        except TimeoutError:
            return False
    return stop.is_set()


@asynccontextmanager
async def _stopped_by_signal() -> AsyncIterator[asyncio.Event]:
    """An event that Ctrl-C or SIGTERM sets. What is on its way then has GRACE seconds; a second signal ends at once."""
    stop, loop, task = asyncio.Event(), asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None

    def stopped() -> None:
        if stop.is_set():
            task.cancel()
        stop.set()
        timer.append(loop.call_later(GRACE, task.cancel))

    timer: list[asyncio.TimerHandle] = []
    for number in SIGNALS:
        loop.add_signal_handler(number, stopped)
    try:
        yield stop
    finally:
        for handle in timer:
            handle.cancel()
        for number in SIGNALS:
            loop.remove_signal_handler(number)
