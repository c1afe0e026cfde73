"""RFC 6455, as Autobahn's cases have it."""

from pathlib import Path

import uvloop

from conformance.autobahn import GOOD, behaviors, cases

CASES = 247


def test_every_case_behaves_as_the_standard_says(tmp_path: Path) -> None:
    results = uvloop.run(cases(tmp_path, "*"))
    assert len(results) == CASES
    assert set(behaviors(results)) <= GOOD, results
