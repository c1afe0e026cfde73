"""The shop cancels an order: an update as a courier's is one, judged by the same lifecycle."""

from typing import Annotated

from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import ConfigDict, Field

from api import answers
from api.idempotency import KEYED
from api.ingest import REFUSED, Shop
from api.intake_route import IntakeRoute
from api.models import IdOrder, Strict
from api.problem_types import NOT_TAKEN
from api.problems import documented
from api.services import Provided
from api.update_models import EventId, said_by_us
from api.updates import take_one
from streams.messages import NOTE_LENGTH, Message
from streams.order import SHOP

router = APIRouter(tags=["ingest"], route_class=IntakeRoute, dependencies=[KEYED])


class NewCancellation(Strict):
    """Why, for the customer to read."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"note": "Stok habis"}]})

    event_id: EventId | None = Field(None, description="unique per order; assigned when absent")
    note: Annotated[str, Field(max_length=NOTE_LENGTH)] | None = None

    def message(self, id_order: int, event_id: str, now: int) -> Message:
        """The CourierStatusUpdate; raises `Invalid`. `now` in milliseconds."""
        return said_by_us(id_order, self.event_id or event_id, "cancelled", now, SHOP, note=self.note)


@router.post(
    "/v1/orders/{id_order}/cancel",
    status_code=202,
    response_model=answers.StatusTaken,
    summary="Cancel an order",
    responses=documented(*REFUSED, NOT_TAKEN),
)
async def cancel(
    request: Request, caller: Shop, services: Provided, id_order: IdOrder, wanted: NewCancellation
) -> Response:
    """202: Kafka has it. The lifecycle judges it: what is on its way with a courier cannot be cancelled any more.

    What became of it: `GET /v1/orders/{id_order}`, or by its `event_id` as for a courier's update.
    """
    return await take_one(
        request, caller, services, lambda assigned: wanted.message(id_order, assigned.event_id(), assigned.now)
    )
