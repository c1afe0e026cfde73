"""Every Prometheus metric, once: for the API, the workers, and live push. Times are in seconds."""

from prometheus_client import Counter, Gauge, Histogram

from streams.tally import Ages, Distribution, Tallies

_FINE = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_LONG = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)

# Every process
PARTITIONS = Gauge("lacak_partitions", "Partitions of the keyed topics, as this process is set")
RETRIES = Counter("lacak_dependency_retries_total", "Tries that failed since a dependency was away", ["dependency"])

# Order-tracking worker
RECORDS = Counter("lacak_records_total", "Records read by the order-tracking worker", ["topic"])
OUTCOMES = Counter("lacak_outcomes_total", "What became of each record", ["outcome"])
REJECTED = Counter("lacak_rejected_total", "Records sent to courier-status-rejected", ["reason"])
MISROUTED = Counter("lacak_misrouted_total", "Records forwarded to the partition of their key", ["topic"])
CORRECTIONS = Counter("lacak_corrections_total", "Terminal statuses taken back by operators", ["from", "to"])
WAITING = Counter("lacak_waiting_total", "Updates that came before their order")
PERSIST_SECONDS = Distribution(
    "lacak_persist_seconds", "From a record's append to its effects written and confirmed", buckets=_LONG
)
APPEND_CLOCK = Gauge("lacak_append_clock_ahead_seconds", "How far the newest record's append time was ahead of ours")
BATCH_SECONDS = Histogram("lacak_batch_seconds", "One batch of one partition, read to acknowledged", buckets=_LONG)
WRITE_SECONDS = Histogram("lacak_cassandra_write_seconds", "All Cassandra writes of one batch", buckets=_LONG)
PUBLISH_SECONDS = Histogram("lacak_publish_seconds", "All events of one batch, sent to confirmed", buckets=_LONG)
CACHED = Gauge("lacak_cached_orders", "Orders in the worker's memory")
LOADED = Counter("lacak_loaded_orders_total", "Orders read from Cassandra: not in the worker's memory")

# Both workers
LAG = Gauge("lacak_consumer_lag", "Records appended and not yet acknowledged", ["topic", "partition"])
UNACKNOWLEDGED = Ages(
    "lacak_oldest_unacknowledged_seconds",
    "All that was appended before so many seconds is acknowledged; a partition without a worker has none",
    ["topic", "partition"],
)

# Through agents/clocks.py; streams/labels.py bounds the couriers
CLOCKS = Counter("lacak_courier_clock_total", "Updates whose time cannot be right", ["courier", "runs"])
CLOCK_OFF = Gauge("lacak_courier_clock_off_seconds", "By how much, the last time", ["courier", "runs"])

# Notification worker
NOTIFICATIONS = Counter("lacak_notifications_total", "Notifications emitted", ["status"])
NOTIFY_SKIPPED = Counter("lacak_notify_skipped_total", "Changes that need no notification", ["why"])

# Order-tracking API
REQUESTS = Counter("lacak_http_requests_total", "HTTP requests", ["method", "route", "status"])
REQUEST_SECONDS = Histogram(
    "lacak_http_request_seconds", "HTTP requests, long-lived ones excepted", ["route"], buckets=_FINE
)
ACCEPTED = Counter("lacak_accepted_total", "Records that Kafka has on all in-sync replicas", ["topic"])
KEY_REQUESTS = Counter("lacak_api_key_requests_total", "Requests with an API key", ["id", "name"])
LIMITED = Counter("lacak_rate_limited_total", "Requests answered 429", ["policy"])
NO_IDS = Counter("lacak_no_ids_total", "Orders answered 503 since no id could be given")
SHED = Counter("lacak_shed_total", "Requests answered 503 since Kafka did not keep up")
IDEMPOTENT = Counter("lacak_idempotent_requests_total", "POSTs with an Idempotency-Key", ["outcome"])

# API and gateway
READY = Gauge("lacak_ready", "Whether what /readyz checks is there", ["check"])
REFRESHED_AT = Gauge("lacak_refreshed_timestamp_seconds", "When a copy of what others keep was last read", ["what"])

# Order tracking and its API, through streams/unknown_codes.py; streams/labels.py bounds the labels
UNKNOWN_CODES = Counter(
    "lacak_unknown_codes_total", "Couriers' words that are no status, and that no mapping knows", ["courier", "code"]
)

# All, through streams/spans.py
SPANS = Counter("lacak_trace_spans_total", "Spans, sent to the collector or dropped", ["outcome"])

# Live push
FED = Gauge(
    "lacak_live_fed", "Whether a gateway has all there is and hears Kafka; one that drains does, too", ["topic"]
)
CONNECTION_LIMIT = Gauge("lacak_live_connection_limit", "Live connections that this gateway takes")
CONNECTIONS = Tallies("lacak_live_connections", "Open live connections", ["transport"], gauge=True)
PUSHED = Tallies("lacak_live_pushed_total", "Frames written", ["transport", "type"])
CUT = Tallies("lacak_live_closed_total", "Connections closed by the gateway", ["transport", "code"])
RESUMES = Tallies("lacak_live_resumes_total", "Cursors presented", ["outcome"])
RING_CHANGES = Gauge("lacak_live_ring_changes", "Changes that can be resumed")
RING_BYTES = Gauge("lacak_live_ring_bytes", "Bytes of the ring")
PUSH_SECONDS = Distribution("lacak_live_push_seconds", "From recorded_at to written to the socket", buckets=_FINE)

# What is known to be asked for begins at 0: the first one is an increase, and none is no missing answer.
for _dependency in ("kafka", "cassandra"):
    RETRIES.labels(_dependency)
