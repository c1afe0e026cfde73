"""Runs `lacak` as a user does: a process of its own, settings by the environment."""

import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from confluent_kafka import Message

from fresh import environment
from streams.messages import Headers
from streams.settings import Settings

ROOT = Path(__file__).parent.parent


def lacak(
    settings: Settings, *words: object, code: int = 0, env: Mapping[str, str] | None = None, root: Path = ROOT
) -> subprocess.CompletedProcess[str]:
    """Runs a command to its end; it must end with that exit code, and never with a traceback. `root`: whose code. Where
    it runs there is no .env, which the local stack makes beside the code, and which counts for what is not set."""
    with TemporaryDirectory() as folder:
        done = subprocess.run(
            [sys.executable, "-m", "cli.main", *map(str, words)],
            env={**environment(settings), "PYTHONPATH": str(root), "NO_COLOR": "1", "COLUMNS": "120", **(env or {})},
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=120,
        )
    assert done.returncode == code, (words, done.returncode, done.stdout, done.stderr)
    assert "Traceback" not in done.stderr, done.stderr
    return done


def headers_of(record: Message) -> Headers:
    """A record's headers as a list of pairs."""
    return list(record.headers() or [])  # type: ignore[arg-type]


@contextmanager
def started(settings: Settings, *words: str) -> Iterator[subprocess.Popen[str]]:
    """A command that goes on beside the test; killed at the end if it still runs."""
    child = subprocess.Popen(
        [sys.executable, "-m", "cli.main", *words],
        env=environment(settings),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with child:
        try:
            yield child
        finally:
            if child.poll() is None:
                child.kill()
