"""Messages as Kafka records: CloudEvents whose ids are the orders' and the events' own, in the request's trace."""

from dataclasses import dataclass

from fastapi import Request

from api.auth import Caller
from api.intake import Record
from api.services import Services
from api.trace import RequestTrace
from streams import messages, topics
from streams.carrier_codes import Carriers
from streams.codec import Codec
from streams.messages import Message

PROCESS = "api"

_orders = Codec("OrderPlaced")
_updates = Codec("CourierStatusUpdate")


@dataclass(frozen=True, slots=True)
class Context:
    """What a request gives to each of its records: its time (ms), its trace, who sent it, in whose words."""

    now: int
    traceparent: bytes | None
    caller: Caller
    carriers: Carriers

    @classmethod
    def of(cls, request: Request, services: Services, caller: Caller) -> "Context":
        return cls(services.clock(), RequestTrace.of(request).carried, caller, services.carriers)


def order_record(message: Message, context: Context) -> Record:
    """The record of an OrderPlaced."""
    id_order = message["id_order"]
    headers = messages.cloud_event(messages.ORDER_PLACED, str(id_order), PROCESS, context.now, context.traceparent)
    return Record(topics.ORDERS, id_order, _orders.encode(message), headers)


def status_record(message: Message, context: Context) -> Record:
    """The record of a CourierStatusUpdate."""
    id_order = message["id_order"]
    headers = messages.cloud_event(
        messages.STATUS_UPDATE, f"{id_order}/{message['event_id']}", PROCESS, context.now, context.traceparent
    )
    return Record(topics.UPDATES, id_order, _updates.encode(message), headers)
