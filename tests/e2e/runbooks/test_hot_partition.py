"""docs/operations/hot-partition.md: its command names the order that fills a partition."""

from pathlib import Path

from parcels import scan
from runbook import Runbook
from streams.settings import Settings
from streams.topics import UPDATES, partition_of

HOT = 7


def test_the_order_that_fills_the_partition_comes_first(settings: Settings, tmp_path: Path) -> None:
    for _ in range(30):
        scan(settings, [HOT], "in_transit")
    scan(settings, range(1, 40), "in_transit")
    where = {
        "TOPIC": settings.topic(UPDATES.name),
        "PARTITION": str(partition_of(str(HOT).encode(), settings.partitions)),
    }
    first = Runbook("hot-partition", settings, tmp_path).run("Which key", **where).splitlines()[0]
    assert first.split() == ["31", str(HOT)]
