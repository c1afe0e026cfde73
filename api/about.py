"""What the OpenAPI and the AsyncAPI document say of Lacak as a whole."""

SUMMARY = "Live order tracking: a courier's update on the customer's screen a moment later, and nothing lost."
DESCRIPTION = """\
Shops place orders, couriers report what happens to them, and customers watch. A 202 means that Kafka has the record on
all in-sync replicas; what becomes of it is told by `GET /v1/orders/{id_order}/updates/{event_id}`.

Errors are problems (RFC 9457) with a stable `type`. Times are RFC 3339 in UTC with milliseconds; `id_order` is a
string, since it may exceed 2^53. Whatever is not there, or not the caller's, is 404. Topics and live push are described
by `docs/asyncapi.json`; `docs/integrate.md` has each job with curl, Python and JavaScript.
"""
LICENSE = {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"}
TAGS = [
    {"name": "ingest", "description": "Orders and couriers' updates, taken when Kafka has them"},
    {"name": "queries", "description": "Orders, their current status and their history"},
    {"name": "live", "description": "Live push: WebSocket and SSE"},
    {"name": "lifecycle", "description": "The order's life as data"},
    {"name": "registry", "description": "The Avro schemas, in the form of a Confluent schema registry, read-only"},
    {"name": "health", "description": "For operators"},
    {"name": "local stack", "description": "For trials on one machine; elsewhere there is none of it"},
]
