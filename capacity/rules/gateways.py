"""The push gateways: each reads every change, and has a share of the connections."""

from capacity.rules.rule import Rule

RULES = (
    Rule(
        "gateway_floor_cores",
        "cores",
        "gateway_idle_cores + peak_events * gateway_us_per_change / 1e6",
        "of each gateway, for the changes that none of its clients watches",
        needs=(
            "utilisation - gateway_floor_cores",
            "at this peak a gateway has no time for clients: one core cannot read the whole topic",
        ),
    ),
    Rule(
        "push_cores",
        "cores",
        "((peak_events * pushes_per_change + connections / heartbeat) * gateway_us_per_push "
        "+ peak_connects * gateway_us_per_accept) / 1e6",
        "of all gateways together, for changes, heartbeats, and clients that come",
    ),
    Rule(
        "gateways",
        "",
        "zones * max(1, ceil(push_cores / (utilisation - gateway_floor_cores) / zones), "
        "ceil(max(connections / connections_per_gateway, "
        "push_cores / (utilisation_in_loss - gateway_floor_cores)) / zones_left))",
        "the gateways of the zones that are left hold all connections",
    ),
    Rule("gateway_connections", "", "connections / gateways", "of one gateway, usually"),
    Rule(
        "gateway_cores_in_loss",
        "cores",
        "gateway_floor_cores + push_cores / (gateways * zones_left / zones)",
        "of one gateway with a zone lost",
    ),
    Rule(
        "gateway_return_seconds",
        "s",
        "(connections / zones) / (gateways * zones_left / zones) * gateway_us_per_accept / 1e6",
        "of one gateway's core until a lost zone's clients are back, all coming at once",
    ),
    Rule(
        "gateway_memory_mib",
        "MiB",
        "gateway_mib + (connections_per_gateway * (gateway_bytes_per_connection "
        "+ gateway_kernel_bytes_per_connection) + ring_bytes) / 1048576",
        "of one full gateway: itself, its clients (the kernel's part too), its ring",
    ),
    Rule(
        "ring_seconds_at_peak",
        "s",
        "ring_bytes / (peak_events * (changed_bytes + 250))",
        "a client may be away so long at the peak, and still resume; a record takes 250 B more in memory",
    ),
)
