"""What live push costs on one core, beside servers that are not ours and the least that it can cost.

    python bench/push/run.py [--connections 9500] [--rounds 3] [--only PATTERN]

Each server in turn, all of them a round: clients connect and wait; are sent messages one by one, as many as go through,
and at 200 and 2,000 a second; are all cut at once, and come back for what they missed. Ours with tokens, resume and
metrics; its messages come as Avro and leave as JSON, the others are given that JSON. The server has one core, the
clients (load.c) another. There is no Kafka and no Cassandra: `latency.py` has the whole way.
"""

import argparse
import json
import os
import re
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

import lab  # noqa: E402
from contestants import MADE, Server, centrifuge, floor, servers  # noqa: E402

from api.live import frames  # noqa: E402
from api.live.ceiling import raise_file_limit  # noqa: E402
from changes import change, record  # noqa: E402
from deploy.local.cluster import resident  # noqa: E402
from processes import until  # noqa: E402
from stack import free_ports  # noqa: E402

FIRST_USER = 1_000_000  # as in floor.c
ELSEWHERE = 500_000  # the users of what only warms up: so that the others have seen all that they were ever sent
EVERYBODY = 0xFFFFFFFF
MARK = "#T" + "0" * 19  # as in load.c
WARM = 200
FLOOD_SECONDS, FLOOD_WINDOW = 3, 2000
RATES, RATE_SECONDS = (200, 2000), 5
MISSED = 20
AT_ONCE = 1000
"""Handshakes under way."""
FANOUTS = 20
SETTLE = 0.5

TEMPLATE = {"note": f"{MARK} Tiba di hub Surabaya", "latitude": -7.25, "longitude": 112.75}


class Load:
    """The clients. Each command's answer is its dict."""

    def __init__(self, server: Server, port: int, feed: str, file: Path) -> None:
        texts = [server.begun, server.resumed, server.place]
        command = ["taskset", "-c", "1", str(MADE / "load"), str(port), feed, str(file), *texts]
        self._child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __call__(self, *words: object) -> dict[str, float]:
        assert self._child.stdin is not None and self._child.stdout is not None
        self._child.stdin.write(" ".join(map(str, words)) + "\n")
        self._child.stdin.flush()
        line = self._child.stdout.readline()
        if not line:
            raise RuntimeError(f"the clients have ended at: {words}")
        answer: dict[str, float] = json.loads(line)
        return answer

    def stop(self) -> None:
        assert self._child.stdin is not None
        self._child.stdin.close()
        self._child.wait(30)


class Measured:
    """A server that runs, with its own CPU and memory."""

    def __init__(self, server: Server, folder: Path) -> None:
        [self.port] = free_ports("127.0.0.1", 1)
        self.feed = str(folder / "feed")
        self._server = server
        command = ["taskset", "-c", "0", *server.command(self.port, self.feed)]
        self._child = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        until(lambda: Path(self.feed).exists() and reachable(self.port), 20)

    def cpu(self) -> float:
        """Seconds, to a nanosecond."""
        return (
            sum(int(each.read_text().split()[0]) for each in Path(f"/proc/{self._child.pid}/task").glob("*/schedstat"))
            / 1e9
        )

    def memory(self) -> int:
        if self._server.collects:
            self._child.send_signal(signal.SIGUSR1)
            time.sleep(SETTLE)
        return resident(self._child.pid)

    def stop(self) -> None:
        self._child.terminate()
        try:
            self._child.wait(5)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
        Path(self.feed).unlink(missing_ok=True)


def reachable(port: int) -> bool:
    return any(
        f"0100007F:{port:04X} 00000000:0000 0A" in line for line in Path("/proc/net/tcp").read_text().splitlines()
    )


def slab() -> int:
    """Bytes that the kernel has for its objects."""
    return int(re.search(r"Slab: +(\d+)", Path("/proc/meminfo").read_text())[1]) * 1024  # type: ignore[index]


@contextmanager
def running(server: Server, count: int, folder: Path, one_user: bool = False) -> Iterator[tuple[Measured, Load]]:
    """The server, warm, and its clients, not connected."""
    measured = Measured(server, folder)
    loads = []
    try:
        for name, some, first in (("warm", WARM, FIRST_USER + ELSEWHERE), ("load", count, FIRST_USER)):
            write_load(folder / name, server, some, first, one_user)
            loads.append(Load(server, measured.port, measured.feed, folder / name))
            if name == "warm":
                loads[0]("connect", WARM)
                if not one_user:
                    loads[0]("flood", 1, WARM)
                loads[0].stop()
                time.sleep(SETTLE)
        yield measured, loads[-1]
    finally:
        for load in loads:
            load.stop()
        measured.stop()


def write_load(file: Path, server: Server, count: int, first: int, one_user: bool) -> None:
    with file.open("wb") as out:
        for n in range(count):
            user = first + (0 if one_user else n)
            _, value = record(change("in_transit", 3, user, user, **TEMPLATE))
            message = value if server.avro else body(user)
            for block in (struct.pack("<I", user), message, *map(str.encode, server.asks(user))):
                out.write(struct.pack("<I", len(block)) + block)


def body(user: int) -> bytes:
    """What a customer of Lacak is sent."""
    cursor = "WGszZDBncTdRUGVFMHBaMXBWbko2dy43LjEyMzQ1Ng"
    return frames.change(cursor, change("in_transit", 3, user, user, **TEMPLATE)).body


def measure(server: Server, count: int, folder: Path) -> dict[str, float]:
    """One run of one server."""
    found: dict[str, float] = {}
    with running(server, count, folder) as (measured, load):

        def step(*command: object) -> tuple[dict[str, float], float]:
            before = measured.cpu()
            answer = load(*command)
            return answer, measured.cpu() - before

        memory, kernel = measured.memory(), slab()
        answer, cpu = step("connect", AT_ONCE)
        time.sleep(SETTLE)
        found["bytes"], found["kernel"] = (measured.memory() - memory) / count, (slab() - kernel) / count
        found["accepts"], found["accept"] = count / answer["seconds"], cpu / count * 1e6
        answer, cpu = step("flood", FLOOD_SECONDS, FLOOD_WINDOW)
        found["unicast"], found["message"] = answer["messages"] / answer["seconds"], cpu / answer["messages"] * 1e6
        for rate in RATES:
            answer, _ = step("rate", rate, RATE_SECONDS)
            found |= {f"{name} {rate}": answer[name] for name in ("p50", "p99", "p999")}
        if server.resumed:
            # What is published meanwhile is not the storm's: its own CPU is told by the clock only.
            found["storm"] = load("storm", MISSED, AT_ONCE)["seconds"]
    with running(server, count, folder, server.one_user) as (measured, load):
        load("connect", AT_ONCE)
        before = measured.cpu()
        answer = load("fanout", FANOUTS, FIRST_USER if server.one_user else EVERYBODY)
        found["broadcast"] = answer["messages"] / answer["seconds"]
        found["copy"] = (measured.cpu() - before) / answer["messages"] * 1e6
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--connections", type=int, default=9500)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="", help="the servers that this regular expression finds")
    options = parser.parse_args()
    assert len(os.sched_getaffinity(0)) >= 2, "one core for the server, and one for its clients"
    raise_file_limit()
    chosen = [server for server in servers() if re.search(options.only, server.name)]
    found: dict[str, list[dict[str, float]]] = {server.name: [] for server in chosen}
    with TemporaryDirectory(prefix="lacak-push-") as folder:
        for number in range(options.rounds):
            for server in chosen:
                found[server.name].append(measure(server, options.connections, Path(folder)))
                print(f"round {number + 1}: {server.name}: {found[server.name][-1]}", file=sys.stderr, flush=True)
    print(f"{options.connections} connections, median of {options.rounds} interleaved rounds, one core each\n")
    middles = {name: middle(rounds) for name, rounds in found.items()}
    for name, figures in middles.items():
        report(name, figures)
    compare(found)


def middle(rounds: list[dict[str, float]]) -> dict[str, float]:
    return {name: median(each[name] for each in rounds) for name in rounds[0]}


def report(name: str, figures: dict[str, float]) -> None:
    lab.row(
        name,
        f"{figures['bytes']:,.0f} B",
        f"a connection, in the process; {figures['kernel']:,.0f} B of the kernel, both ends",
    )
    lab.row("", f"{figures['accepts']:,.0f}/s", f"accepted; {figures['accept']:,.0f} µs of CPU each")
    lab.row("", f"{figures['unicast']:,.0f}/s", f"messages, each to one; {figures['message']:,.1f} µs of CPU each")
    lab.row("", f"{figures['broadcast']:,.0f}/s", f"messages, the same to all; {figures['copy']:,.1f} µs of CPU each")
    for rate in RATES:
        times = (f"{figures[f'{part} {rate}'] / 1000:.2f}" for part in ("p50", "p99", "p999"))
        lab.row("", " · ".join(times) + " ms", f"p50 · p99 · p99.9 to the client's socket, at {rate:,}/s")
    if "storm" in figures:
        lab.row("", f"{figures['storm']:.2f} s", f"all cut at once, and back with the {MISSED} that each missed")
    print()


def compare(found: dict[str, list[dict[str, float]]]) -> None:
    """Ratios of one round each, and their median: what else went on is the same for both."""
    ours = "Lacak, websocket"
    pairs: list[tuple[str, Any, str]] = [
        ("messages/s, of the floor's", lambda us, them: us["unicast"] / them["unicast"], floor().name),
        ("messages/s, of Centrifuge's", lambda us, them: us["unicast"] / them["unicast"], centrifuge().name),
        ("memory of Centrifuge, of ours", lambda us, them: them["bytes"] / us["bytes"], centrifuge().name),
        ("the storm of Centrifuge, of ours", lambda us, them: them["storm"] / us["storm"], centrifuge().name),
    ]
    for what, ratio, other in pairs:
        if ours in found and other in found:
            ratios = [ratio(us, them) for us, them in zip(found[ours], found[other], strict=True)]
            lab.row(what, f"{median(ratios):.2f}", " ".join(f"{each:.2f}" for each in ratios))


if __name__ == "__main__":
    main()
