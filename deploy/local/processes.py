"""Background processes that outlive the script which starts them: pid files, logs, stopping.

A pid file holds the process's id and the moment it started, so that an id which the system gave to another
process later is never taken for ours, and never hit.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

LOG_LIMIT = 20_000_000
"""A log above this many bytes makes way for a new one when its process starts."""


@dataclass(frozen=True)
class Process:
    """One named process of a stack that lives in `folder`."""

    name: str
    folder: Path

    @property
    def log(self) -> Path:
        return self.folder / "logs" / f"{self.name}.log"

    @property
    def pid_file(self) -> Path:
        return self.folder / "run" / f"{self.name}.pid"

    def pid(self) -> int | None:
        """The process's id while it lives."""
        try:
            pid, _, started = self.pid_file.read_text().strip().partition(" ")
        except FileNotFoundError:
            return None
        now = start_time(int(pid))
        if not now:
            with contextlib.suppress(ChildProcessError):  # a dead child of ours stays a zombie until it is waited for
                os.waitpid(int(pid), os.WNOHANG)
        return int(pid) if now and now == started else None

    def paused(self) -> bool:
        """Whether it lives, stopped by SIGSTOP."""
        pid = self.pid()
        return pid is not None and look(pid)[0].startswith("T")

    def start(self, command: Sequence[str], environment: Mapping[str, str], terminal: bool = False) -> None:
        """Start it in a session of its own, with its output in `log`, or on our `terminal`. Does not wait.

        Started while it runs, it goes on as it is.
        """
        if self.pid():
            return
        self.pid_file.parent.mkdir(parents=True, exist_ok=True)
        self.log.parent.mkdir(parents=True, exist_ok=True)
        if self.log.exists() and self.log.stat().st_size > LOG_LIMIT:
            self.log.replace(self.log.with_suffix(".log.1"))
        with self.log.open("ab") as log:
            out = None if terminal else log
            child = subprocess.Popen(
                command, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True
            )
        child.returncode = 0  # it outlives us: its Popen has nothing to wait for, or to warn about
        whole = self.pid_file.with_suffix(".new")
        whole.write_text(f"{child.pid} {start_time(child.pid)}\n")
        whole.replace(self.pid_file)

    def signal(self, number: int) -> bool:
        """Send a signal; returns whether there was a process to send it to."""
        pid = self.pid()
        if pid is None:
            return False
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return False
        return True

    def stop(self, grace: float) -> None:
        """SIGTERM, and SIGKILL when it is still there after `grace` seconds; it is gone when this returns.

        A paused one is woken: it could not hear SIGTERM.
        """
        if self.signal(signal.SIGTERM) and self.signal(signal.SIGCONT) and not self.wait_gone(grace):
            self.kill9()
        self.pid_file.unlink(missing_ok=True)

    def kill9(self) -> None:
        """SIGKILL; it is gone when this returns."""
        self.signal(signal.SIGKILL)
        self.wait_gone(30)

    def wait_gone(self, seconds: float) -> bool:
        """Wait until it is gone; returns False when it is still there after `seconds`."""
        end = time.monotonic() + seconds
        while self.pid():
            if time.monotonic() > end:
                return False
            time.sleep(0.02)
        return True

    def tail(self, lines: int = 15) -> str:
        """The last lines of its log."""
        if not self.log.exists():
            return ""
        with self.log.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - lines * 400))
            return "\n".join(file.read().decode(errors="replace").splitlines()[-lines:])


def start_time(pid: int) -> str:
    """A word that tells a process from any other that has its id at another time; empty when it is gone."""
    state, started = look(pid)
    return "" if state[:1] in ("", "Z", "X") else started


def look(pid: int) -> tuple[str, str]:
    """A process's state, as `ps` writes it, and the moment it started; both empty when there is none."""
    if sys.platform == "linux":
        try:
            state, *fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            return "", ""
        return state, fields[18]
    told = subprocess.run(["ps", "-o", "stat=", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True).stdout
    state, _, started = told.strip().partition(" ")
    return state, started.strip().replace(" ", "-")
