"""What it costs a month, at the prices that are given."""

from capacity.rules.rule import A_MONTH, Rule

HOURS = "730"
SECONDS = "2628000"


def _machines(machine: str, count: str, why: str) -> Rule:
    return Rule(f"{machine}_cost", A_MONTH, f"{count} * {machine}_hour * {HOURS}", why)


RULES = (
    Rule(
        "pod_cores_wanted",
        "cores",
        "track_workers + notify_workers + apis + gateways * gateway_cores_in_loss / utilisation_in_loss",
        "of all Python processes: a core each, and to a gateway what it needs",
    ),
    Rule(
        "pod_gib_wanted",
        "GiB",
        "(track_workers * track_memory_mib + notify_workers * notify_mib + apis * api_mib "
        "+ gateways * gateway_memory_mib) / 1024",
        "their memory",
    ),
    Rule(
        "pod_nodes",
        "",
        "zones * ceil(max(pod_cores_wanted / pod_node_cores, pod_gib_wanted / pod_node_gib) / pod_node_used / zones)",
        "machines for them, as many in each zone",
    ),
    _machines("pod_node", "pod_nodes", "machines of the Python processes"),
    _machines("broker", "brokers", "machines of the brokers"),
    _machines("cassandra_node", "cassandra_nodes", "machines of Cassandra"),
    Rule(
        "disk_cost",
        A_MONTH,
        "(kafka_disk_gib + cassandra_disk_gib) * disk_gib_month",
        "disks of the brokers and of Cassandra",
    ),
    Rule(
        "between_zones_gb",
        "GB a month",
        "((kafka_in_mbps + kafka_out_mbps) * (zones - 1) / zones + kafka_replication_mbps "
        f"+ events * peak * cassandra_bytes / events_per_order * replication / 1e6) / peak * {SECONDS} / 1e3",
        "replicas, and clients of brokers, which are in another zone two times of three",
    ),
    Rule("between_zones_cost", A_MONTH, "between_zones_gb * between_zones_gb_price", "traffic between zones"),
    Rule("internet_gb", "GB a month", f"push_mbps / peak * {SECONDS} / 1e3", "to customers"),
    Rule("internet_cost", A_MONTH, "internet_gb * internet_gb_price", "traffic to customers"),
    Rule("fixed_cost", A_MONTH, f"fixed_hour * {HOURS}", "the cluster's control plane and its load balancer"),
    Rule(
        "total_cost",
        A_MONTH,
        "pod_node_cost + broker_cost + cassandra_node_cost + disk_cost + between_zones_cost + internet_cost "
        "+ fixed_cost",
        "without backups, monitoring, the API gateway's machines, support, taxes and discounts",
    ),
)
