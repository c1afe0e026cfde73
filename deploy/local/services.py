"""What a stack consists of: a service is a process together with how it is started and when it is ready."""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from threading import Event

from deploy.local.processes import Process
from deploy.local.ready import port_is_free

Address = tuple[str, int]
PORT_SECONDS = 5  # a killed server's threads hold its ports a moment longer than its main thread lives

PORT_TAKEN = (
    "If that is another Lacak, `make down` in its folder stops it; else give this one other ports "
    "in .env, see deploy/local/README.md."
)


class StartFailed(Exception):
    """A service died, or was not ready in time; says which, and how its log ends."""


@dataclass(frozen=True)
class Service:
    """A process, its command line, and the question that tells whether it serves."""

    process: Process
    command: Sequence[str]
    answers: Callable[[], bool]
    listens: Sequence[Address] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    prepare: Callable[[], None] = lambda: None
    """Done before each start: folders and configuration files."""
    grace: float = 15.0
    """Seconds between SIGTERM and SIGKILL."""

    @property
    def name(self) -> str:
        return self.process.name

    def start(self, cancelled: Event) -> None:
        """Start it unless it runs, or `cancelled` came meanwhile.

        Raises StartFailed when another program has one of its ports.
        """
        if self.process.pid():
            return
        end = time.monotonic() + PORT_SECONDS
        for host, port in self.listens:
            while not port_is_free(host, port):
                if time.monotonic() < end:
                    time.sleep(0.1)
                    continue
                raise StartFailed(f"{self.name}: {host}:{port} is taken by another program. {PORT_TAKEN}")
        self.prepare()
        if not cancelled.is_set():
            self.process.start(self.command, {**os.environ, **self.environment})

    def wait_ready(self, seconds: float, cancelled: Event) -> None:
        """Return when it answers, or on `cancelled`. Raises StartFailed when it dies, or takes above `seconds`."""
        end = time.monotonic() + seconds
        while not self.answers() and not cancelled.is_set():
            if not self.process.pid():
                raise StartFailed(f"{self.name} died while it started. {self.last_words()}")
            if time.monotonic() > end:
                raise StartFailed(f"{self.name} is not ready after {seconds:.0f} s. {self.last_words()}")
            time.sleep(0.05)

    def last_words(self) -> str:
        return f"The end of {self.process.log}:\n{self.process.tail()}"


def state(process: Process, answers: Callable[[], bool]) -> str:
    """`stopped`, `running` (and it answers) or `unready` (it is there, and does not answer)."""
    if not process.pid():
        return "stopped"
    return "running" if answers() else "unready"


def start_all(services: Sequence[Service], say: Callable[[str], None], seconds: float = 120) -> None:
    """Start what does not run, side by side, and return when each is ready.

    Raises StartFailed as soon as one fails; like an interrupt, it ends the waiting for the others, which go on.
    """
    cancelled = Event()

    def start(service: Service) -> None:
        since = time.monotonic()
        runs = service.process.pid() is not None
        service.start(cancelled)
        service.wait_ready(seconds, cancelled)
        if not cancelled.is_set():
            say(f"{service.name}: " + ("runs already" if runs else f"ready in {time.monotonic() - since:.1f} s"))

    with ThreadPoolExecutor(max(1, len(services))) as threads:
        try:
            for done in as_completed([threads.submit(start, service) for service in services]):
                done.result()
        except BaseException:
            cancelled.set()
            raise


def stop_all(processes: Sequence[tuple[Process, float]]) -> None:
    """Stop these side by side, each with its grace in seconds; they are gone when this returns."""
    if processes:
        with ThreadPoolExecutor(len(processes)) as threads:
            list(threads.map(lambda pair: pair[0].stop(pair[1]), processes))
