"""Files of couriers' codes: read, and checked strictly. docs/carriers.md says for users what is in one."""

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from streams.carrier_codes import CODE_LENGTH, Carriers, Source, Vocabulary, plain
from streams.order import TRANSITIONS

SHIPPED = Path(__file__).parent / "carriers"
REACHABLE = frozenset(status for successors in TRANSITIONS.values() for status in successors)
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
_KEYS = frozenset({"title", "sources", "prefixes", "codes", "subcodes"})
_SOURCE = frozenset({"title", "address", "read"})

Entry = tuple[tuple[str, str], Any]


class BadMapping(ValueError):
    """A file that is no mapping. `problems`: all that is wrong with it, each with its entry's name."""

    def __init__(self, file: str, problems: list[str]) -> None:
        super().__init__(f"{file}: " + "; ".join(problems))
        self.file, self.problems = file, problems


def load(own: str = "") -> Carriers:
    """The shipped vocabularies, and those of the folder `own`, which stand before shipped ones of their name. Raises
    `BadMapping`."""
    paths = {path.stem: path for path in SHIPPED.glob("*.toml")}
    if own:
        mine = {path.stem: path for path in Path(own).glob("*.toml")}
        if not mine:
            raise BadMapping(own, ["no folder with .toml files"])
        paths |= mine
    return Carriers(read(path) for _, path in sorted(paths.items()))


def read(path: Path) -> Vocabulary:
    """The vocabulary that has the file's name. Raises `BadMapping`."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadMapping(str(path), [str(error.strerror)]) from error
    except ValueError as error:  # TOML's errors tell the line
        raise BadMapping(str(path), [f"not TOML, or a code comes twice: {error}"]) from error
    problems = list(_problems(path.stem, content))
    if problems:
        raise BadMapping(str(path), problems)
    prefixes = tuple(content.get("prefixes", ()))
    entries = dict(_entries(content))
    index = {(plain(code, prefixes), plain(sub, prefixes)): status for (code, sub), status in entries.items()}
    sources = tuple(Source(**source) for source in content["sources"])
    return Vocabulary(path.stem, content["title"], sources, prefixes, entries, index)


def _entries(content: Mapping[str, Any]) -> Iterator[Entry]:
    yield from (((code, ""), status) for code, status in content.get("codes", {}).items())
    for code, subcodes in content.get("subcodes", {}).items():
        yield from (((code, subcode), status) for subcode, status in subcodes.items())


def _problems(name: str, content: Mapping[str, Any]) -> Iterator[str]:
    if not _NAME.fullmatch(name):
        yield f"{name!r} is no name of a vocabulary: 1 to 40 of a-z, 0-9, - and _"
    yield from (f"{key}: no such key" for key in sorted(content.keys() - _KEYS))
    if not _is_text(content.get("title")):
        yield "title: missing"
    yield from _bad_sources(content.get("sources"))
    shape = _bad_shape(content)
    if shape:
        yield shape
    else:
        yield from _bad_entries(_entries(content), content.get("prefixes", ()))


def _bad_sources(sources: Any) -> Iterator[str]:
    if not isinstance(sources, list) or not sources:
        yield "sources: missing; say where the codes were read"
        return
    for number, source in enumerate(sources, 1):
        if not isinstance(source, dict) or source.keys() != _SOURCE or not all(map(_is_text, source.values())):
            yield f"sources, number {number}: has {', '.join(sorted(_SOURCE))}, and nothing else"


def _bad_shape(content: Mapping[str, Any]) -> str | None:
    codes, subcodes, prefixes = (content.get(key, usual) for key, usual in _EMPTY.items())
    if not isinstance(codes, dict):
        return "codes: not a table"
    if not isinstance(subcodes, dict) or not all(isinstance(table, dict) for table in subcodes.values()):
        return "subcodes: not a table for each code"
    if not isinstance(prefixes, list) or not all(map(_is_text, prefixes)):
        return "prefixes: not a list of texts"
    return None if codes or any(subcodes.values()) else "codes: there are none"


_EMPTY: dict[str, Any] = {"codes": {}, "subcodes": {}, "prefixes": []}


def _bad_entries(entries: Iterable[Entry], prefixes: Iterable[str]) -> Iterator[str]:
    seen: dict[tuple[str, str], str] = {}
    for (code, subcode), status in entries:
        entry = f"codes.{code}" if not subcode else f"subcodes.{code}.{subcode}"
        key = plain(code, prefixes), plain(subcode, prefixes)
        if not key[0] or any(one != one.strip() or len(one) > CODE_LENGTH for one in (code, subcode)):
            yield f"{entry}: a code has 1 to {CODE_LENGTH} characters, and no space around"
        if key in seen:
            yield f"{entry}: the same as {seen[key]}"
        seen.setdefault(key, entry)
        if not isinstance(status, str) or status not in REACHABLE:
            yield f"{entry}: {status!r} is none of {', '.join(sorted(REACHABLE))}"


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())
