"""Lacak's own processes for the tests: started as a user would, killed as a fault would."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

from fresh import environment
from stack import free_ports
from streams.settings import Settings

ROOT = Path(__file__).parents[1]


def free_port(host: str = "127.0.0.1") -> int:
    """One of `free_ports`."""
    return free_ports(host, 1)[0]


class Process:
    """`lacak serve KIND` as a child. Leaving the `with` block stops it, and shows its log when the test failed.

    `code`: the folder whose code it runs, when it is started the next time."""

    def __init__(self, kind: str, settings: Settings, name: str = "") -> None:
        self.kind, self.settings, self.code = kind, settings, ROOT
        self.log = Path(settings.local_dir) / f"{name or kind}.log"
        self.child: subprocess.Popen[bytes] | None = None

    def start(self) -> "Process":
        """Starts it (again)."""
        self.metrics_port = free_port()  # a worker's
        ports = dict.fromkeys(("LACAK_TRACK_METRICS_PORT", "LACAK_NOTIFY_METRICS_PORT"), str(self.metrics_port))
        with self.log.open("ab") as out:
            self.child = subprocess.Popen(
                [sys.executable, "-m", "cli.main", "serve", self.kind],
                env={**environment(self.settings), **ports},
                cwd=self.code,
                stdout=out,
                stderr=out,
            )
        return self

    def signal(self, number: int) -> None:
        """Sends a signal to it, and to nothing else."""
        assert self.child is not None
        self.child.send_signal(number)

    def kill9(self) -> None:
        """What the kernel's out-of-memory killer does."""
        self.signal(signal.SIGKILL)
        assert self.child is not None
        self.child.wait()

    def stop(self, seconds: float = 20) -> int:
        """SIGTERM; gives the exit code, or kills it and raises TimeoutExpired."""
        assert self.child is not None
        self.child.terminate()
        try:
            return self.child.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill9()
            raise

    def __enter__(self) -> "Process":
        return self if self.child else self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if self.child is not None and self.child.poll() is None:
            self.signal(signal.SIGCONT)
            self.kill9()
        if kind is not None:
            print(f"--- {self.log.name}\n{self.log.read_text()[-4000:]}")


@contextmanager
def running(*processes: Process) -> Iterator[None]:
    """All of them, stopped at the end."""
    started: list[Process] = []
    try:
        for process in processes:
            process.__enter__()
            started.append(process)
        yield
    finally:
        error = sys.exc_info()
        for process in reversed(started):
            process.__exit__(*error)


def until(condition: Callable[[], object], seconds: float = 60, what: str = "") -> None:
    """Waits until `condition` holds; fails when it does not within `seconds`, a bound and not an expectation."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"still not so after {seconds} s: {what or condition}"
        time.sleep(0.1)


def alive(pid: int) -> bool:
    """Whether a process of that id is there."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
