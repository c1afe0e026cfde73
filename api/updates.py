"""Taking couriers' updates, one or many, in our words or in theirs, as JSON or as CloudEvents."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Annotated, Any

import pydantic
from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from api import answers
from api.access import Requires
from api.auth import STATUS_WRITE, Caller
from api.cloud_events import EventRoute, Form
from api.idempotency import KEYED, Assigned, Work
from api.ingest import REFUSED
from api.models import IdOrder
from api.problem_types import FORBIDDEN, NOT_TAKEN, UNKNOWN_STATUS, VALIDATION, ProblemType
from api.problems import RETRY_SECONDS, Problem, documented, field_name, invalid, invalid_message
from api.records import Context, status_record
from api.requests import Json
from api.services import Provided, Services
from api.update_models import BatchedStatus, NewStatus, StatusBatch
from streams import unknown_codes
from streams.carrier_codes import UnknownCode, UnknownVocabulary
from streams.messages import Invalid, Message
from streams.order import OPERATOR, SHOP

router = APIRouter(tags=["ingest"], route_class=EventRoute, dependencies=[KEYED])

# Who is no courier, and has a route of its own.
OURS = {SHOP: "the shop itself, which cancels", OPERATOR: "an operator, who corrects,"}

Courier = Annotated[Caller, Depends(Requires(STATUS_WRITE))]


@router.post(
    "/v1/orders/{id_order}/status",
    status_code=202,
    response_model=answers.StatusTaken,
    summary="Update an order's status",
    responses=documented(*REFUSED, UNKNOWN_STATUS, NOT_TAKEN),
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
        return _alone(_status_message(update, id_order, now, assigned.event_id()), now)

    return await services.once.do(request, caller, context.now, None, plan)


@router.post(
    "/v1/status-updates",
    status_code=202,
    response_model=answers.BatchResult,
    summary="Update the status of many orders",
    responses={
        **documented(*REFUSED, UNKNOWN_STATUS, NOT_TAKEN),
        207: {"description": "Some were not taken", "model": answers.BatchResult},
    },
)
async def update_statuses(request: Request, caller: Courier, services: Provided, batch: StatusBatch) -> Response:
    """202 when all are taken, else 207; each result has the status that the update would have had by itself.

    One CloudEvent is answered as by the route of one order.
    """
    context, form = Context.of(request, services, caller), Form.of(request)
    services.limits.charge(caller, len(batch.items()))

    def plan(assigned: Assigned) -> Work:
        now = replace(context, now=assigned.now)
        judged = [_judged(raw, index, now, assigned, form) for index, raw in enumerate(batch.items())]
        if form.is_one:
            return _alone(judged[0], now)
        good = [message for message in judged if not isinstance(message, Problem)]
        return Work([status_record(message, now) for message in good], lambda taken: _batch_answer(judged, taken))

    return await services.once.do(request, caller, context.now, None, plan)


async def take_one(
    request: Request, caller: Caller, services: Services, said: Callable[[Assigned], Message]
) -> Response:
    """Takes the one update that a request says: `said` makes its message, the same at each try, or raises `Invalid`."""
    context = Context.of(request, services, caller)

    def plan(assigned: Assigned) -> Work:
        try:
            message = said(assigned)
        except Invalid as error:
            raise invalid_message(error) from error
        return _alone(message, replace(context, now=assigned.now))

    return await services.once.do(request, caller, context.now, None, plan)


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


def _alone(judged: Message | Problem, context: Context) -> Work:
    if isinstance(judged, Problem):
        raise judged
    return Work([status_record(judged, context)], lambda taken: _status_answer(judged, taken[0]))


def _judged(raw: Any, index: int, context: Context, assigned: Assigned, form: Form) -> Message | Problem:
    """One update of a batch as its message, or why it is refused."""
    prefix = form.prefix(index)
    try:
        update = BatchedStatus.model_validate(form.update(raw, index))
        event_id = assigned.event_id(index)
        return _status_message(update, update.id_order, context, event_id, f"{field_name(prefix)}." if prefix else "")
    except pydantic.ValidationError as error:
        return invalid(error.errors(include_url=False, include_input=False), prefix)
    except Problem as problem:
        return problem


def _not_taken(message: Message) -> Problem:
    return Problem(NOT_TAKEN, id_order=str(message["id_order"]), event_id=message["event_id"])


def _status_message(update: NewStatus, id_order: int, context: Context, event_id: str, prefix: str = "") -> Message:
    courier = _courier(update.courier, context.caller, prefix)
    try:
        return update.message(id_order, update.event_id or event_id, courier, context.now, context.carriers)
    except Invalid as error:
        raise invalid_message(error, prefix) from error
    except UnknownVocabulary as error:
        raise _refused(VALIDATION, f"{prefix}carrier_code.vocabulary", str(error)) from error
    except UnknownCode as error:
        unknown_codes.count(courier, str(error))
        raise _refused(UNKNOWN_STATUS, f"{prefix}carrier_code.code", f"{str(error)!r} is not known") from error


def _courier(named: str | None, caller: Caller, prefix: str) -> str:
    """Who the update is from: a courier's own token speaks for nobody else."""
    if named is None and caller.courier is None:
        raise _refused(VALIDATION, f"{prefix}courier", "needed, since the token names no courier")
    if named is not None and caller.courier is not None and named != caller.courier:
        raise Problem(FORBIDDEN, "the token is another courier's")
    courier = named or caller.courier or ""
    if courier in OURS:
        raise _refused(VALIDATION, f"{prefix}courier", f"{courier!r} is {OURS[courier]} by a route of its own")
    return courier


def _refused(type_: ProblemType, field: str, detail: str) -> Problem:
    return Problem(type_, f"{field}: {detail}", errors=[{"field": field, "detail": detail}])
