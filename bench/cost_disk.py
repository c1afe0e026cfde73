"""What lies on the servers' disks, for `figures.py`."""

import stack
from deploy.local.services import start_all
from streams.settings import Settings

START_SECONDS = 600.0  # it has all of its commit log to read
HISTORY = "order_status_history"


def topic_bytes(own: stack.Servers, settings: Settings, topic: str) -> int:
    """The topic's records as the broker keeps them, its indexes left out (it makes them larger than they are)."""
    data = own.services["kafka"].process.folder / "data" / "kafka"
    return sum(each.stat().st_size for each in data.glob(f"{settings.topic(topic)}-*/*.log"))


def flush_tables(own: stack.Servers) -> None:
    """Kills Cassandra and starts it again: then it writes what its commit log holds into one SSTable a table, which is
    as good as compacted."""
    own.kill9("cassandra")
    start_all([own.services["cassandra"]], print, START_SECONDS)


def table_bytes(own: stack.Servers, settings: Settings) -> tuple[int, int]:
    """(of the history, of all other tables): SSTables with their indexes and filters."""
    data = own.services["cassandra"].process.folder / "data" / "cassandra" / "data" / settings.cassandra_keyspace
    sizes = {
        table.name.rpartition("-")[0]: sum(each.stat().st_size for each in table.iterdir() if each.is_file())
        for table in data.iterdir()
    }
    history = sizes.pop(HISTORY)
    return history, sum(sizes.values())
