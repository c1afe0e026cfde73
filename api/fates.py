"""What became of a courier's update: read from what the order-tracking worker wrote down about it."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path

from api import answers
from api.access import Requires
from api.auth import OPS, ORDERS_CORRECT, ORDERS_WRITE, STATUS_WRITE, Caller
from api.models import IdOrder
from api.problem_types import FORBIDDEN, NOT_FOUND, STORE_AWAY, UNAUTHENTICATED, VALIDATION
from api.problems import Problem, documented
from api.queries import PRIVATE
from api.requests import Json
from api.services import Provided
from streams.codec import Codec
from streams.messages import EVENT_ID_LENGTH, as_json
from streams.order import OPERATOR, SHOP, Reason, Row
from tables.orders import Orders, RejectedUpdate, Waiting

UNKNOWN = "no such update is known: it is not judged yet, or was never taken"

router = APIRouter(tags=["ingest"])
# Whose own scope tells about what is sent in this name.
_SENDERS = {SHOP: ORDERS_WRITE, OPERATOR: ORDERS_CORRECT}
_updates = Codec("CourierStatusUpdate")

Judge = Annotated[Caller, Depends(Requires(STATUS_WRITE, ORDERS_WRITE, ORDERS_CORRECT, OPS))]
EventId = Annotated[str, Path(min_length=1, max_length=EVENT_ID_LENGTH, examples=["jne-8841-3"])]


@router.get(
    "/v1/orders/{id_order}/updates/{event_id:path}",
    response_model=answers.UpdateFate,
    summary="What became of an update",
    responses=documented(UNAUTHENTICATED, FORBIDDEN, NOT_FOUND, VALIDATION, STORE_AWAY),
)
async def read_fate(caller: Judge, services: Provided, id_order: IdOrder, event_id: EventId) -> Json:
    """`applied` and `late` are for good; `pending` waits for its order; `rejected` says why, and may be sent again.

    An `event_id` that was sent twice is a duplicate: this is what became of the first. 404 for a moment after the 202.
    """
    fate = await _fate(services.store.orders(), id_order, event_id)
    if fate is None or not _may_know(caller, fate["courier"]):
        raise Problem(NOT_FOUND, UNKNOWN)
    return Json({"id_order": str(id_order), "event_id": event_id, **fate}, headers=PRIVATE)


def _may_know(caller: Caller, courier: str | None) -> bool:
    """A courier learns about its own updates, who may send for all couriers about all of theirs, a shop about what it
    cancelled, who corrects about corrections, and an operator about everything."""
    if OPS in caller.scopes or (courier in _SENDERS and _SENDERS[courier] in caller.scopes):
        return True
    return STATUS_WRITE in caller.scopes and caller.courier in (None, courier)


async def _fate(store: Orders, id_order: int, event_id: str) -> Mapping[str, Any] | None:
    """What is told of it; None where nothing is known. What is in the history counts more than what was before."""
    stored = await store.load(id_order)
    for row in () if stored is None else stored.rows:
        if row.event_id == event_id:
            return _told("late" if row.version is None else "applied", row, version=row.version)
    rejected = await store.rejected_update(id_order, event_id)
    if rejected is not None:
        return _told("rejected", rejected, reason=rejected.reason, detail=rejected.detail)
    return None if stored is not None else await _waits(store, id_order, event_id)


async def _waits(store: Orders, id_order: int, event_id: str) -> Mapping[str, Any] | None:
    for waiting in await store.waiting(id_order):
        message = _updates.decode(waiting.value)
        if message["event_id"] == event_id:
            return _waiting(waiting, message)
    return None


def _waiting(waiting: Waiting, message: Mapping[str, Any]) -> Mapping[str, Any]:
    told = {"courier": message["courier"], "status": message["status"], "recorded_at": waiting.recorded_at}
    if waiting.rejected:
        why = {"reason": str(Reason.UNKNOWN_ORDER), "detail": "its order did not come in time"}
        return {"outcome": "rejected", **as_json(told), "version": None, **why}
    return {"outcome": "pending", **as_json(told), "version": None, "reason": None, "detail": "waits for its order"}


def _told(
    outcome: str, of: Row | RejectedUpdate, version: int | None = None, reason: str | None = None, detail: str = ""
) -> Mapping[str, Any]:
    told = as_json({"courier": of.courier, "status": of.status, "recorded_at": of.recorded_at})
    return {"outcome": outcome, **told, "version": version, "reason": reason, "detail": detail or None}
