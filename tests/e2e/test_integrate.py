"""docs/integrate.md is true: each snippet, run as it stands, prints what the page shows below it."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from lacak import Lacak
from processes import until
from streams.topics import ALL, ORDERS

PAGE = Path(__file__).parents[2] / "docs/integrate.md"
COMMANDS = {
    "sh": ["bash", "-euo", "pipefail"],
    "python": [sys.executable, "-"],
    "js": ["node", "--input-type=module", "-"],
}
BROWSER = "html"
FENCES = re.compile(rf"^```({'|'.join([*COMMANDS, BROWSER])})\n(.*?)^```\n```(?:json|text)\n(.*?)^```$", re.M | re.S)
TIME = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z")
TRIES = 40
WATCHED = "1010"  # the order that moves while somebody watches


@dataclass(frozen=True)
class Snippet:
    """One of the page's, and what it shows below it."""

    language: str
    code: str
    shown: str
    line: int

    @property
    def lasts(self) -> bool:
        """Whether it goes on until it is stopped."""
        return self.language == BROWSER or "/v1/live" in self.code or "while True" in self.code

    @property
    def only_reads(self) -> bool:
        """Whether it may ask again for what is there a moment later."""
        return not re.search(r"POST|\.post\(|\.produce\(", self.code)

    def prints(self, output: str) -> bool:
        """Whether that is what is shown: `…` and times are whatever they are, and equal lines are equal."""
        lines = self.shown.splitlines()
        whole = re.fullmatch("\n".join(map(_pattern, lines)), output.strip())
        return bool(whole) and len(set(lines)) == len(set(output.split("\n")[: len(lines)]))

    def has_printed(self, output: str) -> bool:
        """Whether the shown lines are there, in that order, whatever is between them."""
        return bool(re.search("^" + "$(?:.|\n)*^".join(map(_pattern, self.shown.splitlines())) + "$", output, re.M))


def _pattern(line: str) -> str:
    return re.escape(TIME.sub("…", line)).replace("…", ".*")


def snippets() -> list[Snippet]:
    text = PAGE.read_text()
    return [Snippet(*found.groups(), text.count("\n", 0, found.start()) + 1) for found in FENCES.finditer(text)]


ONCE = [snippet for snippet in snippets() if not snippet.lasts]
LASTING = [snippet for snippet in snippets() if snippet.lasts]


@pytest.fixture(scope="module")
def surroundings(lacak: Lacak) -> dict[str, str]:
    """The variables that the page asks for."""
    tokens = {
        "SHOP": lacak.token("orders:write", sub="a-shop"),
        "COURIER": lacak.token("status:write", sub="jne", courier="jne"),
        "CUSTOMER": lacak.token("orders:read", sub="42"),
    }
    return {**os.environ, "LACAK": lacak.url, "KAFKA": lacak.settings.kafka_bootstrap, **tokens}


@pytest.fixture(scope="module")
def watched(lacak: Lacak) -> str:
    lacak.place(42, id_order=WATCHED)
    until(lambda: lacak.order(WATCHED), what="the order is there")
    return WATCHED


def here(snippet: Snippet, lacak: Lacak) -> str:
    """Its code; topics have a prefix here, as in a Kafka that several Lacaks share."""
    code = snippet.code
    for topic in set(ALL) - {ORDERS}:
        code = code.replace(topic.name, lacak.settings.topic(topic.name))
    return code


def test_no_snippet_is_overlooked() -> None:
    """What is not run is said to be a console's."""
    assert PAGE.read_text().count("\n```") == 4 * len(snippets()) + 2
    assert {snippet.language for snippet in ONCE} == set(COMMANDS)


def test_the_jobs_are_done_as_the_page_says_from_top_to_bottom(lacak: Lacak, surroundings: dict[str, str]) -> None:
    for snippet in ONCE:
        for _ in range(TRIES if snippet.only_reads else 1):
            if snippet.prints(printed := ran(snippet, lacak, surroundings)):
                break
            time.sleep(0.5)
        else:
            raise AssertionError(f"{PAGE.name}, line {snippet.line}, printed {printed}")


def ran(snippet: Snippet, lacak: Lacak, surroundings: dict[str, str]) -> str:
    """What it has printed in the end."""
    command, code = COMMANDS[snippet.language], here(snippet, lacak)
    done = subprocess.run(command, input=code, env=surroundings, capture_output=True, text=True, timeout=60)
    return done.stdout + done.stderr


@contextmanager
def started(snippet: Snippet, code: str, surroundings: dict[str, str], out: Path) -> Iterator[Callable[[], str]]:
    """What it has printed so far, while it runs."""
    with (
        out.open("wb") as file,
        subprocess.Popen(
            COMMANDS[snippet.language], stdin=subprocess.PIPE, stdout=file, stderr=file, env=surroundings
        ) as child,
    ):
        assert child.stdin is not None
        child.stdin.write(code.encode())
        child.stdin.close()
        try:
            yield out.read_text
        finally:
            child.kill()


@contextmanager
def opened(snippet: Snippet, browser: Browser, surroundings: dict[str, str]) -> Iterator[Callable[[], str]]:
    """The same, in a page of the gateway's origin whose backend gives the customer's token."""
    page, printed = browser.new_page(), list[str]()
    page.on("console", lambda message: printed.append(message.text))
    page.on("pageerror", lambda error: printed.append(str(error)))
    page.route("**/my/token", lambda route: route.fulfill(body=surroundings["CUSTOMER"]))
    page.goto(f"{surroundings['LACAK']}/v1/lifecycle")  # a page that the gateway did not send may open no WebSocket
    page.set_content(snippet.code)

    def so_far() -> str:
        page.wait_for_timeout(50)  # and not a sleep, in which nothing would be heard
        return "\n".join(printed)

    yield so_far
    page.close()


@pytest.mark.parametrize("snippet", LASTING, ids=lambda snippet: f"{snippet.language}, line {snippet.line}")
def test_whoever_watches_or_consumes_is_shown_a_change(
    lacak: Lacak, surroundings: dict[str, str], browser: Browser, watched: str, snippet: Snippet, tmp_path: Path
) -> None:
    running = (
        opened(snippet, browser, surroundings)
        if snippet.language == BROWSER
        else started(snippet, here(snippet, lacak), surroundings, tmp_path / "out")
    )
    with running as printed:
        until(printed, 30, "it has printed something")
        lacak.update(watched, "in_transit")
        until(lambda: snippet.has_printed(printed()), 30, printed())
