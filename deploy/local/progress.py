"""A counter for downloads: one line that is rewritten on a terminal, a line at the end elsewhere."""

import threading
import time
from types import TracebackType
from typing import TextIO


class Progress:
    """Counts `total` things that arrive from several threads, with their size."""

    def __init__(self, what: str, total: int, out: TextIO) -> None:
        self._what, self._total, self._out = what, total, out
        self._lock = threading.Lock()
        self._done = self._bytes = 0
        self._since = time.monotonic()

    def __enter__(self) -> "Progress":
        self._show()
        return self

    def add(self, size: int) -> None:
        """One more has arrived, of `size` bytes."""
        with self._lock:
            self._done += 1
            self._bytes += size
            if self._out.isatty():
                self._show()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if not self._out.isatty():
            self._show()
        took = time.monotonic() - self._since
        self._out.write("\n" if error else f" in {took:.1f} s\n")
        self._out.flush()

    def _show(self) -> None:
        start = "\r" if self._out.isatty() else "" if not self._done else "\n"
        size = f", {self._bytes / 1e6:.0f} MB" if self._bytes else ""
        self._out.write(f"{start}{self._what}: {self._done} of {self._total}{size}")
        self._out.flush()
