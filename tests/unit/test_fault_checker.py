"""The fault suite's checker: silent about a run in which all went right, loud about each thing that did not."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import wire
from checker import check, main
from damage import NAMES, Damage, again, history, said, without_input
from damage_clients import CLIENTS, unsent
from damage_store import STORE, drop_rest_input, less, never_forwarded
from damage_topics import TOPICS
from evidence import CHANGED, ORDERS, TABLES, UPDATES, HistoryFiles, load, pack_headers, save, unpack_headers
from findings import COLUMNS, Kind
from history import Writer
from sample_run import ANI, BOOK, COFFEE, INCARNATIONS, SHOES, STRAY, T0, clean_run, order
from silence import longest_silence
from stalls import STANDSTILL_MS

DAMAGES = [*STORE, *TOPICS, *CLIENTS]


def test_a_run_in_which_all_went_right_has_no_findings() -> None:
    report = check(clean_run())
    assert report.findings == []
    assert report.columns() == {"lost": 0, "phantom": 0, "wrong": 0, "gaps": 0}


def test_its_figures_are_counted() -> None:
    figures = check(clean_run()).figures
    assert {name: figures[name] for name in ("orders", "applied", "late", "duplicate", "rejected", "waiting")} == {
        "orders": 5,
        "applied": 18,
        "late": 1,
        "duplicate": 3,
        "rejected": 6,
        "waiting": 1,
    }
    assert (figures["early"], figures["misrouted"], figures["inputs refused"]) == (1, 1, 1)
    assert (figures["inputs acknowledged"], figures["inputs of unknown outcome"]) == (27, 2)
    repeated = [figures[f"{what} repeated"] for what in ("events", "notifications", "dead letters")]
    assert repeated == [4, 2, 1]
    assert (figures["resumes without a gap"], figures["resumes by snapshot"], figures["first snapshots"]) == (1, 1, 2)


@pytest.mark.parametrize(("damage", "kinds"), [each[1:] for each in DAMAGES], ids=[each[0] for each in DAMAGES])
def test_each_damage_is_found(damage: Damage, kinds: set[Kind]) -> None:
    evidence = clean_run()
    damage(evidence)
    report = check(evidence)
    assert {each.kind for each in report.findings} == kinds, report.findings
    assert sum(report.columns().values()) == len(report.findings)


@pytest.mark.parametrize("damage", [drop_rest_input, never_forwarded, without_input("k-6"), without_input("k-1")])
def test_an_input_that_is_gone_with_all_that_depends_on_it_is_found(damage: Damage) -> None:
    """Then what it did is there without it, so there are phantoms too."""
    evidence = clean_run()
    damage(evidence)
    assert Kind.LOST in {each.kind for each in check(evidence).findings}


def test_every_kind_has_one_column_and_is_found_by_a_damage() -> None:
    assert sorted(kind for kinds in COLUMNS.values() for kind in kinds) == sorted(Kind)
    assert set().union(*(each[2] for each in DAMAGES)) == set(Kind)


def test_every_cell_of_every_row_is_compared() -> None:
    for table in ("orders", "order_status_history"):
        for column, name in enumerate(TABLES[table]):
            evidence = clean_run()
            row = evidence.tables[table][0]
            evidence.tables[table][0] = (*row[:column], "other" if column > 1 else 12345, *row[column + 1 :])
            assert check(evidence).findings, f"{table}.{name}"


def test_every_field_of_every_event_is_compared() -> None:
    event = wire.decode(NAMES[CHANGED], again(clean_run(), CHANGED, SHOES, 2).value)
    for name, value in event.items():
        other = "lost" if name in ("status", "previous_status") else 3 if isinstance(value, int) else "?"
        if name in ("latitude", "longitude", "eta", "promised_at", "corrects"):
            other = 4
        evidence = clean_run()
        said(evidence, CHANGED, SHOES, 2, **{name: other})
        assert check(evidence).findings, name


def test_what_is_published_just_before_a_client_leaves_need_not_reach_it() -> None:
    evidence = clean_run()
    unsent("w-2", f"{COFFEE}-4")(evidence)
    assert check(evidence).findings
    closed = next(line for line in reversed(history(evidence)) if line["kind"] == "closed" and line["client"] == "w-2")
    for line in history(evidence):
        if line.get("client") == "w-2":
            line["at"] += T0 + 29_000 - closed["at"] if line["kind"] == "closed" else -60_000
    assert check(evidence).findings == []


def test_a_stall_is_measured_around_its_fault() -> None:
    evidence = clean_run()
    (stall,) = check(evidence).stalls
    assert (stall.name, stall.target, stall.longest_ms) == ("worker killed", "track-1", 45)
    acked = next(line for line in history(evidence) if line["kind"] == "acked" and line["id"] == "k-10")
    acked["at"] -= 3_000
    (stall,) = check(evidence).stalls
    assert stall.longest_ms is not None and stall.longest_ms > 3_000
    assert stall.alone

    (fault,) = [line for line in history(evidence) if line["kind"] == "fault"]
    history(evidence).append(
        {**fault, "name": "broker killed", "at": fault["at"] + 4_000, "until": fault["until"] + 4_000}
    )
    assert [stall.alone for stall in check(evidence).stalls] == [False, False]
    history(evidence)[-1] |= {"at": fault["until"] + 5_000, "until": fault["until"] + 6_000}
    assert [stall.alone for stall in check(evidence).stalls] == [True, True]


def test_a_hand_over_is_told_apart_from_the_return_of_who_was_killed() -> None:
    evidence = clean_run()
    assert [stall.until_back_ms for stall in check(evidence).stalls] == [None]
    (fault,) = [line for line in history(evidence) if line["kind"] == "fault"]
    started = {"kind": "process", "name": "track-1", "event": "started"}
    history(evidence).append({**started, "at": fault["at"]})
    assert [stall.until_back_ms for stall in check(evidence).stalls] == [None], "it was started before"
    for after in (10, 2_000):
        history(evidence)[-1]["at"] = fault["at"] + after
        (stall,) = check(evidence).stalls
        assert stall.silence_ms is not None and stall.until_back_ms is not None
        assert stall.until_back_ms <= min(after, stall.silence_ms)
    assert stall.until_back_ms > 10


def test_a_partition_that_stands_still_for_minutes_is_told() -> None:
    evidence = clean_run()
    assert check(evidence).standstills == []
    records = evidence.topics[CHANGED]
    middle = sorted(record.timestamp for record in records)[len(records) // 2]
    for at, record in enumerate(records):
        if record.timestamp >= middle:
            records[at] = record._replace(timestamp=record.timestamp + STANDSTILL_MS)
    told = check(evidence).standstills
    assert [one.split(" stood still for 3")[0] for one in told] == ["partition 0", "partition 1", "partition 3"]


def test_a_partitions_silence_is_from_the_fault_on_until_there_is_an_event_again() -> None:
    assert longest_silence([0, 5, 9, 30, 99], begin=4, end=10) == 21
    assert longest_silence([0, 50], begin=4, end=10) == 46
    assert longest_silence([0, 5, 50], begin=4, end=10, cut=12) == 7  # the next fault began there
    assert longest_silence([0], begin=4, end=10) == 0  # the run ended with the fault


def test_a_delivery_report_without_an_offset_still_means_that_it_is_there() -> None:
    evidence = clean_run()
    for line in history(evidence):
        if line["kind"] == "acked" and line["id"] == "k-7":
            line["offset"] = -1
    assert check(evidence).findings == []
    topic = evidence.topics[UPDATES]
    evidence.topics[UPDATES] = [each for each in topic if b"lagi" not in (each.value or b"")]
    assert {each.kind for each in check(evidence).findings} == {Kind.LOST}


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Path]:
    """A run that was kept."""
    evidence = clean_run()
    save(evidence, tmp_path)
    with Writer(tmp_path / "history" / "all.jsonl") as writer:
        for line in history(evidence):
            writer.write(**line)
    with (tmp_path / "history" / "killed.jsonl").open("w") as half:
        half.write('{"kind": "acked", "id": "k-')
    yield tmp_path


def test_a_kept_run_can_be_checked_again(kept: Path, capsys: pytest.CaptureFixture[str]) -> None:
    evidence = load(kept)
    assert evidence.topics == clean_run().topics and evidence.tables == clean_run().tables
    assert list(HistoryFiles(kept / "history")) == list(clean_run().history)
    assert main(kept) == 0
    assert "lost 0  phantom 0  wrong 0  gaps 0" in capsys.readouterr().out


def test_a_kept_run_that_lost_something_ends_with_1(kept: Path, capsys: pytest.CaptureFixture[str]) -> None:
    evidence = load(kept)
    less("orders", SHOES)(evidence)
    save(evidence, kept)
    assert main(kept) == 1
    assert f"order {SHOES} was placed" in capsys.readouterr().out


def test_headers_are_packed_and_unpacked() -> None:
    headers = (("a", b""), ("a", None), ("é", b"\0\xff"), ("", b"x" * 70_000))
    assert unpack_headers(pack_headers(headers)) == headers


def test_the_sample_has_what_a_load_has() -> None:
    """Not only the checker: the sample, too, must be about what can go wrong."""
    evidence = clean_run()
    assert {order(SHOES, ANI)["id_user"]} < {row[1] for row in evidence.tables["orders"]}
    assert set(INCARNATIONS) == {ORDERS, UPDATES}
    assert {row[0] for row in evidence.tables["waiting_updates"]} == {STRAY, BOOK}
