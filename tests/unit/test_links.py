"""Every link between our pages leads to a page that is there, and to a heading that is on it."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *ROOT.glob("deploy/**/*.md"), *ROOT.glob("clients/*/*.md")]
)
LINK = re.compile(r"\]\(([^)\s]+)\)")
FENCE = re.compile(r"^(```|~~~).*?^\1$", re.M | re.S)
CODE = re.compile(r"`[^`\n]*`")
HEADING = re.compile(r"^#+ (.+)$", re.M)


def prose(page: Path) -> str:
    """Without what is shown as code."""
    return FENCE.sub("", page.read_text())


@cache
def anchors(page: Path) -> set[str]:
    """The headings, as GitHub calls them."""
    return {_anchor(heading) for heading in HEADING.findall(prose(page))}


def _anchor(heading: str) -> str:
    text = LINK.sub("]", heading).lower()
    return re.sub(r"[^\w\- ]", "", text).strip().replace(" ", "-")


def broken(page: Path) -> Iterator[str]:
    for link in LINK.findall(CODE.sub("", prose(page))):
        if re.match(r"[a-z]+:", link):
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        if not target.exists():
            yield f"{link}: no such file"
        elif anchor and anchor not in anchors(target):
            yield f"{link}: no such heading"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_all_links_lead_somewhere(page: Path) -> None:
    assert list(broken(page)) == []


def test_a_link_that_leads_nowhere_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# What `lacak` does\n[a](#what-lacak-does) [b](#what) [c](gone.md) `[d](no.md)` [e](https://f.example)\n"
    )
    assert list(broken(page)) == ["#what: no such heading", "gone.md: no such file"]


def test_the_index_of_operations_names_every_page() -> None:
    index = ROOT / "docs" / "operations" / "README.md"
    named = set(re.findall(r"\]\((\w[\w-]*\.md)", index.read_text()))
    assert {page.name for page in index.parent.glob("*.md")} - {"README.md"} <= named
