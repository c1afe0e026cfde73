"""`lacak watch`: a user's orders, live in the terminal; one line a change on a pipe."""

import json
import sys
from contextlib import aclosing
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from cli.edge import Failed, run, settings
from cli.token import sign
from cli.via import TOKEN_SECONDS, api_url

if TYPE_CHECKING:
    from cli.live_client import Event, LiveClient


class TransportOption(StrEnum):
    """Which transport to use."""

    auto = "auto"
    websocket = "websocket"
    sse = "sse"


def watch(
    user: Annotated[int | None, typer.Option(min=0, help="The customer's id_user.")] = None,
    order: Annotated[list[int] | None, typer.Option(min=1, help="Only this id_order. Repeatable.")] = None,
    transport: Annotated[
        TransportOption, typer.Option(help="auto: a WebSocket, or SSE where that is blocked.")
    ] = TransportOption.auto,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a change.")] = False,
    changes: Annotated[int | None, typer.Option(min=1, help="End after so many changes.")] = None,
    url: Annotated[str | None, typer.Option(help="The gateway; default from the settings.")] = None,
    token: Annotated[str | None, typer.Option(help="A token of your own, instead of one signed here.")] = None,
) -> None:
    """Show a user's orders as they change.

    Connects again by itself, and misses nothing. On a pipe, or with --json, it prints one line a change.
    """
    using = settings()
    client = _client(url or api_url(using), user, token, order or [], transport)
    run(_watch(client, user, as_json, changes), using)


def _client(
    url: str, user: int | None, token: str | None, orders: list[int], transport: TransportOption
) -> "LiveClient":
    from cli.live_client import LiveClient

    if (user is None) == (token is None):
        raise Failed("say whose orders: either --user 42, or --token with a token of your own", 2)
    chosen: Literal["websocket", "sse"] | None = (
        None if transport is TransportOption.auto else ("sse" if transport is TransportOption.sse else "websocket")
    )
    using = settings()

    def signed() -> str:
        return token or sign(using, ["orders:read"], TOKEN_SECONDS, str(user))

    return LiveClient(url, signed, orders, chosen)


async def _watch(client: "LiveClient", user: int | None, as_json: bool, changes: int | None) -> None:
    from cli.live_client import Change, Stopped
    from cli.screen import screen

    lines, left = Lines(as_json), changes
    try:
        with screen(user, enabled=sys.stdout.isatty() and not as_json) as shown:
            async with aclosing(client.events()) as events:
                async for event in events:
                    (shown or lines).take(event)
                    if left is not None and isinstance(event, Change):
                        left -= 1
                        if not left:
                            return
    except Stopped as error:
        raise Failed(str(error)) from error


class Lines:
    """One line a change on stdout, flushed; what happens to the connection on stderr.

    The orders of the first snapshot come first: as lines too, but with --json, where a line is a change, as their
    number on stderr. After a gap that could not be resumed, an order that is newer in the snapshot is a line too.
    """

    def __init__(self, as_json: bool) -> None:
        self._json = as_json
        self._versions: dict[str, int] | None = None  # none before the first snapshot

    def take(self, event: "Event") -> None:
        """Prints what an event has to say."""
        from cli.live_client import Change, Connected, Snapshot, Waiting

        if isinstance(event, Change):
            self._changed(event.order)
        elif isinstance(event, Snapshot):
            self._snapshot(event)
        elif isinstance(event, Connected):
            how = "resumed" if event.resumed else "from now on"
            print(f"connected by {event.transport}, {how}", file=sys.stderr, flush=True)
        elif isinstance(event, Waiting):
            print(f"{event.why}; again in {event.seconds:.1f} s", file=sys.stderr, flush=True)

    def _snapshot(self, event: "Event") -> None:
        from cli.live_client import Snapshot

        assert isinstance(event, Snapshot)
        known = self._versions
        if known is None:
            self._first(event.orders)
        else:
            for order in event.orders:
                if order["version"] > known.get(order["id_order"], 0):
                    self._changed(order)
        self._versions = {order["id_order"]: order["version"] for order in event.orders}

    def _first(self, orders: list[dict[str, object]]) -> None:
        if not self._json:
            for order in orders:
                print(line(order), flush=True)
        open_or_ended = f"{len(orders)} orders that are open or ended in the last 24 h"
        print(f"{open_or_ended}; waiting for changes", file=sys.stderr, flush=True)

    def _changed(self, order: dict[str, object]) -> None:
        if self._versions is not None:
            self._versions[str(order["id_order"])] = int(str(order["version"]))
        print(json.dumps(order, ensure_ascii=False) if self._json else line(order), flush=True)


def line(order: dict[str, object]) -> str:
    """A change, or an order of a snapshot as it is now, in one line."""
    if "status_at" in order:  # of a snapshot
        time, step, last = order["status_at"], f"now {order['status']}", order.get("produk_nama")
    else:
        time, step = order.get("occurred_at"), f"{order.get('previous_status') or '–'} → {order['status']}"
        step += " (corrected)" if order.get("corrects") else ""
        last = order.get("note")
    parts = [time, order["id_order"], f"v{order['version']}", step, order.get("courier"), last]
    return "  ".join(str(part) for part in parts if part)
