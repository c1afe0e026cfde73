"""The load and the live clients: children which are told what to do by lines on their standard input."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from fresh import environment
from streams.settings import Settings

TESTS = Path(__file__).parents[1]
ROOT = TESTS.parent


class Child:
    """`tests/faults/NAME.py` with these words, its output in the log folder. Runs from the start on."""

    def __init__(self, name: str, settings: Settings, words: Sequence[object]) -> None:
        self.name, self.log = name, Path(settings.local_dir) / f"{name}.log"
        path = os.pathsep.join(map(str, (ROOT, TESTS)))
        with self.log.open("ab") as out:
            self.process = subprocess.Popen(
                [sys.executable, TESTS / "faults" / f"{name}.py", *map(str, words)],
                env={**environment(settings), "PYTHONPATH": path},
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=out,
                start_new_session=True,  # Ctrl-C is for whoever runs us: the end has an order
            )

    def tell(self, line: str) -> None:
        """A command. Raises BrokenPipeError when it is gone."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n".encode())
        self.process.stdin.flush()

    def failed(self) -> str:
        """What it said last when it ended by itself; empty while it runs."""
        if self.process.poll() is None:
            return ""
        return f"{self.name} ended with {self.process.returncode}:\n{self.log.read_text()[-3000:]}"

    def finish(self, seconds: float) -> int | None:
        """Tells it to stop; gives its exit code, or None when it is not done by then (and is killed)."""
        if self.process.poll() is None:
            self.tell("stop")
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.end()
            return None

    def end(self) -> None:
        """Kills it, if it is there."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if self.process.stdin is not None:
            self.process.stdin.close()
