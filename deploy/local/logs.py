"""The stack's logs on a terminal."""

import time
from pathlib import Path

from deploy.local.processes import Process

LINES = 20


def show_logs(folder: Path, follow: bool) -> None:
    """Print the last lines of each log in `folder`, and with `follow` what comes after, until Ctrl-C."""
    logs = sorted(folder.glob("*.log"))
    if not logs:
        print(f"no logs in {folder}: nothing was started yet")
    positions = {path: path.stat().st_size for path in logs}
    for path in logs:
        print(f"==> {path} <==\n{Process(path.stem, folder.parent).tail(LINES)}\n")
    while follow:
        for path in sorted(folder.glob("*.log")):
            positions[path] = _print_new(path, positions.get(path, 0))
        time.sleep(0.3)


def _print_new(path: Path, position: int) -> int:
    """Print the whole lines behind `position`; returns where they end."""
    if path.stat().st_size < position:  # a new file under the old name
        position = 0
    with path.open("rb") as file:
        file.seek(position)
        whole = file.read().rpartition(b"\n")
    for line in whole[0].decode(errors="replace").splitlines():
        print(f"{path.stem:9} {line}", flush=True)
    return position + len(whole[0]) + len(whole[1])
