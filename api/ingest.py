"""Taking orders and couriers' updates: validate, produce, answer 202 when Kafka has them."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any

import pydantic
from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from api import answers
from api.access import Requires
from api.auth import ORDERS_WRITE, STATUS_WRITE, Caller
from api.idempotency import KEYED, REFUSALS, Assigned, Work
from api.models import BatchedStatus, IdOrder, NewOrder, NewStatus, StatusBatch
from api.problem_types import (
    FORBIDDEN,
    NO_IDS,
    NOT_JSON,
    NOT_JSON_TYPE,
    NOT_TAKEN,
    TOO_LARGE,
    UNAUTHENTICATED,
    VALIDATION,
)
from api.problems import RETRY_SECONDS, Problem, documented, invalid, invalid_message
from api.records import Context, order_record, status_record
from api.requests import CallersJsonRoute, Json
from api.services import Provided, Services
from api.snowflake import NoIds
from streams import messages
from streams.messages import Invalid, Message

_REFUSALS = (NOT_JSON, UNAUTHENTICATED, FORBIDDEN, TOO_LARGE, NOT_JSON_TYPE, VALIDATION, *REFUSALS)

router = APIRouter(tags=["ingest"], route_class=CallersJsonRoute, dependencies=[KEYED])

Shop = Annotated[Caller, Depends(Requires(ORDERS_WRITE))]
Courier = Annotated[Caller, Depends(Requires(STATUS_WRITE))]


@router.post(
    "/v1/orders",
    status_code=202,
    response_model=answers.OrderTaken,
    summary="Place an order",
    responses=documented(*_REFUSALS, NOT_TAKEN, NO_IDS),
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


@router.post(
    "/v1/orders/{id_order}/status",
    status_code=202,
    response_model=answers.StatusTaken,
    summary="Update an order's status",
    responses=documented(*_REFUSALS, NOT_TAKEN),
)
async def update_status(
    request: Request, caller: Courier, services: Provided, id_order: IdOrder, update: NewStatus
) -> Response:
    """202: Kafka has the update. It is judged afterwards: a repeated `event_id` changes nothing.

    503 not-taken: it is not known whether Kafka has it. Send it again: with an Idempotency-Key as it was, without one
    with the `event_id` that the problem names.
    """
    context = Context.of(request, services, caller)

    def plan(assigned: Assigned) -> Work:
        now = replace(context, now=assigned.now)
        message = _status_message(update, id_order, now, assigned.event_id())
        return Work([status_record(message, now)], lambda taken: _status_answer(message, taken[0]))

    return await services.once.do(request, caller, context.now, None, plan)


@router.post(
    "/v1/status-updates",
    status_code=202,
    response_model=answers.BatchResult,
    summary="Update the status of many orders",
    responses={
        **documented(*_REFUSALS),
        207: {"description": "Some were not taken", "model": answers.BatchResult},
    },
)
async def update_statuses(request: Request, caller: Courier, services: Provided, batch: StatusBatch) -> Response:
    """202 when all are taken, else 207; each result has the status that the update would have had by itself."""
    context = Context.of(request, services, caller)

    def plan(assigned: Assigned) -> Work:
        now = replace(context, now=assigned.now)
        judged = [_judged(raw, index, now, assigned) for index, raw in enumerate(batch.items())]
        good = [message for message in judged if not isinstance(message, Problem)]
        return Work([status_record(message, now) for message in good], lambda taken: _batch_answer(judged, taken))

    return await services.once.do(request, caller, context.now, None, plan)


def _order_answer(message: Message, taken: bool) -> Json:
    id_order = str(message["id_order"])
    if not taken:
        raise Problem(NOT_TAKEN, id_order=id_order)
    content = {"id_order": id_order, "placed_at": messages.rfc3339(message["placed_at"])}
    return Json({**content, "total_harga": message["total_harga"]}, 202, {"Location": f"/v1/orders/{id_order}"})


def _status_answer(message: Message, taken: bool) -> Json:
    if not taken:
        raise _not_taken(message)
    return Json({"event_id": message["event_id"], "id_order": str(message["id_order"])}, 202)


def _batch_answer(judged: Sequence[Message | Problem], taken: Sequence[bool]) -> Json:
    left = iter(taken)
    results = [_result(index, one, not isinstance(one, Problem) and next(left)) for index, one in enumerate(judged)]
    statuses = {result["status"] for result in results}
    headers = {"Retry-After": str(RETRY_SECONDS)} if NOT_TAKEN.status in statuses else {}
    return Json({"results": results}, 202 if statuses == {202} else 207, headers)


def _result(index: int, judged: Message | Problem, taken: bool) -> dict[str, Any]:
    if not isinstance(judged, Problem):
        if taken:
            return {"index": index, "status": 202, "event_id": judged["event_id"]}
        judged = _not_taken(judged)
    return {"index": index, "status": judged.status_code, "problem": judged.content()}


def _judged(raw: Any, index: int, context: Context, assigned: Assigned) -> Message | Problem:
    """One update of a batch as its message, or why it is refused."""
    try:
        update = BatchedStatus.model_validate(raw)
        event_id = assigned.event_id(index)
        return _status_message(update, update.id_order, context, event_id, f"updates[{index}].")
    except pydantic.ValidationError as error:
        return invalid(error.errors(include_url=False, include_input=False), ("updates", index))
    except Problem as problem:
        return problem


def _not_taken(message: Message) -> Problem:
    return Problem(NOT_TAKEN, id_order=str(message["id_order"]), event_id=message["event_id"])


def _new_id(services: Services, now: int) -> int:
    try:
        return services.ids.next(now)
    except NoIds as error:
        raise Problem(NO_IDS, str(error)) from error


def _order_message(order: NewOrder, assigned: Assigned) -> Message:
    id_order = order.id_order or assigned.id_order
    assert id_order is not None
    try:
        return order.message(id_order, assigned.now)
    except Invalid as error:
        raise invalid_message(error) from error


def _status_message(update: NewStatus, id_order: int, context: Context, event_id: str, prefix: str = "") -> Message:
    courier = _courier(update.courier, context.caller, prefix)
    try:
        return update.message(id_order, update.event_id or event_id, courier, context.now)
    except Invalid as error:
        raise invalid_message(error, prefix) from error


def _courier(named: str | None, caller: Caller, prefix: str) -> str:
    """Who the update is from: a courier's own token speaks for nobody else."""
    if named is None and caller.courier is None:
        detail = "needed, since the token names no courier"
        field = prefix + "courier"
        raise Problem(VALIDATION, f"{field}: {detail}", errors=[{"field": field, "detail": detail}])
    if named is not None and caller.courier is not None and named != caller.courier:
        raise Problem(FORBIDDEN, "the token is another courier's")
    return named or caller.courier or ""
