"""`lacak waiting list | expire`: updates that came before their order."""

import sys
from collections import Counter
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Annotated

import typer

from cli.edge import Failed, now_ms, run, settings
from cli.store import opened

if TYPE_CHECKING:
    from aiokafka import AIOKafkaProducer

    from cli.expiry import Verdict
    from streams.settings import Settings
    from tables.orders import Orders, Waiting

app = typer.Typer(help="Updates that wait for their order.", no_args_is_help=True)


@app.command("list")
def list_(limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 50) -> None:
    """Show the updates that wait for their order."""
    using = settings()
    run(_list(using, limit, now_ms()), using)


@app.command()
def expire() -> None:
    """Reject what has waited for 7 days in vain, as unknown_order. To be run daily.

    It waits for no worker: where the worker lags so far that the order may still be unread, the update stays.
    Stopped half-way, the next run goes on; then one update may lie among the dead letters twice.
    """
    using = settings()
    run(_expire(using, now_ms()), using)


async def _list(using: "Settings", limit: int, now: int) -> None:
    from cli.expiry import Verdict, deadline
    from cli.pages import table
    from streams.messages import rfc3339

    rows: list[tuple[str, ...]] = []
    counts = Counter[Verdict]()
    async with opened(using) as store:
        async for waiting, judged in _verdicts(using, store, now):
            counts[judged] += 1
            if judged is not Verdict.JUDGED and len(rows) < limit:
                times = rfc3339(waiting.recorded_at), rfc3339(deadline(waiting))
                rows.append((str(waiting.id_order), _says(waiting), *times, judged.value))
    table(("id_order", "says", "since", "until", ""), rows)
    count = counts.total() - counts[Verdict.JUDGED]
    print(f"{count} updates wait" + (f", {limit} shown" if count > limit else ""), file=sys.stderr)


async def _expire(using: "Settings", now: int) -> None:
    from cli.expiry import Verdict
    from streams.kafka import producer

    counts = Counter[Verdict]()
    sending = producer(using, "lacak-waiting")
    async with opened(using) as store:
        await sending.start()
        try:
            async for waiting, judged in _verdicts(using, store, now):
                counts[judged] += 1
                if judged is Verdict.EXPIRED:
                    await _reject(using, sending, waiting)
                    await store.mark_rejected(waiting, now)
        finally:
            await sending.stop()
    print(f"{counts[Verdict.EXPIRED]} rejected as unknown_order, {counts[Verdict.WAITS]} still wait")
    if counts[Verdict.LAGS]:
        raise Failed(
            f"{counts[Verdict.LAGS]} are left: the worker has not read the orders of their time yet; try again later"
        )


async def _verdicts(using: "Settings", store: "Orders", now: int) -> "AsyncIterator[tuple[Waiting, Verdict]]":
    """What becomes of each waiting update that is not rejected yet.

    How far the worker has read is asked before any order is looked up: what it had read by then is in the store.
    """
    from cli.expiry import verdict
    from cli.progress import read_until
    from streams.topics import partition_of

    until = await read_until(using, now)
    seen, recorded_at = None, None
    async for waiting in store.all_waiting():
        if waiting.rejected:
            continue
        if waiting.id_order != seen:
            seen, order = waiting.id_order, await store.order(waiting.id_order)
            recorded_at = order.order.recorded_at if order else None
        partition = partition_of(str(waiting.id_order).encode(), len(until))
        yield waiting, verdict(waiting, recorded_at, until[partition], now)


async def _reject(using: "Settings", sending: "AIOKafkaProducer", waiting: "Waiting") -> None:
    from cli.expiry import deadline
    from streams import topics
    from streams.dead_letters import rejected_headers
    from streams.messages import rfc3339
    from streams.order import Reason

    headers = rejected_headers(
        waiting.headers,
        Reason.UNKNOWN_ORDER,
        f"no order by {rfc3339(deadline(waiting))}",
        using.topic(topics.UPDATES.name),
        waiting.position.partition,
        waiting.position.offset,
    )
    # It waits because its key was its id_order in plain decimal: so this is the original key.
    key = str(waiting.id_order).encode()
    await sending.send_and_wait(using.topic(topics.REJECTED.name), waiting.value, key, headers=headers)


def _says(waiting: "Waiting") -> str:
    from streams.codec import Codec, Undecodable, UnknownSchema

    try:
        message = Codec("CourierStatusUpdate").decode(waiting.value)
    except (Undecodable, UnknownSchema):
        return "?"
    return f"{message['event_id']} {message['status']} {message['courier']}"
