"""Live push in the AsyncAPI document: its two channels, and its frames as messages."""

from typing import Any

from api.live import closes, described
from api.live.admission import COOKIE, SUBPROTOCOL
from api.live.frames import KINDS, RETRY_MS
from api.live.paths import LIVE, STREAM
from streams.settings import Settings

Object = dict[str, Any]


def messages() -> Object:
    """A message a frame."""
    return {
        kind: {"name": kind, "summary": schema["description"], "payload": schema}
        for kind, schema in described.schemas().items()
    }


def channels() -> Object:
    """WebSocket, and server-sent events."""
    return {"live": _websocket(), "live-sse": _sse()}


def _websocket() -> Object:
    return {
        "address": LIVE,
        "description": f"A customer's changes as JSON text frames, subprotocol `{SUBPROTOCOL}`. "
        "A client has nothing to send. docs/live-push.md has its rules, and what to do at each close code.",
        "servers": [{"$ref": "#/servers/websocket"}],
        "messages": _refs(),
        "bindings": {"ws": {"method": "GET", "query": _query(), "bindingVersion": "0.1.0"}},
        "x-close-codes": [
            {"code": each.code, "status-on-sse": each.status, "reason": each.reason} for each in closes.ALL
        ],
    }


def _sse() -> Object:
    return {
        "address": STREAM,
        "description": "The same as server-sent events: `event:` is the type, `id:` the cursor, `data:` the same JSON; "
        f"`retry:` is {RETRY_MS}. Takes the cookie `{COOKIE}` too, and resumes by Last-Event-ID.",
        "servers": [{"$ref": "#/servers/sse"}],
        "messages": _refs(),
        "x-query": _query(),
    }


def _refs() -> Object:
    return {kind: {"$ref": f"#/components/messages/{kind}"} for kind in KINDS}


def _query() -> Object:
    most = Settings.model_construct().orders_per_connection
    one = {"type": "string"}
    return {
        "type": "object",
        "properties": {
            "ticket": {**one, "description": "of POST /v1/live/tickets, where no Authorization header can be sent"},
            "cursor": {**one, "description": "where to resume"},
            "id_order": {"type": "array", "items": one, "maxItems": most, "description": "repeated: only these"},
        },
    }
