"""Runs `lacak` as a user does: a process of its own, settings by the environment."""

import subprocess
import sys
from pathlib import Path

from fresh import environment
from streams.settings import Settings

ROOT = Path(__file__).parent.parent


def lacak(settings: Settings, *words: object, code: int = 0, **env: str) -> subprocess.CompletedProcess[str]:
    """Runs a command to its end; it must end with that exit code, and never with a traceback."""
    done = subprocess.run(
        [sys.executable, "-m", "cli.main", *map(str, words)],
        env={**environment(settings), "NO_COLOR": "1", "COLUMNS": "120", **env},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == code, (words, done.returncode, done.stdout, done.stderr)
    assert "Traceback" not in done.stderr, done.stderr
    return done
