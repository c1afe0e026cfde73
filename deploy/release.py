"""What a release must agree on, and its notes: `python -m deploy.release check [TAG] | notes | version`.

A version is told in pyproject.toml. Everything else that tells one is compared with it here, and exit code 1 names what
differs.
"""

import re
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
VERSION = re.compile(r"\d+\.\d+\.\d+(-(rc|beta)\.\d+)?")
SECTION = re.compile(r"^## \[?(?P<name>[^\]\s]+)\]?(?: - (?P<day>\d{4}-\d{2}-\d{2}))?$", re.MULTILINE)


def version(root: Path = ROOT) -> str:
    """Of pyproject.toml."""
    return str(tomllib.loads((root / "pyproject.toml").read_text())["project"]["version"])


def sections(changelog: str) -> dict[str, tuple[str | None, str]]:
    """By version (or `Unreleased`), newest first: its day and what is said about it."""
    found = list(SECTION.finditer(changelog))
    ends = [*(each.start() for each in found[1:]), len(changelog)]
    return {
        each["name"]: (each["day"], changelog[each.end() : end].strip()) for each, end in zip(found, ends, strict=True)
    }


def problems(root: Path = ROOT, tag: str = "") -> Iterator[str]:
    """What keeps this tree from being released as `tag`; without one, from being developed further."""
    ours, told = version(root), sections((root / "CHANGELOG.md").read_text())
    if not VERSION.fullmatch(ours):
        yield f"pyproject.toml: {ours} is no version such as 1.2.0 or 1.2.0-rc.1"
    if "Unreleased" not in told:
        yield "CHANGELOG.md: there is no section Unreleased"
    if tag:
        yield from _unlike(tag, ours, told)


def _unlike(tag: str, ours: str, told: Mapping[str, tuple[str | None, str]]) -> Iterator[str]:
    """What a release of this tag needs besides."""
    day, notes = told.get(ours, (None, ""))
    if tag != f"v{ours}":
        yield f"the tag {tag} is not v{ours}, as pyproject.toml has it"
    if not (day and notes):
        yield f"CHANGELOG.md: there is no section `## {ours} - YYYY-MM-DD`, or nothing in it"
    if told.get("Unreleased", (None, ""))[1]:
        yield f"CHANGELOG.md: what is under Unreleased would not be told: it belongs under {ours}"


def main(words: Sequence[str]) -> int:
    match words:
        case ["check", *tag] if len(tag) < 2:
            found = list(problems(tag="".join(tag)))
            print("\n".join(found) or f"{version()} agrees", file=sys.stderr if found else sys.stdout)
            return bool(found)
        case ["notes"]:
            _, notes = sections((ROOT / "CHANGELOG.md").read_text()).get(version(), (None, ""))
            print(notes or f"CHANGELOG.md does not tell of {version()}", file=sys.stdout if notes else sys.stderr)
            return not notes
        case ["version"]:
            print(version())
            return 0
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
