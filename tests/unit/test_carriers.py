"""Couriers' own codes: what the shipped files say, and that a file which is wrong is told by its entry."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from cli.main import app
from streams import carrier_files
from streams.carrier_codes import UnknownCode, UnknownVocabulary, Vocabulary
from streams.carrier_files import SHIPPED, BadMapping, load, read
from streams.order import STATUSES, TERMINAL

FILES = sorted(SHIPPED.glob("*.toml"))
CARRIERS = load()
DOCS = Path(__file__).parents[2] / "docs"
GOOD = """
title = "Of the tests"
prefixes = ["urn:"]
[[sources]]
title = "A page"
address = "https://example.org"
read = "all of it"
[codes]
Sent = "in_transit"
200 = "delivered"
[subcodes.Sent]
Back = "returning"
"""

# Where a parcel's life ends, as each carrier says it. Terminal statuses cannot be taken back, so each is here.
ENDS: dict[str, dict[str, set[str]]] = {
    "aftership": {"delivered": {"Delivered"}, "returned": {"Exception/Exception_011"}},
    "biteship": {
        "delivered": {"delivered"},
        "returned": {"returned"},
        "cancelled": {"cancelled", "courier_not_found", "courierNotFound"},
    },
    "epcis": {
        "delivered": {"accepting"},
        "returned": {"accepting/returned", "receiving/returned"},
    },
    "kiriminaja": {"delivered": {"200"}, "returned": {"400"}, "cancelled": {"300", "302"}},
    "lionparcel": {"cancelled": {"CSTCNC", "ADMCNC"}},
    "shopify": {"delivered": {"DELIVERED", "PICKED_UP"}},
}


def written(tmp_path: Path, text: str, name: str = "own.toml") -> Path:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def problems(tmp_path: Path, text: str, name: str = "own.toml") -> list[str]:
    with pytest.raises(BadMapping) as caught:
        read(written(tmp_path, text, name))
    return caught.value.problems


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_each_shipped_code_means_one_of_our_statuses_and_says_where_it_was_read(path: Path) -> None:
    vocabulary = read(path)
    assert set(vocabulary.entries.values()) <= set(STATUSES)
    assert all(source.title and source.address and source.read for source in vocabulary.sources)
    for (code, subcode), status in vocabulary.entries.items():
        assert vocabulary.status(code, subcode) == vocabulary.status(code.upper(), subcode.upper()) == status


def test_the_codes_that_end_a_parcels_life_are_these() -> None:
    found = {name: ends(vocabulary) for name, vocabulary in CARRIERS.by_name.items()}
    assert found == ENDS


def ends(vocabulary: Vocabulary) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for (code, subcode), status in vocabulary.entries.items():
        if status in TERMINAL:
            found.setdefault(status, set()).add(f"{code}/{subcode}" if subcode else code)
    return found


@pytest.mark.parametrize(
    ("vocabulary", "code", "subcode", "status"),
    [
        ("aftership", "Exception", "Exception_010", "returning"),
        ("aftership", "Exception", "Exception_016", "exception"),  # a subtag that is not listed: its tag holds
        ("AfterShip", "AvailableForPickup", "AvailableForPickup_001", "ready_for_pickup"),
        ("shopify", "out_for_delivery", None, "out_for_delivery"),
        ("epcis", "departing", "in_transit", "in_transit"),
        ("epcis", "urn:epcglobal:cbv:bizstep:shipping", "urn:epcglobal:cbv:disp:returned", "returning"),
        ("epcis", "https://ref.gs1.org/cbv/BizStep-receiving", "https://ref.gs1.org/cbv/Disp-returned", "returned"),
        ("biteship", "droppingOff", None, "out_for_delivery"),
        ("kiriminaja", "152", None, "attempt_failed"),
    ],
)
def test_a_code_is_understood_as_its_carrier_writes_it(
    vocabulary: str, code: str, subcode: str | None, status: str
) -> None:
    assert CARRIERS.status(vocabulary, code, subcode) == status


def test_what_is_in_no_file_is_unknown() -> None:
    with pytest.raises(UnknownCode):
        CARRIERS.status("aftership", "Pending")
    with pytest.raises(UnknownCode):
        CARRIERS.status("epcis", "commissioning", "active")
    with pytest.raises(UnknownVocabulary, match="'jne' is none of aftership, biteship, "):
        CARRIERS.status("jne", "D01")


@given(st.sampled_from(FILES), st.data())
def test_a_shipped_file_that_is_mutated_is_no_mapping(
    tmp_path_factory: pytest.TempPathFactory, path: Path, data: st.DataObject
) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    entries = [i for i, line in enumerate(lines) if ' = "' in line and line.split(' = "')[1].split('"')[0] in STATUSES]
    at = data.draw(st.sampled_from(entries))
    code, _, rest = lines[at].partition(' = "')
    mutations = {
        "a word that is none": [*lines[:at], f'{code} = "x{rest}', *lines[at + 1 :]],
        "a status that nothing leads to": [*lines[:at], f'{code} = "placed"', *lines[at + 1 :]],
        "a code that comes twice": [*lines[: at + 1], lines[at], *lines[at + 1 :]],
        "no source": [line for line in lines if not line.startswith(("[[sources]]", "address", "read"))],
        "nothing in it": [line for i, line in enumerate(lines) if i not in entries],
        "another key": ["colour = 'red'", *lines],
        "half of it": [*lines[:at], code + ' = "'],
    }
    text = "\n".join(mutations[data.draw(st.sampled_from(sorted(mutations)))])
    with pytest.raises(BadMapping):
        read(written(tmp_path_factory.mktemp("mutated"), text, path.name))


def test_all_that_is_wrong_is_told_by_file_and_entry(tmp_path: Path) -> None:
    text = GOOD.replace("Sent =", "sent = 'gone'\nSENT = 'lost'\nSent =").replace("Back = ", "' Back' = 7\nback = ")
    assert problems(tmp_path, text.replace('title = "A page"\n', ""), "Own.toml") == [
        "'Own' is no name of a vocabulary: 1 to 40 of a-z, 0-9, - and _",
        "sources, number 1: has address, read, title, and nothing else",
        f"codes.sent: 'gone' is none of {', '.join(sorted(carrier_files.REACHABLE))}",
        "codes.SENT: the same as codes.sent",
        "codes.Sent: the same as codes.sent",
        "subcodes.Sent. Back: a code has 1 to 99 characters, and no space around",
        f"subcodes.Sent. Back: 7 is none of {', '.join(sorted(carrier_files.REACHABLE))}",
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (GOOD.replace('[codes]\nSent = "in_transit"', '[codes]\nSent = "lost"\nSent = "in_transit"'), "line 10"),
        (GOOD.replace('["urn:"]', '"urn:"'), "prefixes: not a list of texts"),
        (GOOD.replace("200 =", '"urn:sent" = "lost"\n200 ='), "codes.urn:sent: the same as codes.Sent"),
        (GOOD.replace("200 =", '"urn:" = "lost"\n200 ='), "codes.urn:: a code has 1 to 99 characters"),
        (GOOD.replace("200 =", f'{"x" * 100} = "lost"\n200 ='), "a code has 1 to 99 characters"),
        (GOOD.replace("[subcodes.Sent]", "[subcodes]"), "subcodes: not a table for each code"),
        (GOOD.replace("[codes]", "[words]"), "words: no such key"),
        (GOOD.replace('title = "Of the tests"', ""), "title: missing"),
        (GOOD + "\x00", "not TOML"),
    ],
)
def test_a_file_that_is_wrong_says_what(tmp_path: Path, text: str, problem: str) -> None:
    assert problem in "; ".join(problems(tmp_path, text))


def test_bytes_that_are_no_text_and_a_file_that_is_not_there_are_told_too(tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_bytes(b"title = '\xff'")
    with pytest.raises(BadMapping, match=r"own.toml: not TOML"):
        read(tmp_path / "own.toml")
    with pytest.raises(BadMapping, match=r"none.toml: No such file"):
        read(tmp_path / "none.toml")


def test_a_file_of_ones_own_stands_in_the_place_of_the_shipped_one(tmp_path: Path) -> None:
    written(tmp_path, GOOD, "aftership.toml")
    written(tmp_path, GOOD, "jne.toml")
    own = load(str(tmp_path))
    assert own.status("aftership", "sent", "back") == own.status("jne", "urn:Sent", "Back") == "returning"
    with pytest.raises(UnknownCode):
        own.status("aftership", "Delivered")
    assert own.status("shopify", "DELIVERED") == "delivered"


def test_a_folder_without_a_mapping_and_one_with_a_bad_one_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadMapping, match=r"no folder with \.toml files"):
        load(str(tmp_path / "nowhere"))
    written(tmp_path, GOOD.replace("delivered", "gone"), "jne.toml")
    with pytest.raises(BadMapping, match=r"jne.toml: codes.200: 'gone' is none of"):
        load(str(tmp_path))


def test_lacak_carriers_check_tells_what_is_wrong_and_ends_with_1(tmp_path: Path) -> None:
    good, bad = written(tmp_path, GOOD, "good.toml"), written(tmp_path, GOOD.replace("delivered", "gone"), "bad.toml")
    fine = CliRunner().invoke(app, ["carriers", "check", str(good)])
    assert (fine.exit_code, fine.output) == (0, f"{good}: Of the tests; 3 codes, 3 statuses\n")
    failed = CliRunner().invoke(app, ["carriers", "check", str(good), str(bad)])
    assert f"{bad}: codes.200: 'gone' is none of" in failed.output
    assert str(failed.exception) == "1 of 2 is no mapping"
    assert failed.exception.code == 1  # type: ignore[union-attr]


def test_lacak_carriers_list_shows_the_shipped_and_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(tmp_path, GOOD, "jne.toml")
    monkeypatch.setenv("LACAK_CARRIERS_DIR", str(tmp_path))
    names = [line.split("\t")[0] for line in CliRunner().invoke(app, ["carriers", "list"]).output.splitlines()]
    assert names == sorted({*CARRIERS.by_name, "jne"})
    assert CliRunner().invoke(app, ["carriers", "list", "JNE"]).output.splitlines() == [
        "# A page, https://example.org: all of it",
        "Sent\t\tin_transit",
        "200\t\tdelivered",
        "Sent\tBack\treturning",
    ]
    unknown = CliRunner().invoke(app, ["carriers", "list", "tiki"])
    assert str(unknown.exception).startswith("no mapping 'tiki'; there are aftership, ")


def test_the_docs_name_each_shipped_vocabulary_and_its_sources() -> None:
    page = (DOCS / "carriers.md").read_text()
    for vocabulary in CARRIERS.by_name.values():
        assert f"| `{vocabulary.name}` |" in page
        assert all(source.address.split()[0] in page for source in vocabulary.sources), vocabulary.name
