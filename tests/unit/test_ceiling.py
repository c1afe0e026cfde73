"""A gateway does not take more connections than it has files for."""

import resource

import pytest

from api.live.ceiling import SPARE_FILES, ceiling


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
