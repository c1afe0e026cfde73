"""A gateway does not take more connections than it has files and memory for."""

import resource
from pathlib import Path

import pytest

from api.live import ceiling as limits
from api.live.ceiling import MB, SPARE_FILES, Memory, ceiling, container_bytes, resident_bytes


@pytest.mark.parametrize(
    ("files", "wanted", "allowed"),
    [
        (20_000, 15_000, 15_000),
        (1024, 15_000, 1024 - SPARE_FILES),
        (100, 15_000, 1),
        (resource.RLIM_INFINITY, 15_000, 15_000),
    ],
)
def test_it_is_what_is_wanted_or_what_files_there_are(
    files: int, wanted: int, allowed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (files, files))
    assert ceiling(wanted) == allowed


def test_memory_is_full_above_its_bound_and_only_while_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    memory = Memory(100)
    for used, full in ((99, False), (101, True), (99, False)):
        monkeypatch.setattr(limits, "resident_bytes", lambda used=used: used * MB)
        memory.look()
        assert memory.full is full


@pytest.mark.parametrize(
    ("said", "full_at"), [("1000000000", 900_000_001), ("max\n", None), ("9223372036854771712", None), (None, None)]
)
def test_without_a_bound_of_its_own_it_is_nine_tenths_of_the_containers(
    said: str | None, full_at: int | None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "memory.max"
    if said is not None:
        file.write_text(said)
    monkeypatch.setattr(limits, "_LIMITS", (tmp_path / "of another kind", file))
    memory = Memory(0)
    for used in (900_000_000, 900_000_001, 10**15):
        monkeypatch.setattr(limits, "resident_bytes", lambda used=used: used)
        memory.look()
        assert memory.full is (full_at is not None and used >= full_at)


def test_what_this_process_has_is_measured() -> None:
    assert 10 * MB < resident_bytes() < container_bytes() or container_bytes() == 0
    before = resident_bytes()
    held = b"x" * 50 * MB
    assert resident_bytes() > before + 40 * MB, len(held)
