"""Writes docs/lifecycle.md from the transition table: `python docs/generate.py` (tests fail when the page is older)."""

from pathlib import Path

from streams.order import STATUSES, TERMINAL, TRANSITIONS, WAY

PAGE = Path(__file__).parent / "lifecycle.md"


def diagram() -> str:
    """The way of an order, and what leaves it, as a Mermaid state diagram. Forward jumps are left out."""
    lines = ["stateDiagram-v2", "    [*] --> placed"]
    lines += [f"    {a} --> {b}" for a, b in zip(WAY, WAY[1:], strict=False) if b in TRANSITIONS[a]]
    beside = [status for status in STATUSES if status not in WAY]
    lines += [f"    {a} --> {b}" for a in WAY for b in beside if b in TRANSITIONS[a]]
    lines += [f"    {a} --> {b}" for a in beside for b in STATUSES if b in TRANSITIONS[a]]
    return "\n".join([*lines, *(f"    {status} --> [*]" for status in STATUSES if status in TERMINAL)])


def table() -> str:
    """Every transition."""
    rows = [
        f"| `{status}` | {' '.join(f'`{to}`' for to in STATUSES if to in TRANSITIONS[status]) or '(terminal)'} |"
        for status in STATUSES
    ]
    return "\n".join(["| from | to |", "|---|---|", *rows])


def page() -> str:
    """The whole page."""
    way = " → ".join(f"`{status}`" for status in WAY)
    return f"""# The order's life

Made from the table in `streams/order.py` by `docs/generate.py`; change the table, then run it.

The way is {way}. Forward jumps on it are legal, since couriers miss scans; the diagram leaves them out, the table has them.

```mermaid
{diagram()}
```

{table()}

What becomes of each update (applied, late, duplicate, rejected) is told in [architecture.md](architecture.md#judging).
"""


if __name__ == "__main__":
    PAGE.write_text(page())
