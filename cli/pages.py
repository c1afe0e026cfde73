"""Dead letters and waiting updates as tables on a terminal, as plain lines on a pipe."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cli.dead_letters import DeadLetter, glance
from streams.messages import rfc3339
from streams.settings import Settings


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Prints a table; on a pipe, a line a row with tabs between the cells, and nothing cut off."""
    console = Console()
    if not console.is_terminal:
        for row in rows:
            print("\t".join(" ".join(cell.split()) for cell in row))
        return
    shown = Table(box=None, header_style="dim", pad_edge=False)
    for column in columns:
        shown.add_column(column, overflow="ellipsis", no_wrap=column != "detail")
    for row in rows:
        shown.add_row(*map(escape, row))
    console.print(shown)


def letters_table(letters: Iterable[DeadLetter], settings: Settings) -> None:
    """The dead letters, a line each."""
    table(
        ("place", "rejected", "reason", "replays", "from", "key", "detail", "says"),
        (
            (
                str(letter.place),
                rfc3339(letter.rejected_at),
                letter.reason,
                str(len(letter.replays)),
                letter.source,
                glance(letter.key) if letter.key is not None else "–",
                letter.detail,
                _says(letter, settings),
            )
            for letter in letters
        ),
    )


def _says(letter: DeadLetter, settings: Settings) -> str:
    if not letter.value:  # none, or a plan's, which keeps no values
        return "" if letter.value is not None else "no value"
    message = letter.message(settings)
    if message is None:
        return glance(letter.value[:40])
    return " ".join(str(message[name]) for name in ("event_id", "status", "id_user") if name in message)


def letter_page(letter: DeadLetter, sent_again: Sequence[Any], settings: Settings) -> None:
    """All that is known about one dead letter. `sent_again`: the records (aiokafka's) that its replays made."""
    print(f"{letter.topic}:{letter.place}, rejected {rfc3339(letter.rejected_at)}")
    print(f"reason   {letter.reason}: {letter.detail}")
    print(f"from     {letter.source}")
    print(f"key      {glance(letter.key) if letter.key is not None else 'none'}")
    print(f"replays  {len(letter.replays) + len(sent_again)}")
    for mark in letter.replays:
        print(f"         of {mark}, rejected again")
    for record in sent_again:
        print(
            f"         of this one, to {record.topic}:{record.partition}:{record.offset} at {rfc3339(record.timestamp)}"
        )
    for name, value in letter.headers:
        if not name.startswith("lacak_"):
            print(f"header   {name}: {glance(value)}")
    message = letter.message(settings)
    if message is None:
        print(f"value    {glance(letter.value)}")
    else:
        print("value    " + json.dumps(message, indent=2, ensure_ascii=False).replace("\n", "\n         "))
