"""What can be wrong with what live clients were sent, and the kinds of findings it must make."""

from typing import Any

from damage import Case, Damage, history
from evidence import Evidence
from findings import Kind
from sample_run import COFFEE, SHOES, SOAP, TEA


def lines(evidence: Evidence, client: str, kind: str) -> list[int]:
    """Where a client's frames of a type are in the history."""
    return [
        index
        for index, line in enumerate(evidence.history)
        if line["kind"] == "frame" and line["client"] == client and line["frame"]["type"] == kind
    ]


def change_of(evidence: Evidence, client: str, where: str) -> int:
    """The last time a client was sent a change."""
    found = [
        index
        for index in lines(evidence, client, "change")
        if "{id_order}-{version}".format_map(history(evidence)[index]["frame"]["order"]) == where
    ]
    return found[-1]


def unsent(client: str, where: str) -> Damage:
    def damage(evidence: Evidence) -> None:
        del history(evidence)[change_of(evidence, client, where)]

    return damage


def altered_frame(client: str, where: str, **changes: Any) -> Damage:
    def damage(evidence: Evidence) -> None:
        frame = history(evidence)[change_of(evidence, client, where)]["frame"]
        frame["order"] = {**frame["order"], **changes}

    return damage


def reorder_frames(evidence: Evidence) -> None:
    one, other = change_of(evidence, "w-2", f"{SHOES}-4"), change_of(evidence, "w-2", f"{SHOES}-5")
    every = history(evidence)
    every[one]["frame"], every[other]["frame"] = every[other]["frame"], every[one]["frame"]


def snapshot_frame(evidence: Evidence, client: str) -> dict[str, Any]:
    frame: dict[str, Any] = history(evidence)[lines(evidence, client, "snapshot")[-1]]["frame"]
    return frame


def drop_snapshot(client: str) -> Damage:
    def damage(evidence: Evidence) -> None:
        del history(evidence)[lines(evidence, client, "snapshot")[-1]]

    return damage


def stale_snapshot(evidence: Evidence) -> None:
    frame = snapshot_frame(evidence, "w-1")
    frame["orders"] = [
        [id_order, *([2, "confirmed"] if id_order == str(SHOES) else rest)] for id_order, *rest in frame["orders"]
    ]


def snapshot_without_an_order(evidence: Evidence) -> None:
    frame = snapshot_frame(evidence, "w-1")
    frame["orders"] = [each for each in frame["orders"] if each[0] != str(COFFEE)]


def snapshot_of_another_status(evidence: Evidence) -> None:
    frame = snapshot_frame(evidence, "w-2")
    frame["orders"] = [[id_order, version, "lost"] for id_order, version, _ in frame["orders"]]


def resumed_instead(evidence: Evidence) -> None:
    """Told that it resumes, and given neither what it missed nor a snapshot."""
    hello = lines(evidence, "w-1", "hello")[-1]
    history(evidence)[hello]["frame"]["resumed"] = True
    drop_snapshot("w-1")(evidence)
    unsent("w-1", f"{COFFEE}-2")(evidence)


def resumed_elsewhere(evidence: Evidence) -> None:
    history(evidence)[lines(evidence, "w-1", "hello")[1]]["frame"]["cursor"] = "c-5"


def cut_off_at_the_end(evidence: Evidence) -> None:
    unsent("w-1", f"{SOAP}-2")(evidence)


CLIENTS: list[Case] = [
    ("a client misses a change", unsent("w-2", f"{COFFEE}-2"), {Kind.CLIENT_GAP}),
    ("a client misses the last change", cut_off_at_the_end, {Kind.CLIENT_GAP}),
    ("a client sees two changes turned round", reorder_frames, {Kind.CLIENT_ORDER}),
    ("a client is owed a snapshot", drop_snapshot("w-2"), {Kind.CLIENT_GAP}),
    ("a client is not told of its gap", resumed_instead, {Kind.CLIENT_GAP}),
    ("a client resumes from elsewhere", resumed_elsewhere, {Kind.CLIENT_GAP}),
    ("a snapshot takes a client back", stale_snapshot, {Kind.CLIENT_ORDER, Kind.CLIENT_GAP}),
    ("a snapshot leaves an order out", snapshot_without_an_order, {Kind.CLIENT_GAP}),
    ("a snapshot of another status", snapshot_of_another_status, {Kind.CLIENT_WRONG}),
    ("a client sees another courier", altered_frame("w-1", f"{SHOES}-5", courier="x"), {Kind.CLIENT_WRONG}),
    ("a client sees a number for an id", altered_frame("w-1", f"{SHOES}-5", id_order=SHOES), {Kind.CLIENT_WRONG}),
    (
        "a client sees a stranger's order",
        altered_frame("w-1", f"{SHOES}-5", id_order=str(TEA)),
        {Kind.CLIENT_WRONG, Kind.CLIENT_GAP},
    ),
    (
        "a client sees a version that never was",
        altered_frame("w-2", f"{SOAP}-2", version=9),
        {Kind.CLIENT_WRONG, Kind.CLIENT_GAP},
    ),
]
