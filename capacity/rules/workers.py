"""The workers and the APIs: Python processes, each with one core at most."""

from capacity.rules.rule import Rule, spread


def _each(worker: str, utilisation: str) -> str:
    return f"max(1, min(partitions, floor(({utilisation} - {worker}_idle_cores) * partitions / {worker}_cores)))"


def _worker(worker: str, cores: str, why: str) -> tuple[Rule, ...]:
    """A worker is given whole partitions: so many that it can carry, and the number of workers follows from that."""
    return (
        Rule(f"{worker}_partitions", "", _each(worker, "utilisation"), f"that one {worker} worker carries"),
        Rule(
            f"{worker}_partitions_in_loss",
            "",
            _each(worker, "utilisation_in_loss"),
            "the same while a zone is lost",
        ),
        Rule(
            f"{worker}_workers",
            "",
            f"zones * max(ceil(ceil(partitions / {worker}_partitions) / zones), "
            f"ceil(ceil(partitions / {worker}_partitions_in_loss) / zones_left))",
            why,
        ),
    )


RULES = (
    Rule(
        "track_us",
        "µs",
        "track_us_per_event + uncached * (track_us_per_uncached_event - track_us_per_event)",
        "CPU of an event: an order that is not in memory is read first",
    ),
    Rule("track_cores", "cores", "peak_events * track_us / 1e6", "busy with order tracking"),
    Rule("notify_cores", "cores", "peak_events * notify_us_per_event / 1e6", "busy with notifications"),
    Rule(
        "partitions",
        "",
        "max(min_partitions, 12 * ceil(growth * max(track_cores, notify_cores) / utilisation / 12))",
        "of each topic: a worker needs one at least, and twelves are shared out evenly by most numbers",
    ),
    *_worker("track", "track_cores", "order-tracking workers, as many in each zone"),
    *_worker("notify", "notify_cores", "notification workers, as many in each zone"),
    Rule(
        "track_memory_mib",
        "MiB",
        "track_mib + cached_orders * track_bytes_per_cached_order / 1048576",
        "of one order-tracking worker with a full cache",
    ),
    Rule(
        "api_cores",
        "cores",
        "(peak_posts * api_us_per_post + (peak_events - peak_posts) * api_us_per_batched_update "
        "+ (peak_reads + peak_connects) * api_us_per_read) / 1e6",
        "busy with requests; a ticket for a live connection is taken to cost what a GET does",
    ),
    Rule("apis", "", spread("api"), "API processes, as many in each zone"),
)
