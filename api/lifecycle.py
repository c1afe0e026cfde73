"""The order's life as data, so that no client keeps a copy of its own."""

from fastapi import APIRouter

from api import answers
from api.requests import Json
from streams.order import STATUSES, TERMINAL, TRANSITIONS

router = APIRouter(tags=["lifecycle"])

# In the order of the table, so that the answer is the same bytes in every process.
_LIFECYCLE = {
    "statuses": list(STATUSES),
    "transitions": {status: [to for to in STATUSES if to in TRANSITIONS[status]] for status in STATUSES},
    "terminal": [status for status in STATUSES if status in TERMINAL],
}


@router.get("/v1/lifecycle", response_model=answers.Lifecycle, summary="The statuses and their transitions")
async def lifecycle() -> Json:
    """Every status, where each may go, and which of them end an order. The same until Lacak is upgraded."""
    return Json(_LIFECYCLE, headers={"Cache-Control": "public, max-age=3600"})
