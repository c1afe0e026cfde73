"""Taking orders: validate, produce, answer 202 when Kafka has them."""

from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from api import answers
from api.access import Requires
from api.auth import ORDERS_WRITE, Caller
from api.idempotency import KEYED, REFUSALS, Assigned, Work
from api.intake_route import IntakeRoute
from api.models import NewOrder
from api.problem_types import (
    FORBIDDEN,
    NO_IDS,
    NOT_JSON,
    NOT_JSON_TYPE,
    NOT_TAKEN,
    OVERLOADED,
    REQUEST_TIMEOUT,
    TOO_LARGE,
    TOO_MANY,
    UNAUTHENTICATED,
    VALIDATION,
)
from api.problems import Problem, documented, invalid_message
from api.records import Context, order_record
from api.requests import Json
from api.services import Provided, Services
from api.snowflake import NoIds
from streams import messages, metrics
from streams.messages import Invalid, Message

REFUSED = (
    *(
        NOT_JSON,
        UNAUTHENTICATED,
        FORBIDDEN,
        REQUEST_TIMEOUT,
        TOO_LARGE,
        NOT_JSON_TYPE,
        VALIDATION,
        TOO_MANY,
        OVERLOADED,
    ),
    *REFUSALS,
)

router = APIRouter(tags=["ingest"], route_class=IntakeRoute, dependencies=[KEYED])

Shop = Annotated[Caller, Depends(Requires(ORDERS_WRITE))]


@router.post(
    "/v1/orders",
    status_code=202,
    response_model=answers.OrderTaken,
    summary="Place an order",
    responses=documented(*REFUSED, NOT_TAKEN, NO_IDS),
)
async def place_order(request: Request, caller: Shop, services: Provided, order: NewOrder) -> Response:
    """202: Kafka has the order on all in-sync replicas, also when the id exists; the pipeline judges it.

    503 not-taken: it is not known whether Kafka has it. Send it again: with an Idempotency-Key as it was, without one
    with the `id_order` that the problem names.
    """
    context = Context.of(request, services, caller)

    def plan(assigned: Assigned) -> Work:
        message = _order_message(order, assigned)
        record = order_record(message, replace(context, now=assigned.now))
        return Work([record], lambda taken: _order_answer(message, taken[0]))

    id_order = _new_id(services, context.now) if order.id_order is None else None
    return await services.once.do(request, caller, context.now, id_order, plan)


def _order_answer(message: Message, taken: bool) -> Json:
    id_order = str(message["id_order"])
    if not taken:
        raise Problem(NOT_TAKEN, id_order=id_order)
    content = {"id_order": id_order, "placed_at": messages.rfc3339(message["placed_at"])}
    return Json({**content, "total_harga": message["total_harga"]}, 202, {"Location": f"/v1/orders/{id_order}"})


def _new_id(services: Services, now: int) -> int:
    try:
        return services.ids.next(now)
    except NoIds as error:
        metrics.NO_IDS.inc()
        raise Problem(NO_IDS, str(error)) from error


def _order_message(order: NewOrder, assigned: Assigned) -> Message:
    id_order = order.id_order or assigned.id_order
    assert id_order is not None
    try:
        return order.message(id_order, assigned.now)
    except Invalid as error:
        raise invalid_message(error) from error
