"""The version after this one, as a copy of the code: OrderStatusChanged has a field more, a table a column, and the
workers fill both: how long an update took to reach us. That follows from what is there, so a replay says the same.
"""

import json
import re
import shutil
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
CODE = ("streams", "tables", "agents", "api", "cli", "schemas", "cassandra")
MESSAGE, FIELD = "OrderStatusChanged", "took_ms"
TABLE = "order_status_history"


class Edit(NamedTuple):
    """A line more in a file, after the last end of an item in `within`."""

    file: str
    within: str
    end: str
    line: str


TOOK = "row.recorded_at - row.occurred_at"
EDITS = (
    Edit("streams/messages.py", r"def status_changed\(.*?\n    \}\n", ",\n", f'        "{FIELD}": {TOOK},\n'),
    Edit("tables/statements.py", r"HISTORY_COLUMNS = .*?\n\)\n", '"\n', f'    " {FIELD}"\n'),
    Edit("tables/rows.py", r"def history_values\(.*?\n    \]\n", ",\n", f"        pack_bigint({TOOK}),\n"),
)


def make(folder: Path) -> int:
    """Makes it; gives the new schema's id. What is compiled here is not there: it is what the code was."""
    for name in CODE:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("*.so", "__pycache__"))
    for edit in EDITS:
        path = folder / edit.file
        path.write_text(_edited(path.read_text(), edit))
    number = max(int(path.name[:3]) for path in (folder / "cassandra" / "migrations").glob("*.cql")) + 1
    migration = f"ALTER TABLE {TABLE} ADD IF NOT EXISTS {FIELD} bigint;\n"
    (folder / "cassandra" / "migrations" / f"{number:03}_{FIELD}.cql").write_text(migration)
    return _new_schema(folder / "schemas" / "avro")


def _edited(text: str, edit: Edit) -> str:
    [found] = re.finditer(edit.within, text, re.S)
    at = found.start() + found[0].rindex(edit.end) + len(edit.end)
    return text[:at] + edit.line + text[at:]


def _new_schema(folder: Path) -> int:
    schema = json.loads((folder / f"{MESSAGE}.avsc").read_text())
    schema["fields"].append({"name": FIELD, "type": ["null", "long"], "default": None})
    text = json.dumps(schema, indent=2)
    new = max(int(path.name.partition("-")[0]) for path in (folder / "released").glob("*.avsc")) + 1
    for path in (folder / f"{MESSAGE}.avsc", folder / "released" / f"{new}-{MESSAGE}.avsc"):
        path.write_text(text)
    ids = json.loads((folder / "ids.json").read_text())
    (folder / "ids.json").write_text(json.dumps(ids | {MESSAGE: new}))
    return new
