"""What live clients saw: every change once repeats are dropped, in order, and never a gap without being told."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from check_topics import Published
from evidence import Line
from expected import Expected
from findings import Kind, Report
from streams.order import TERMINAL
from wire import Message

GRACE_MS = 5_000  # what was published so shortly before a client's end need not have reached it
ENDED_MS = 23 * 60 * 60 * 1000  # an order that ended so long ago may be left out of a snapshot (24 h, with a margin)
_MOST_TOLD = 20  # findings of one client
_FIGURES = ("connections", "first snapshots", "resumes without a gap", "resumes by snapshot", "changes seen by clients")


@dataclass(slots=True)
class _Client:
    """One client, over all its connections. `versions`: what its screen shows."""

    name: str
    user: int
    given: str | None = None  # the cursor of this connection
    greeted: bool = False
    owed: bool = True  # no snapshot yet, and no cursor that was taken
    synced: bool = False  # had a snapshot once
    versions: dict[int, int] = field(default_factory=dict)
    skipped: dict[int, set[int]] = field(default_factory=dict)
    alive: int = 0  # until then it was served
    told: int = 0


def check_clients(history: Iterable[Line], expected: Expected, published: Published, report: Report) -> None:
    """All clients of the history."""
    report.figures.update(dict.fromkeys(_FIGURES, 0))
    checks = _Clients(expected, published, report)
    for line in history:
        if line["kind"] == "connected":
            checks.connected(line)
        elif line["kind"] == "frame":
            checks.frame(line)
        elif line["kind"] == "closed":
            checks.closed(line)
    checks.end()


class _Clients:
    def __init__(self, expected: Expected, published: Published, report: Report) -> None:
        self._orders, self._published, self._report = expected.orders, published, report
        self._clients: dict[str, _Client] = {}
        self._users: dict[int, list[int]] = {}
        for id_order, life in expected.orders.items():
            self._users.setdefault(life.said["id_user"], []).append(id_order)

    # -- the history's lines

    def connected(self, line: Line) -> None:
        client = self._clients.setdefault(line["client"], _Client(line["client"], int(line["user"])))
        client.given, client.greeted = line.get("cursor"), False
        self._report.figures["connections"] += 1

    def closed(self, line: Line) -> None:
        client = self._clients.get(line["client"])
        if client is None:
            return
        if line.get("by") == "client" and client.greeted and not client.owed:
            client.alive = line["at"]
        client.greeted = False

    def frame(self, line: Line) -> None:
        client, frame = self._clients[line["client"]], line["frame"]
        kind = frame["type"]
        if kind == "hello":
            self._hello(client, frame, line["at"])
        elif kind == "snapshot":
            self._snapshot(client, frame["orders"], line["at"])
        elif kind == "change":
            self._change(client, frame["order"])
        if not client.owed:
            client.alive = line["at"]

    def _hello(self, client: _Client, frame: Message, at: int) -> None:
        client.greeted, client.owed = True, not frame["resumed"]
        if not frame["resumed"]:
            self._report.figures["resumes by snapshot" if client.synced else "first snapshots"] += 1
            return
        self._report.figures["resumes without a gap"] += 1
        if client.given is None:
            self._tell(Kind.CLIENT_GAP, client, str(at), "was told that it resumes, and gave no cursor")
        elif frame.get("cursor", client.given) != client.given:
            self._tell(Kind.CLIENT_GAP, client, str(at), "was told that it resumes, from another cursor than its own")

    def _snapshot(self, client: _Client, orders: Iterable[tuple[Any, int, str]], at: int) -> None:
        client.owed, client.synced = False, True
        before, client.versions = client.versions, {}
        for id_order, version, status in orders:
            self._shown(client, int(id_order), version, status)
        for id_order, version in before.items():
            now = client.versions.get(id_order)
            if now is not None and now < version:
                where = f"{id_order}-{version}"
                self._tell(Kind.CLIENT_ORDER, client, where, f"had {where}, and a snapshot took it back to {now}")
            elif now is None and self._ended(id_order, at):
                client.versions[id_order] = version

    def _shown(self, client: _Client, id_order: int, version: int, status: str) -> None:
        client.versions[id_order] = version
        life = self._orders.get(id_order)
        where = f"{id_order}-{version}"
        if life is None or life.said["id_user"] != client.user or not 1 <= version <= len(life.changes):
            self._tell(Kind.CLIENT_WRONG, client, where, f"saw {where} in a snapshot, which is not there for it")
        elif life.changes[version - 1].status != status:
            due = life.changes[version - 1].status
            self._tell(Kind.CLIENT_WRONG, client, where, f"saw {where} as {status} in a snapshot: it is {due}")

    def _change(self, client: _Client, order: Message) -> None:
        id_order, version = int(order["id_order"]), order["version"]
        where = f"{id_order}-{version}"
        if client.owed:
            self._tell(Kind.CLIENT_GAP, client, where, f"got {where} before the snapshot that it was to get")
            client.owed = False  # said once a connection
        if not self._true(client, order, id_order, version, where):
            return
        self._report.figures["changes seen by clients"] += 1
        seen, skipped = client.versions.get(id_order, 0), client.skipped.get(id_order, set())
        if version in skipped:
            skipped.discard(version)
            self._tell(Kind.CLIENT_ORDER, client, where, f"got {where} after {id_order}-{seen}")
        elif version > seen + 1:
            client.skipped.setdefault(id_order, set()).update(range(seen + 1, version))
        client.versions[id_order] = max(seen, version)

    def _true(self, client: _Client, order: Message, id_order: int, version: int, where: str) -> bool:
        """Whether it is a change of one of the user's orders; said if it is none, or not as it must be."""
        life = self._orders.get(id_order)
        if life is None or life.said["id_user"] != client.user or not 1 <= version <= len(life.changes):
            self._tell(Kind.CLIENT_WRONG, client, where, f"got {where}, which is not there for it")
            return False
        due = life.event_json(life.changes[version - 1])
        if order != due:
            differ = [f"{name} is {order.get(name)!r}, not {due.get(name)!r}" for name in _differing(order, due)]
            self._tell(Kind.CLIENT_WRONG, client, where, f"got {where}: " + "; ".join(differ))
        return True

    # -- at the end

    def end(self) -> None:
        """What was skipped and never came, and what came to nobody at the end."""
        for client in self._clients.values():
            for id_order, versions in client.skipped.items():
                for version in sorted(versions):
                    where = f"{id_order}-{version}"
                    self._tell(Kind.CLIENT_GAP, client, where, f"never got {where}, and got what came after it")
            if client.alive:
                self._reached(client)
        self._report.figures["clients"] = len(self._clients)

    def _reached(self, client: _Client) -> None:
        until = client.alive - GRACE_MS
        for id_order in self._users.get(client.user, ()):
            due = max((v for v, at in self._published.at.get(id_order, {}).items() if at <= until), default=0)
            has = client.versions.get(id_order, 0)
            if has < due and not self._ended(id_order, client.alive):
                sentence = (
                    f"was served until {client.alive}, and has {id_order}-{has}: {id_order}-{due} was published before"
                )
                self._tell(Kind.CLIENT_GAP, client, f"{id_order}-{due}", sentence)

    def _ended(self, id_order: int, at: int) -> bool:
        """Whether an order ended so long ago that no snapshot need have it."""
        life = self._orders.get(id_order)
        return life is not None and life.now.status in TERMINAL and life.since < at - ENDED_MS

    def _tell(self, kind: Kind, client: _Client, where: str, sentence: str) -> None:
        client.told += 1
        if client.told <= _MOST_TOLD:
            self._report.add(kind, "client", f"{client.name} {where}", f"{client.name} (user {client.user}) {sentence}")


def _differing(one: Message, other: Message) -> Iterator[str]:
    return (name for name in {**one, **other} if one.get(name, "absent") != other.get(name, "absent"))
