"""The screen of `lacak watch`: a table of the orders, and what happened last."""

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from cli.live_client import Change, Connected, Event, Snapshot, Waiting
from streams.messages import parse_time
from streams.order import TERMINAL, WAY

COLOURS = {
    "delivered": "green",
    "attempt_failed": "yellow",
    "exception": "yellow",
    "ready_for_pickup": "cyan",
    "returning": "magenta",
    "returned": "magenta",
    "cancelled": "red",
    "lost": "red",
}
# How far along an order is, out of the length of the bar.
STEPS = {**{status: n for n, status in enumerate(WAY, 1)}, "attempt_failed": 5, "delivered": 7, "exception": 4}
LENGTH = 7
LOG = 12
ROWS = 15


class Screen:
    """What is shown. Takes events; rich asks it how it looks."""

    def __init__(self, user: int | None) -> None:
        self._user = user
        self._connection = Text("connecting …", "yellow")
        self._orders: dict[str, dict[str, Any]] = {}
        self._log: deque[Text] = deque(maxlen=LOG)

    def take(self, event: Event) -> None:
        """Brings the screen up to date."""
        if isinstance(event, Change):
            self._orders[event.order["id_order"]] = event.order
            self._log.append(_entry(event.order))
        elif isinstance(event, Snapshot):
            self._orders = {order["id_order"]: order for order in event.orders}
        elif isinstance(event, Connected):
            name = "WebSocket" if event.transport == "websocket" else "SSE"
            self._connection = Text(f"● live by {name}" + (", resumed" if event.resumed else ""), "green")
        elif isinstance(event, Waiting):
            self._connection = Text(f"○ {event.why}; again in {event.seconds:.1f} s", "yellow")

    def __rich__(self) -> RenderableType:
        title = "[bold]Lacak[/]" + (f" · user {self._user}" if self._user is not None else "")
        log = Text("\n").join(reversed(self._log)) if self._log else Text("nothing has changed yet", "dim")
        return Group(Panel(self._table(), title=title, subtitle=self._connection, border_style="blue"), log)

    def _table(self) -> RenderableType:
        if not self._orders:
            return Text("no open orders", "dim")
        table = Table(box=None, expand=True, header_style="dim", pad_edge=False)
        for name in ("order", "product", "status", "", "courier", "expected"):
            table.add_column(name, no_wrap=True, overflow="ellipsis")
        newest = sorted(self._orders.values(), key=_changed_at, reverse=True)
        # Open ones first: those that ended are shown as long as there is room.
        shown = sorted(newest, key=lambda order: order["status"] in TERMINAL)
        for order in shown[:ROWS]:
            table.add_row(*_cells(order))
        if len(shown) > ROWS:
            table.add_row(f"… {len(shown) - ROWS} more")
        return table


def _changed_at(order: dict[str, Any]) -> str:
    """When it last changed: a snapshot's orders and a change's have different times."""
    times = (order.get(name) for name in ("recorded_at", "status_at", "occurred_at", "placed_at"))
    return str(next((time for time in times if time), ""))


def _cells(order: dict[str, Any]) -> tuple[RenderableType, ...]:
    status, colour = order["status"], COLOURS.get(order["status"], "blue")
    steps = STEPS.get(status, LENGTH)
    bar = Text("━" * steps, colour) + Text("━" * (LENGTH - steps), "bright_black")
    product = order.get("produk_nama") or f"produk {order.get('id_produk')}"
    expected = order.get("eta") or order.get("promised_at")
    return (
        str(order["id_order"]),
        escape(str(product)),
        Text(status.replace("_", " "), colour),
        bar,
        escape(str(order.get("courier") or "")),
        "" if status in TERMINAL or not expected else _local(expected, "%a %d %b %H:%M"),
    )


def _entry(order: dict[str, Any]) -> Text:
    status = order["status"]
    entry = Text(f"{_local(order['occurred_at'], '%H:%M:%S')}  {order['id_order']}  ", "dim", no_wrap=True)
    entry.append(status.replace("_", " "), COLOURS.get(status, "blue"))
    entry.append(" (corrected)" if order.get("corrects") else "", "yellow")
    entry.append(f"  {order.get('note') or ''}", "default")
    if order.get("latitude") is not None:
        entry.append(f"  {order['latitude']:.3f}, {order['longitude']:.3f}", "dim")
    return entry


def _local(time: str, form: str) -> str:
    """A time of the API on this machine's clock."""
    return datetime.fromtimestamp(parse_time(time) / 1000, UTC).astimezone().strftime(form)


@contextmanager
def screen(user: int | None, enabled: bool) -> Iterator[Screen | None]:
    """The screen while the block runs, or None where there is no terminal."""
    if not enabled:
        yield None
        return
    shown = Screen(user)
    with Live(shown, console=Console(), refresh_per_second=8):
        yield shown
