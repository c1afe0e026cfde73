"""What goes over the network at the peak, before encryption."""

from capacity.rules.rule import Rule

RULES = (
    Rule(
        "input_mbps",
        "MB/s",
        "(peak_orders * order_bytes + peak_updates * update_bytes) / 1e6",
        "orders and updates into Kafka",
    ),
    Rule("changed_mbps", "MB/s", "peak_events * changed_bytes / 1e6", "changes, into Kafka"),
    Rule(
        "notification_mbps",
        "MB/s",
        "peak_events * notifications_per_event * notification_bytes / 1e6",
        "notifications, into Kafka",
    ),
    Rule("kafka_in_mbps", "MB/s", "input_mbps + changed_mbps + notification_mbps", "what is produced"),
    Rule("kafka_replication_mbps", "MB/s", "kafka_in_mbps * (replication - 1)", "between brokers"),
    Rule(
        "kafka_out_mbps",
        "MB/s",
        "input_mbps + changed_mbps * (1 + gateways)",
        "to the workers, and the whole of the changes to each gateway",
    ),
    Rule(
        "push_mbps",
        "MB/s",
        "(peak_events * pushes_per_change * push_bytes + connections / heartbeat * heartbeat_bytes) / 1e6",
        "to customers",
    ),
)
