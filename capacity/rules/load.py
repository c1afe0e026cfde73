"""What comes in a second."""

from capacity.rules.rule import Rule

RULES = (
    Rule("events", "/s", "orders_per_day * events_per_order / 86400", "on average, over a day"),
    Rule("peak_events", "/s", "events * peak", "everything is sized for this second"),
    Rule("peak_orders", "/s", "peak_events / events_per_order", "orders placed"),
    Rule("peak_updates", "/s", "peak_events - peak_orders", "couriers' updates"),
    Rule("peak_posts", "/s", "peak_orders + peak_updates / updates_per_post", "requests that bring them"),
    Rule("peak_reads", "/s", "peak_orders * reads_per_order", "GETs of an order"),
    Rule("peak_connects", "/s", "connections / (minutes_per_connection * 60)", "live connections that begin"),
    Rule("zones_left", "", "max(zones - 1, 1)", "when one is lost; of one zone nothing can be"),
)
