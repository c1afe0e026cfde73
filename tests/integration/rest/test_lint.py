"""Both descriptions, OpenAPI's and AsyncAPI's, pass a linter that others use: Spectral, with all its own rules."""

import subprocess
from pathlib import Path

from rest import Rest

ROOT = Path(__file__).parents[3]
LINT = ROOT / "tests/lint"


def lint(document: Path) -> str:
    """What Spectral has to say of it; nothing, when all is well."""
    command = ["node_modules/.bin/spectral", "lint", "--quiet", "--fail-severity=warn", str(document)]
    done = subprocess.run(command, cwd=LINT, capture_output=True, text=True)
    assert done.returncode in (0, 1), done.stderr
    return done.stdout if done.returncode else ""


def test_the_rest_api_is_described_as_linters_want_it(api: Rest, tmp_path: Path) -> None:
    document = tmp_path / "openapi.json"
    document.write_bytes(api.get("/openapi.json").content)
    assert lint(document) == ""


def test_topics_and_live_push_are_described_as_linters_want_it() -> None:
    assert lint(ROOT / "docs/asyncapi.json") == ""


def test_the_linter_finds_what_is_wrong(tmp_path: Path) -> None:
    document = tmp_path / "openapi.json"
    document.write_text('{"openapi": "3.1.0", "info": {"title": "", "version": ""}, "paths": {"/a": {"get": {}}}}')
    assert "operation-description" in lint(document)
