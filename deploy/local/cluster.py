"""Three Kafka brokers and three Cassandra nodes on this machine, to be killed, frozen and started again.

    python -m deploy.local.cluster up            start what does not run; returns when each serves and sees its peers
    python -m deploy.local.cluster down          stop everything
    python -m deploy.local.cluster status        a line a member: name state pid MiB
    python -m deploy.local.cluster kill9 NAME    SIGKILL
    python -m deploy.local.cluster pause NAME    SIGSTOP
    python -m deploy.local.cluster resume NAME   SIGCONT
    python -m deploy.local.cluster fill NAME     its disk is full, until it is started again
    python -m deploy.local.cluster restart NAME  stop it if it runs, and start it with the data it has

The names are kafka-1 to kafka-3 and cassandra-1 to cassandra-3.
"""

import argparse
import os
import resource
import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from threading import Event

from deploy.local.config import BOTH_COMPILERS, Config, cache_folder, read_variables
from deploy.local.jars import WrongChecksum
from deploy.local.processes import Process
from deploy.local.ready import cassandra_reads, kafka_answers
from deploy.local.servers import MAKE, Place, installed
from deploy.local.services import Service, StartFailed, start_all, state, stop_all
from deploy.local.stack import alone

KINDS = ("kafka", "cassandra")
NET = "127.0.9"
"""Where the members live unless told otherwise: away from the one-machine stack, whose ports they have."""
READY_SECONDS = 180.0
"""Six servers at once on two cores take their time."""
TOGETHER_GRACE = 6.0
"""Seconds between SIGTERM and SIGKILL when all stop: then the last brokers wait in vain for a controller."""


class Cluster:
    """Three servers of each of KINDS, on the addresses 1 to 3 of `net`, with all they write in `folder`.

    Every topic has three replicas, of which two must have a record (`acks=all`); keyspaces may have three. Two clusters
    with different folders and nets do not touch each other. Every method blocks until what it says is so.

    `jit`: see Config. Making one fetches what the servers need. Raises jars.WrongChecksum or OSError when that cannot
    be had.
    """

    def __init__(self, folder: Path, cache: Path, net: str = NET, jit: int = BOTH_COMPILERS) -> None:
        self.config = Config(folder.absolute(), cache, kafka_heap="256m", cassandra_heap="768m", jit=jit)
        self._addresses = [f"{net}.{number}" for number in (1, 2, 3)]
        there = installed(KINDS, cache, read_variables())
        self.members: dict[str, Service] = {}
        for kind in KINDS:
            for number, host in enumerate(self._addresses, 1):
                service = MAKE[kind](self.config, Place(f"{kind}-{number}", number, self._addresses), there)
                self.members[service.name] = replace(service, answers=partial(self._sees_its_peers, kind, host))

    @property
    def bootstrap(self) -> str:
        """Kafka's bootstrap servers: `host:port,host:port,host:port`."""
        return ",".join(f"{host}:{self.config.kafka_port}" for host in self._addresses)

    @property
    def hosts(self) -> str:
        """Cassandra's contact points: `host,host,host`."""
        return ",".join(self._addresses)

    @property
    def cassandra_port(self) -> int:
        return self.config.cassandra_port

    def start(self, say: Callable[[str], None] = print) -> None:
        """Start what does not run; returns when each member serves and sees all others. Raises StartFailed."""
        with alone(self.config):
            start_all(list(self.members.values()), say, READY_SECONDS)
            for service in self.members.values():  # the first that was ready may not have waited for the last
                service.wait_ready(READY_SECONDS, Event())

    def stop(self) -> None:
        """Stop all, paused ones too; nothing runs when this returns. The data stays."""
        with alone(self.config):
            stop_all([(service.process, TOGETHER_GRACE) for service in self.members.values()])

    def kill9(self, name: str) -> None:
        """SIGKILL; it is gone when this returns."""
        self._process(name).kill9()

    def terminate(self, name: str) -> None:
        """SIGTERM, and SIGKILL when it takes too long; it is gone when this returns."""
        self._process(name).stop(self.members[name].grace)

    def pause(self, name: str) -> None:
        """SIGSTOP: it keeps its connections, and answers nobody."""
        self._process(name).signal(signal.SIGSTOP)

    def resume(self, name: str) -> None:
        """SIGCONT."""
        self._process(name).signal(signal.SIGCONT)

    def fill_disk(self, name: str) -> None:
        """From now on its every write to a file fails, as on a full disk (EFBIG in place of ENOSPC). Returns at once.

        A broker dies of its next write; a node when its commit log needs a new file, some seconds later under load.
        What they say of it is lost, as their log is a file too. `kill9` and `start_again` end it. Linux only.
        """
        pid = self._process(name).pid()
        if pid is not None:
            _, most = resource.prlimit(pid, resource.RLIMIT_FSIZE)
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, most))

    def start_again(self, name: str, wait: bool = True) -> None:
        """Start it with the data it has, unless it runs. With `wait`, return when it serves and sees those of its peers
        that run and are not paused; else when its process is there. One of three without a peer never serves: start
        two. Raises StartFailed.
        """
        service = self.members[name]
        service.start(Event())
        if wait:
            service.wait_ready(READY_SECONDS, Event())

    def pid(self, name: str) -> int | None:
        """Its process id while it lives, paused or not."""
        return self._process(name).pid()

    def alive(self) -> list[str]:
        """The names of those that live, paused or not."""
        return [name for name in self.members if self.pid(name)]

    def status(self) -> str:
        """A line a member: `name state pid MiB`, with `-` where there is none. States: running, unready, paused,
        stopped.
        """
        return "\n".join(self._line(service) for service in self.members.values())

    def _line(self, service: Service) -> str:
        known = "paused" if service.process.paused() else state(service.process, service.answers)
        pid = service.process.pid()
        return f"{service.name} {known} {pid or '-'} {resident(pid) >> 20 if pid else '-'}"

    def _process(self, name: str) -> Process:
        return self.members[name].process

    def _sees_its_peers(self, kind: str, host: str) -> bool:
        awake = sum(self._awake(name) for name in self.members if name.startswith(kind))
        if kind == "kafka":
            return kafka_answers(host, self.config.kafka_port, awake)
        return cassandra_reads(host, self.config.cassandra_port, awake)

    def _awake(self, name: str) -> bool:
        return self._process(name).pid() is not None and not self._process(name).paused()


def resident(pid: int) -> int:
    """How many bytes of memory a process holds; 0 when it is gone. Linux only."""
    try:
        pages = Path(f"/proc/{pid}/statm").read_text().split()[1]
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return int(pages) * resource.getpagesize()


def private_net() -> str:
    """A net of loopback addresses that another run of now hardly uses, made of our process id."""
    pid = os.getpid()
    return f"127.{128 + pid // 255 % 64}.{pid % 255}"


def main(arguments: list[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    try:
        net = settle(options.folder, options.net)
        run(Cluster(options.folder, cache_folder(read_variables()), net), options.command, options.name)
    except (StartFailed, WrongChecksum, OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=Path(".lacak/cluster"), help="default: %(default)s")
    parser.add_argument("--net", help=f"the first three bytes of the addresses, chosen at the first up; default: {NET}")
    commands = parser.add_subparsers(dest="command", required=True)
    for command in ("up", "down", "status"):
        commands.add_parser(command).set_defaults(name=None)
    for command in ("kill9", "pause", "resume", "fill", "restart"):
        commands.add_parser(command).add_argument("name", metavar="NAME")
    return parser


def settle(folder: Path, net: str | None) -> str:
    """Where the cluster in `folder` lives, and must stay, as its data knows. Raises ValueError for another `net`."""
    kept = folder / "net"
    if not kept.exists():
        folder.mkdir(parents=True, exist_ok=True)
        kept.write_text(net or NET)
    if net not in (None, kept.read_text()):
        raise ValueError(f"the cluster in {folder} lives on {kept.read_text()}; choose another --folder for {net}")
    return kept.read_text()


def run(cluster: Cluster, command: str, name: str | None) -> None:
    """One of the commands. Raises ValueError for a name that there is not."""
    if name is not None and name not in cluster.members:
        raise ValueError(f"there is no {name}, only {', '.join(cluster.members)}")
    match command, name:
        case "up", None:
            cluster.start()
        case "down", None:
            cluster.stop()
        case "status", None:
            print(cluster.status())
        case "kill9", str(name):
            cluster.kill9(name)
        case "pause", str(name):
            cluster.pause(name)
        case "resume", str(name):
            cluster.resume(name)
        case "fill", str(name):
            cluster.fill_disk(name)
        case "restart", str(name):
            cluster.terminate(name)
            cluster.start_again(name)


if __name__ == "__main__":
    sys.exit(main())
