"""An operator takes a mistaken terminal status back: an update like any other, judged in the order of the log."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from pydantic import BeforeValidator, ConfigDict, Field

from api import answers
from api.access import Requires
from api.auth import ORDERS_CORRECT, Caller
from api.idempotency import KEYED
from api.ingest import REFUSED
from api.intake_route import IntakeRoute
from api.models import IdOrder, Strict, whole
from api.problem_types import FORBIDDEN, NOT_TAKEN
from api.problems import Problem, documented
from api.services import Provided
from api.update_models import EventId, Status, said_by_us
from api.updates import take_one
from streams.messages import INT_MAX, NOTE_LENGTH, OPERATOR_LENGTH, Message
from streams.order import OPERATOR

NAMELESS = f"a correction says by whom it is: the token needs a `sub` of 1 to {OPERATOR_LENGTH} characters"

router = APIRouter(tags=["ingest"], route_class=IntakeRoute, dependencies=[KEYED])

Operator = Annotated[Caller, Depends(Requires(ORDERS_CORRECT))]


class NewCorrection(Strict):
    """What is true in place of a terminal status, and why."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"status": "in_transit", "corrects": 5, "note": "Kurir salah memindai paket lain"}]
        }
    )

    status: Status
    corrects: Annotated[int, Field(ge=1, le=INT_MAX), BeforeValidator(whole)] = Field(
        description="the order's version whose terminal status is taken back: its current one"
    )
    note: Annotated[str, Field(min_length=1, max_length=NOTE_LENGTH)] = Field(
        description="the reason; the customer reads it"
    )
    event_id: EventId | None = Field(None, description="unique per order; assigned when absent")

    def message(self, id_order: int, event_id: str, operator: str, now: int) -> Message:
        """The CourierStatusUpdate; raises `Invalid`. `now` in milliseconds."""
        more = {"note": self.note, "corrects": self.corrects, "operator": operator}
        return said_by_us(id_order, self.event_id or event_id, self.status, now, OPERATOR, **more)


@router.post(
    "/v1/orders/{id_order}/correction",
    status_code=202,
    response_model=answers.StatusTaken,
    summary="Correct a mistaken terminal status",
    responses=documented(*REFUSED, NOT_TAKEN),
)
async def correct(
    request: Request, caller: Operator, services: Provided, id_order: IdOrder, wanted: NewCorrection
) -> Response:
    """202: Kafka has it. It is applied if the order is still at the version that it names, and that is terminal.

    Who does it is the token's `sub`, or the API key's name, and stays in the order's history. What became of it: by its
    `event_id`, as for a courier's update.
    """
    if not 1 <= len(caller.sub) <= OPERATOR_LENGTH:
        raise Problem(FORBIDDEN, NAMELESS)
    return await take_one(
        request,
        caller,
        services,
        lambda assigned: wanted.message(id_order, assigned.event_id(), caller.sub, assigned.now),
    )
