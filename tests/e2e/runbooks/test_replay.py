"""docs/operations/replay.md: read again from a moment on, what is gone comes back, and what is right stays."""

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import stack
import topics_reader
from parcels import cassandra, everything, lose, now, place, scan, versions
from processes import Process, until
from runbook import Runbook, kafka_tools, lags
from streams.settings import Settings

IDS, EARLY = range(1, 21), 21


def test_rows_that_are_gone_come_back_as_they_were_and_nobody_is_told_anything_new(
    servers: stack.Servers, settings: Settings, tmp_path: Path
) -> None:
    page = Runbook("replay", settings, tmp_path, kafka_tools(servers))
    since = datetime.fromtimestamp(now() / 1000 - 60, UTC).strftime("%Y-%m-%dT%H:%M:%S.000")
    track = Process("track", settings)
    with track, Process("notify", settings), cassandra(settings) as session:
        scan(settings, [EARLY], "picked_up")  # and waits for its order
        place(settings, [*IDS, EARLY])
        scan(settings, IDS, "picked_up", "returned", "out_for_delivery")  # the second is refused
        until(lambda: versions(session) == dict.fromkeys(IDS, 3) | {EARLY: 2}, what="all are out for delivery")
        until(lambda: len(notifications(settings)) == 2 * len(IDS) + 1, what="all are notified")
        before, events, told = everything(session), published(settings), notifications(settings)
        rejected = topics_reader.read(settings, "courier-status-rejected")
        track.stop()
        lose(session, before)

        dry = page.run("2. From where", SINCE=since)
        assert settings.topic("orders") in dry and settings.topic("courier-status-updates") in dry
        page.run("3. Reset", SINCE=since)
        track.start()
        until(lambda: everything(session) == before, what="all is as it was")
        until(lambda: lags(printed := page.run("5. It is over")) == {0} and " 0 would be written" in printed)

        again = published(settings)
        assert again.keys() == events.keys() and set(again.values()) == {2}, "the same bytes, once more"
        scan(settings, IDS, "delivered")
        until(lambda: versions(session) == dict.fromkeys(IDS, 4) | {EARLY: 2}, what="and life goes on")
        until(lambda: len(notifications(settings)) == len(told) + len(IDS), what="the customers are told of that only")
    assert len(topics_reader.read(settings, "courier-status-rejected")) == 2 * len(rejected)


def published(settings: Settings) -> Counter[bytes]:
    return Counter(record.value() or b"" for record in topics_reader.read(settings, "order-status-changed"))


def notifications(settings: Settings) -> list[str]:
    messages = topics_reader.messages(settings, "user-notifications", "UserNotification")
    return [each["notification_id"] for each in messages]
