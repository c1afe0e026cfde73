"""The docs that are made from code are as new as the code."""

import runpy
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"


def test_the_lifecycle_page_is_made_from_the_table() -> None:
    generate = runpy.run_path(str(DOCS / "generate.py"))
    assert (DOCS / "lifecycle.md").read_text() == generate["page"](), "run: python docs/generate.py"
