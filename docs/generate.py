"""Writes the pages that are made from code: `python docs/generate.py` (tests fail when a page is older than its code)."""

from itertools import pairwise
from pathlib import Path

from streams.order import STATUSES, TERMINAL, TRANSITIONS, WAY
from streams.settings import Settings

DOCS = Path(__file__).parent


def diagram() -> str:
    """The way of an order, and what leaves it, as a Mermaid state diagram. Forward jumps are left out."""
    lines = ["stateDiagram-v2", "    [*] --> placed"]
    lines += [f"    {a} --> {b}" for a, b in pairwise(WAY) if b in TRANSITIONS[a]]
    beside = [status for status in STATUSES if status not in WAY]
    lines += [f"    {a} --> {b}" for a in WAY for b in beside if b in TRANSITIONS[a]]
    lines += [f"    {a} --> {b}" for a in beside for b in STATUSES if b in TRANSITIONS[a]]
    return "\n".join([*lines, *(f"    {status} --> [*]" for status in STATUSES if status in TERMINAL)])


def transitions() -> str:
    """Every transition."""
    rows = [
        f"| `{status}` | {' '.join(f'`{to}`' for to in STATUSES if to in TRANSITIONS[status]) or '(terminal)'} |"
        for status in STATUSES
    ]
    return "\n".join(["| from | to |", "|---|---|", *rows])


def lifecycle() -> str:
    """The order's life."""
    way = " → ".join(f"`{status}`" for status in WAY)
    return f"""# The order's life

Made from the table in `streams/order.py` by `docs/generate.py`; change the table, then run it.

The way is {way}. Forward jumps on it are legal, since couriers miss scans; the diagram leaves them out, the table has them.

```mermaid
{diagram()}
```

{transitions()}

What becomes of each update (applied, late, duplicate, rejected) is told in [architecture.md](architecture.md#2-judging).
"""


def settings() -> str:
    """Every setting."""
    usual = Settings.model_construct()  # the defaults alone: no environment, no .env
    rows = [
        f"| `LACAK_{name.upper()}` | {f'`{value}`' if (value := getattr(usual, name)) != '' else ''} "
        f"| {field.description or ''} |"
        for name, field in Settings.model_fields.items()
    ]
    table = "\n".join(["| variable | default | |", "|---|---|---|", *rows])
    return f"""# Settings

Made from `streams/settings.py` by `docs/generate.py`. Each is a variable of the environment or a line of a `.env` file in the working directory.
Times are in seconds unless the name says otherwise. `LACAK_KAFKA_BOOTSTRAP` and `LACAK_CASSANDRA_HOSTS` also tell the local stack to use those servers and
to start none of its own; the [local stack](../deploy/local/README.md) has a few settings more. An empty value counts as absent.

{table}
"""


PAGES = {"lifecycle.md": lifecycle, "settings.md": settings}

if __name__ == "__main__":
    for name, page in PAGES.items():
        (DOCS / name).write_text(page())
