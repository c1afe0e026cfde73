"""Brokers and Cassandra nodes: by disk, by CPU, and as many in each zone."""

from capacity.rules.rule import Rule


def _servers(server: str, kind: str, at_most_gib: str, why: str) -> Rule:
    usual, loss = (
        f"{kind}_cores / ({server}_cores * {utilisation} - {kind}_idle_cores)"
        for utilisation in ("utilisation", "utilisation_in_loss")
    )
    return Rule(
        f"{server}s",
        "",
        f"zones * max(ceil(replication / zones), ceil({kind}_disk_gib / {at_most_gib} / zones), "
        f"ceil({usual} / zones), ceil({loss} / zones_left))",
        why,
    )


RULES = (
    Rule(
        "kafka_tib",
        "TiB",
        "kafka_in_mbps / peak * 1e6 * 86400 * topic_days * replication / 1099511627776",
        "all replicas of all topics, an average day's bytes",
    ),
    Rule("kafka_disk_gib", "GiB", "kafka_tib * 1024 / broker_disk_used", "of all brokers together"),
    Rule(
        "kafka_cores",
        "cores",
        "(peak_events * kafka_us_per_event * replication + gateways * peak_events * kafka_us_per_fetched) / 1e6",
        "of all brokers: a replica is taken to cost what the one measured did; each gateway reads everything",
    ),
    _servers("broker", "kafka", "broker_gib_at_most", "brokers, as many in each zone"),
    Rule("broker_gib", "GiB", "kafka_disk_gib / brokers", "disk of one broker"),
    Rule(
        "cassandra_bytes",
        "B",
        "cassandra_bytes_per_order + events_per_order * cassandra_bytes_per_event",
        "of one order with its history, on one replica, compressed and compacted",
    ),
    Rule(
        "cassandra_tib",
        "TiB",
        "orders_per_day * retention_days * cassandra_bytes * replication / 1099511627776",
        "all replicas of all orders that are kept",
    ),
    Rule("cassandra_disk_gib", "GiB", "cassandra_tib * 1024 / cassandra_disk_used", "of all nodes together"),
    Rule(
        "cassandra_us",
        "µs",
        "cassandra_us_per_event + uncached * (cassandra_us_per_uncached_event - cassandra_us_per_event)",
        "CPU of an event on one replica",
    ),
    Rule(
        "cassandra_cores",
        "cores",
        "(peak_events * cassandra_us * replication + (peak_reads + peak_connects * orders_per_snapshot) "
        "* cassandra_us_per_read * (floor(replication / 2) + 1)) / 1e6",
        "of all nodes: each replica writes, a quorum reads; a snapshot is taken to read so many orders",
    ),
    _servers(
        "cassandra_node",
        "cassandra",
        "cassandra_gib_at_most",
        "Cassandra nodes, as many in each zone",
    ),
    Rule("cassandra_node_gib", "GiB", "cassandra_disk_gib / cassandra_nodes", "disk of one node"),
)
