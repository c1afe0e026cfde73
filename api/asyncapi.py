"""Topics and live push as an AsyncAPI 3.0 document: docs/asyncapi.json, made by docs/generate.py.

https://www.asyncapi.com/docs/reference/specification/v3.0.0
"""

import json
from typing import Any

from api.about import LICENSE
from api.live.asyncapi import channels, messages
from streams import dead_letters
from streams.codec import schema_ids, schema_text
from streams.messages import (
    NOTIFICATION,
    ORDER_PLACED,
    STATUS_CHANGED,
    STATUS_UPDATE,
    cloud_event,
)
from streams.order import Reason
from streams.settings import Settings
from streams.topics import ALL, CHANGED, NOTIFICATIONS, ORDERS, REJECTED, UPDATES, Topic

Object = dict[str, Any]

AVRO = "application/vnd.apache.avro;version=1.9.0"
BINDING = "0.5.0"
EVENT_TYPES = {
    ORDERS: ORDER_PLACED,
    UPDATES: STATUS_UPDATE,
    CHANGED: STATUS_CHANGED,
    NOTIFICATIONS: NOTIFICATION,
}
_ANYTHING: Object = {"contentType": "application/octet-stream", "payload": {"description": "the original bytes"}}
TAKEN = (ORDERS, UPDATES)  # what others may produce too
SAYS = {
    ORDERS: "Orders as they are placed: by shops' systems, and by REST.",
    UPDATES: "What couriers say: by their systems, and by REST. Sent twice with one event_id, an update counts once.",
    CHANGED: "Every applied change with the order's whole state. Of an order, `version` counts from 1 without a gap: "
    "drop what is not above the last one.",
    REJECTED: "What was rejected: key, value and headers as they came, and why.",
    NOTIFICATIONS: "What a customer is to be told, in Indonesian and English. Drop a notification_id that comes again.",
}


def document() -> Object:
    """All of it."""
    live = channels()
    return {
        "asyncapi": "3.0.0",
        "info": _info(),
        "servers": _servers(),
        "defaultContentType": "application/json",
        "channels": {topic.name: _topic(topic) for topic in ALL} | live,
        "operations": {name: _operation(name) for name in [*(topic.name for topic in ALL), *live]},
        "components": {"messages": {_message_name(topic): _record(topic) for topic in ALL} | messages()},
    }


def _info() -> Object:
    return {
        "title": "Lacak: topics and live push",
        "version": "1",
        "description": "Made from the code by docs/generate.py. REST is described at /openapi.json; "
        "docs/integrate.md has each job in curl, Python and JavaScript. Addresses are those of the local stack.",
        "license": LICENSE,
        "tags": [{"name": "kafka"}, {"name": "live push"}],
    }


def _servers() -> Object:
    usual = Settings.model_construct()  # the defaults alone
    web = f"{usual.http_host}:{usual.http_port}"
    registry = {"schemaRegistryUrl": f"http://{web}/registry", "schemaRegistryVendor": "confluent"}
    kafka = {"host": f"{usual.local_host}:{usual.local_kafka_port}", "protocol": "kafka"}
    return {
        "kafka": {**kafka, "bindings": {"kafka": {**registry, "bindingVersion": BINDING}}},
        "websocket": {"host": web, "protocol": "ws"},
        "sse": {"host": web, "protocol": "http"},
    }


def _ref(*path: str) -> Object:
    return {"$ref": "#/" + "/".join(path)}


def _message_name(topic: Topic) -> str:
    return topic.message or "Rejected"


def _topic(topic: Topic) -> Object:
    usual, name = Settings.model_construct(), _message_name(topic)
    configuration: Object = {"cleanup.policy": [topic.config["cleanup.policy"]]}
    configuration |= {key: int(topic.config[key]) for key in ("retention.ms", "max.message.bytes")}
    kafka = {"partitions": usual.partitions, "replicas": usual.replication, "topicConfiguration": configuration}
    return {
        "address": topic.name,
        "description": f"{SAYS[topic]} Partitioned by murmur2 of the key; LACAK_PARTITIONS of all topics.",
        "servers": [_ref("servers", "kafka")],
        "messages": {name: _ref("components", "messages", name)},
        "bindings": {"kafka": {**kafka, "bindingVersion": BINDING}},
    }


def _operation(channel: str) -> Object:
    """As AsyncAPI has it: what Lacak does."""
    taken = channel in [topic.name for topic in TAKEN]
    does = ("receive", "Lacak reads what is sent here.") if taken else ("send", "Lacak sends; you read.")
    return {"action": does[0], "description": does[1], "channel": _ref("channels", channel)}


def _record(topic: Topic) -> Object:
    return {
        "name": _message_name(topic),
        **(_avro(topic.message) if topic.message else _ANYTHING),
        "headers": _event_headers(topic) if topic in EVENT_TYPES else _rejected_headers(),
        "bindings": {"kafka": {"key": _key(topic), **_framing(topic), "bindingVersion": BINDING}},
    }


def _avro(message: str) -> Object:
    schema_id = schema_ids()[message]
    schema = json.loads(schema_text(schema_id)[1])
    return {
        "contentType": "application/avro",
        "summary": f"Avro in Confluent framing: 0x00, the schema's id ({schema_id}) in four bytes, the body.",
        "payload": {"schemaFormat": AVRO, "schema": schema},
    }


def _framing(topic: Topic) -> Object:
    return {"schemaIdLocation": "payload", "schemaIdPayloadEncoding": "confluent"} if topic.message else {}


def _key(topic: Topic) -> Object:
    if topic is REJECTED:
        return {"description": topic.key}
    return {"type": "string", "pattern": "^(0|[1-9][0-9]{0,18})$", "description": f"{topic.key} in plain decimal"}


def _event_headers(topic: Topic) -> Object:
    """CloudEvents in Kafka's binary mode. What is the same in two events is so in all."""
    one, other = (dict(cloud_event(EVENT_TYPES[topic], id_, id_, int(id_), None)) for id_ in ("1", "2"))
    members: Object = {
        name: {"const": value.decode()} if value == other[name] else {"type": "string"} for name, value in one.items()
    }
    trace = {"traceparent": {"type": "string", "description": "W3C Trace Context"}}
    required = {} if topic in TAKEN else {"required": list(members)}
    return {"type": "object", **required, "properties": members | trace}


def _rejected_headers() -> Object:
    added = dict(dead_letters.rejected_headers([], Reason.UNDECODABLE, "", "", 0, 0))
    members: Object = {name: {"type": "string"} for name in added}
    members[dead_letters.REASON] = {"type": "string", "enum": [reason.value for reason in Reason]}
    replayed = {dead_letters.REPLAYED: {"type": "string", "description": "one for each time that it was replayed"}}
    return {"type": "object", "required": list(members), "properties": members | replayed}
