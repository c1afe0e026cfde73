"""The one-machine stack: Kafka, Cassandra and Lacak's processes.

    python -m deploy.local.stack up      start what does not run, and return when all is ready
    python -m deploy.local.stack run     the same with simulated couriers, in the foreground until Ctrl-C
    python -m deploy.local.stack down    stop everything
    python -m deploy.local.stack status  a line a process: name state pid
    python -m deploy.local.stack logs    the end of each log; --follow goes on

`--only servers` leaves Lacak's own processes out.
"""

import argparse
import contextlib
import fcntl
import signal
import sys
import time
from collections.abc import Iterator
from functools import partial
from types import FrameType

from deploy.local.config import Config, ensure_secret, read_config, read_variables
from deploy.local.jars import WrongChecksum
from deploy.local.lacak import lacak_services, set_up, start_simulator
from deploy.local.logs import show_logs
from deploy.local.processes import Process
from deploy.local.servers import local_servers, server_answers, servers
from deploy.local.services import StartFailed, start_all, state, stop_all

GRACE = {"simulate": 5.0, "kafka": 15.0, "cassandra": 30.0}
"""Seconds between SIGTERM and SIGKILL, where they are not 10."""
TIERS = (("kafka", "cassandra"), ("track", "notify", "web"), ("simulate",))
"""The processes in the order in which they start; those of one tier start, and stop, side by side."""


STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
say = partial(print, flush=True)


class Stopped(Exception):
    """One of STOPS came."""


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=("up", "run", "down", "status", "logs"))
    parser.add_argument("--only", choices=("servers",))
    parser.add_argument("--follow", action="store_true")
    options = parser.parse_args(arguments)
    config = read_config(read_variables())
    try:
        match options.command:
            case "up":
                up(config, options.only)
            case "run":
                return run(config)
            case "down":
                down(config)
            case "status":
                print(status(config))
            case "logs":
                show_logs(config.folder / "logs", options.follow)
    except (StartFailed, WrongChecksum, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    except (KeyboardInterrupt, Stopped):
        return 130
    return 0


def up(config: Config, only: str | None = None) -> None:
    """Start what does not run; returns when all of it is ready. Raises StartFailed naming what is not."""
    with alone(config):
        if ensure_secret(read_variables()):
            say("LACAK_JWT_SECRET: a new one is in .env")
        for name, elsewhere in servers(config).items():
            if elsewhere and config.secure:
                raise StartFailed(f"LACAK_LOCAL_SECURE is about servers of our own, and LACAK_… names {elsewhere}")
            if elsewhere:
                say(f"{name}: not started, LACAK_… names {elsewhere}")
        start_all(local_servers(config, read_variables()), say)
        if only == "servers":
            return
        services = lacak_services(config)
        if not all(service.process.pid() for service in services):
            set_up(config, say)
        start_all(services, say)
    say(f"Live page: {config.page}")


def run(config: Config) -> int:
    """`up` and simulated couriers until SIGINT, SIGTERM, SIGHUP, `down`, or the death of a process (exit code 1)."""
    for number in STOPS:
        signal.signal(number, _stop)
    try:
        up(config)
        say("Ctrl-C stops everything.\n")
        start_simulator(config)
        return _watch(config)
    except Stopped:
        return 0
    finally:
        for number in STOPS:
            signal.signal(number, signal.SIG_IGN)
        say("\nstopping")
        down(config)


def _stop(number: int, frame: FrameType | None) -> None:
    raise Stopped


def _watch(config: Config) -> int:
    """Return when a process is gone: 0 when `down` stopped it, 1 when it died."""
    watched = [process for process in processes(config) if process.pid_file.exists()]
    while all(process.pid() for process in watched):
        time.sleep(0.3)
    time.sleep(0.3)  # `down` takes the pid file of what it stopped away
    died = [process for process in watched if process.pid_file.exists() and not process.pid()]
    for process in died:
        print(f"{process.name} died. The end of {process.log}:\n{process.tail()}", file=sys.stderr)
    return 1 if died else 0


def down(config: Config) -> None:
    """Stop everything, what started last first; nothing of it is left when this returns."""
    with alone(config):
        for tier in reversed(TIERS):
            stop_all([(Process(name, config.folder), GRACE.get(name, 10.0)) for name in tier])


def status(config: Config) -> str:
    """A line a process: `name state pid`, with `-` where there is none.

    States: `running` (and it answers), `unready` (it is there, and does not answer), `stopped`, and `elsewhere` for a
    server that is not ours.
    """
    answers = server_answers(config) | {service.name: service.answers for service in lacak_services(config)}
    elsewhere = servers(config)
    lines = []
    for process in processes(config):
        known = "elsewhere" if elsewhere.get(process.name) else state(process, answers.get(process.name, lambda: True))
        lines.append(f"{process.name} {known} {process.pid() or '-'}")
    return "\n".join(lines)


def processes(config: Config) -> list[Process]:
    """Every process a stack can have, in the order in which they start."""
    return [Process(name, config.folder) for tier in TIERS for name in tier]


@contextlib.contextmanager
def alone(config: Config) -> Iterator[None]:
    """Two of `up` and `down` on one folder wait for each other."""
    config.folder.mkdir(parents=True, exist_ok=True)
    with (config.folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("waiting for another `up` or `down` here")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


if __name__ == "__main__":
    sys.exit(main())
