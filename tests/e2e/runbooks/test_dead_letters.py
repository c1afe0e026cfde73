"""docs/operations/dead-letters.md: its commands, typed in its order, print the sums that it shows."""

import re
from pathlib import Path

import topics_reader
from command import lacak
from parcels import cassandra, place, scan, versions
from processes import Process, until
from streams import topics
from streams.settings import Settings

DOCS = Path(__file__).parents[3] / "docs"
PAGE = next(page for page in (DOCS / name / "dead-letters.md" for name in ("operations", "runbooks")) if page.exists())
CONSOLES = re.compile(r"^\$ lacak (rejected (?:list|replay).*)\n((?:(?!\$ |```).*\n)*)", re.M)
SUM = re.compile(r"^\d+ (?:would be |)sent.*$", re.M)
IDS = (71, 72)


def test_the_page_goes_from_three_dead_letters_to_one_that_nothing_helps(settings: Settings) -> None:
    typed = CONSOLES.findall(PAGE.read_text())
    assert sum("replay" in command for command, _ in typed) >= 5
    with Process("track", settings), cassandra(settings) as session:
        place(settings, IDS)
        scan(settings, IDS, "picked_up", "returned")  # `returning` between them is missing
        topics_reader.write(settings, topics.UPDATES.name, [(b"71", b'{"status": "delivered"}')])
        until(lambda: letters(settings) == 3, what="three are rejected")
        scan(settings, IDS, "returning")
        until(lambda: versions(session) == dict.fromkeys(IDS, 3), what="the cause is gone")
        for command, shown in typed:
            printed = lacak(settings, *command.split()).stdout
            assert SUM.findall(printed) == SUM.findall(shown), command
            if "sent again" in printed and "--reason illegal_transition" in command:
                until(lambda: versions(session) == dict.fromkeys(IDS, 4), what="it helped")
            elif "sent again" in printed:
                until(lambda: letters(settings) == 4, what="it did not help")
    assert letters(settings) == 4


def letters(settings: Settings) -> int:
    return len(topics_reader.read(settings, topics.REJECTED.name))
