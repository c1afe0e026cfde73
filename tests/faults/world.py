"""The running system: the cluster, Lacak's processes, the load and the clients, and what can be done to them.

A nemesis takes processes away and brings them back by name (`track-1`, `kafka-2`, …); what ends by itself the
`Supervisor` starts again. All that happens to a process is written into the history.
"""

import contextlib
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Event, RLock

import httpx

from children import Child
from command import lacak
from deploy.local.cluster import Cluster, private_net
from deploy.local.config import BOTH_COMPILERS, cache_folder, read_variables
from history import Writer
from processes import Process, until
from stack import free_ports, private_address
from streams.settings import Settings

SERVERS = ("kafka", "cassandra")
DRAIN_SECONDS = 5.0
EXIT_SECONDS = 40.0
"""A bound above all that is promised, after which a process that was told to end is killed."""


@dataclass(frozen=True)
class Size:
    """How many of each of Lacak's processes there are, and how much they are given to do."""

    track: int = 3
    notify: int = 2
    gateway: int = 2
    api: int = 1
    rate: int = 310
    rest_rate: int = 40
    users: int = 600
    watched: int = 60
    alone: float = 10.0
    """Seconds for which nothing is broken, before the first fault, to compare."""
    jit: int = BOTH_COMPILERS
    """Of the servers: both pay in minutes what they cost in the first one."""


class Interrupted(Exception):
    """The run is being ended: whoever waits shall stop doing so."""


class World:
    """Everything that runs. Nothing does until `start_lacak` and `start_cluster`; `stop` ends all of it."""

    def __init__(self, run: Path, size: Size, seed: int) -> None:
        self.run, self.size, self.seed = run, size, seed
        self.ending = Event()
        self.lock = RLock()
        self.held: set[str] = set()
        """Who is down, or not up yet, because somebody wants it so."""
        (run / "history").mkdir(parents=True)
        (run / "logs").mkdir()
        self.history = Writer(run / "history" / "world.jsonl")
        self.cluster = Cluster(run / "cluster", cache_folder(read_variables()), private_net(), jit=size.jit)
        self.settings = self._settings()
        self.processes: dict[str, Process] = {}
        for kind in ("track", "notify", "gateway", "api"):
            for number in range(1, getattr(size, kind) + 1):
                self._add(f"{kind}-{number}")
        self.held.update(self.processes, self.cluster.members)
        self.couriers: Child | None = None
        self.watchers: Child | None = None

    def _settings(self) -> Settings:
        return Settings(
            _env_file=None,  # type: ignore[call-arg]
            kafka_bootstrap=self.cluster.bootstrap,
            cassandra_hosts=self.cluster.hosts,
            cassandra_port=self.cluster.cassandra_port,
            replication=3,
            cassandra_replication=3,
            partitions=12,
            http_host=private_address(),
            jwt_secret="a secret of the fault tests, 32 bytes long or more",
            heartbeat=5,
            drain_seconds=DRAIN_SECONDS,
            local_dir=self.run / "logs",
        )

    def _add(self, name: str) -> None:
        """A process of its own ports and folder, not started."""
        own = {"http_port": free_ports(self.settings.http_host, 1)[0], "data_dir": self.run / "data" / name}
        self.processes[name] = Process(kind_of(name), self.settings.model_copy(update=own), name)

    # --- who there is

    def members(self, family: str) -> list[str]:
        """The names of one kind of process or server."""
        return [name for name in [*self.processes, *self.cluster.members] if kind_of(name) == family]

    def url(self, name: str) -> str:
        """Where a gateway or the API listens."""
        settings = self.processes[name].settings
        return f"http://{settings.http_host}:{settings.http_port}"

    def pid(self, name: str) -> int | None:
        """The process's id while it lives."""
        if name in self.cluster.members:
            return self.cluster.pid(name)
        child = self.processes[name].child
        return child.pid if child is not None and child.poll() is None else None

    # --- what can be done to them

    def kill9(self, *names: str) -> None:
        """SIGKILL to each, and they stay down until `up`."""
        with self.lock:
            self.held.update(names)
        self._each(names, self._kill9)

    def terminate(self, *names: str) -> None:
        """SIGTERM to each; returns when they are gone, and they stay down until `up`."""
        with self.lock:
            self.held.update(names)
        self._each(names, self._terminate)

    def pause(self, name: str) -> None:
        """SIGSTOP: it is there, and does nothing."""
        if name in self.cluster.members:
            self.cluster.pause(name)
        else:
            self.processes[name].signal(signal.SIGSTOP)

    def resume(self, name: str) -> None:
        """SIGCONT; nothing to a process that was not paused."""
        if name in self.cluster.members:
            self.cluster.resume(name)
        elif self.pid(name):
            self.processes[name].signal(signal.SIGCONT)

    def up(self, *names: str) -> None:
        """Starts each; servers serve when this returns."""
        self._each(names, self._up)

    def launch(self, name: str) -> None:
        """Starts it without waiting for anything."""
        if name in self.cluster.members:
            self.cluster.start_again(name, wait=False)
        else:
            self.processes[name].start()
        self.note(name, "started")

    def add(self, name: str) -> None:
        """One process more."""
        with self.lock:
            self.held.add(name)
            if name not in self.processes:
                self._add(name)
        self._up(name)

    def rest(self, seconds: float) -> None:
        """Waits. Raises `Interrupted` when the run is being ended."""
        if self.ending.wait(seconds):
            raise Interrupted

    def note(self, name: str, event: str, **more: object) -> None:
        """A line about a process."""
        self.history.write("process", name=name, event=event, **more)

    def _each(self, names: Sequence[str], action: Callable[[str], None]) -> None:
        with ThreadPoolExecutor(max(1, len(names))) as threads:
            list(threads.map(action, names))

    def _kill9(self, name: str) -> None:
        if name in self.cluster.members:
            self.cluster.kill9(name)
        else:
            self.processes[name].kill9()
        self.note(name, "killed")

    def _terminate(self, name: str) -> None:
        if not self.pid(name):
            return
        self.resume(name)
        began = time.monotonic()
        code: int | None = None
        if name in self.cluster.members:
            self.cluster.terminate(name)
        else:
            with contextlib.suppress(subprocess.TimeoutExpired):  # told by its code, which is None
                code = self.processes[name].stop(EXIT_SECONDS)
        self.note(name, "terminated", seconds=round(time.monotonic() - began, 2), code=code)

    def _up(self, name: str) -> None:
        if name in self.cluster.members:
            self.cluster.start_again(name)
            self.note(name, "started")
        elif not self.pid(name):
            self.launch(name)
        with self.lock:
            self.held.discard(name)

    # --- all of it

    def start_lacak(self) -> None:
        """Starts all of Lacak's processes, whether or not there is anything for them to talk to."""
        self.up(*self.processes)

    def start_cluster(self) -> None:
        """Starts brokers and nodes, and makes topics and tables."""
        self.cluster.start()
        for name in self.cluster.members:
            self.note(name, "started")
        with self.lock:
            self.held.difference_update(self.cluster.members)
        lacak(self.settings, "topics", "--wait", 60)
        lacak(self.settings, "migrate", "--wait", 60)

    def until_ready(self, names: Iterable[str], seconds: float = 90) -> None:
        """Waits until these gateways and APIs take traffic."""
        for name in names:
            until(lambda name=name: self.ready(name), seconds, f"{name} is ready")  # type: ignore[misc]

    def ready(self, name: str) -> bool:
        """Whether a gateway's or an API's /readyz says yes."""
        with contextlib.suppress(httpx.HTTPError):
            return httpx.get(f"{self.url(name)}/readyz", timeout=2).status_code == 200
        return False

    def start_load(self) -> None:
        """Starts the live clients, and the couriers."""
        history = self.run / "history"
        gateways = ",".join(self.url(name) for name in self.members("gateway"))
        watched = ",".join(str(user) for user in range(1, self.size.watched + 1))
        watching = ["--history", history / "watchers.jsonl", "--gateways", gateways, "--users", watched]
        watching += ["--sse-share", 0.3, "--cuts-per-minute", 20, "--seed", self.seed]
        self.watchers = Child("watchers", self.settings, watching)
        delivering = ["--history", history / "couriers.jsonl", "--api", self.url("api-1")]
        delivering += ["--rate", self.size.rate, "--rest-rate", self.size.rest_rate]
        delivering += ["--seed", self.seed, "--users", self.size.users]
        self.couriers = Child("couriers", self.settings, delivering)

    def heal(self) -> None:
        """Whatever is paused goes on, whatever is down comes back; workers that were too many go."""
        for name in [*self.processes, *self.cluster.members]:
            self.resume(name)
        surplus = [name for name in self.processes if int(name[-1]) > getattr(self.size, kind_of(name))]
        self.terminate(*surplus)
        for servers in SERVERS:
            self.up(*(name for name in self.members(servers) if not self.pid(name)))
        self.up(*(name for name in self.processes if name not in surplus and not self.pid(name)))
        with self.lock:
            self.held = set(surplus)

    def terminate_lacak(self) -> None:
        """SIGTERM to all of Lacak's processes, each kind by itself, as a shutdown in good order."""
        for kind in ("gateway", "api", "track", "notify"):
            self.terminate(*(name for name in self.members(kind) if self.pid(name)))

    def stop(self) -> None:
        """Ends everything that was started, at once; nothing of it is there when this returns."""
        self.ending.set()
        with self.lock:
            self.held.update(self.processes, self.cluster.members)
        for child in (self.couriers, self.watchers):
            if child is not None:
                child.end()
        for process in self.processes.values():
            process.__exit__(None, None, None)
        self.cluster.stop()


def kind_of(name: str) -> str:
    """`track` of `track-1`."""
    return name.rpartition("-")[0]
