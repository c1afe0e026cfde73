"""Couriers' own words for what happens to a parcel: which of our statuses a code of theirs means.

The words are data, a file a vocabulary (streams/carrier_files.py). They are for the edge alone, REST and `lacak load`:
the worker takes our statuses only (docs/decisions/0009-carrier-codes.md says why).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

CODE_LENGTH = 99  # of a code and of a subcode: both, and what is between them, fit into a substatus

Entries = Mapping[tuple[str, str], str]


class UnknownVocabulary(LookupError):
    """There is none of that name."""


class UnknownCode(LookupError):
    """The vocabulary says nothing of that code."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where codes were read: the document's title, its address, and what of it."""

    title: str
    address: str
    read: str


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """One carrier's codes. `entries`: (code, subcode or "") as their file writes them → our status."""

    name: str
    title: str
    sources: tuple[Source, ...]
    prefixes: tuple[str, ...]
    entries: Entries
    index: Entries  # the same by their plain forms

    def status(self, code: str, subcode: str | None = None) -> str:
        """What a code means, in upper or lower case. A subcode that is not listed adds nothing to its code. Raises
        `UnknownCode`."""
        first, second = plain(code, self.prefixes), plain(subcode or "", self.prefixes)
        status = self.index.get((first, second)) or self.index.get((first, ""))
        if status is None:
            raise UnknownCode(code)
        return status


class Carriers:
    """All vocabularies, by their names."""

    def __init__(self, vocabularies: Iterable[Vocabulary]) -> None:
        self.by_name: Mapping[str, Vocabulary] = {one.name: one for one in vocabularies}

    def status(self, vocabulary: str, code: str, subcode: str | None = None) -> str:
        """What a code means. Raises `UnknownVocabulary` or `UnknownCode`."""
        known = self.by_name.get(vocabulary.lower())
        if known is None:
            raise UnknownVocabulary(f"{vocabulary!r} is none of {', '.join(self.by_name)}")
        return known.status(code, subcode)


def plain(code: str, prefixes: Iterable[str]) -> str:
    """A code without the prefixes that its carrier may write, in lower case."""
    for prefix in prefixes:
        code = code.removeprefix(prefix)
    return code.lower()


def written(code: str, subcode: str | None) -> str:
    """Both as one text, which an update keeps as its substatus."""
    return f"{code}/{subcode}" if subcode else code
