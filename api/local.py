"""Routes that only the one-machine stack has: the users who have orders, and a token for one of them."""

from typing import Annotated

from fastapi import APIRouter
from pydantic import Field

from api import answers
from api.auth import ORDERS_READ, issue_token
from api.models import IdUser, Strict
from api.problem_types import NOT_JSON, NOT_JSON_TYPE, STORE_AWAY, VALIDATION
from api.problems import documented
from api.requests import Json, JsonRoute
from api.services import Provided

USERS = 100
TTL_SECONDS = 3600

router = APIRouter(prefix="/local", tags=["local stack"], route_class=JsonRoute)
reads = APIRouter(prefix="/local", tags=["local stack"])


class Who(Strict):
    """The user to look through the eyes of."""

    id_user: Annotated[IdUser, Field(examples=[42])]


@reads.get(
    "/users", response_model=answers.LocalUsers, summary="Users who have orders", responses=documented(STORE_AWAY)
)
async def users(services: Provided) -> Json:
    """For the page to choose from. Only on the local stack."""
    found = await services.store.orders().users(USERS)
    return Json({"users": [{"id_user": id_user, "orders": orders} for id_user, orders in found]})


@router.post(
    "/token",
    response_model=answers.LocalToken,
    summary="A customer's token, good for an hour",
    responses=documented(NOT_JSON, NOT_JSON_TYPE, VALIDATION),
)
async def token(services: Provided, who: Who) -> Json:
    """For the page to watch with, asked of nobody. Only on the local stack."""
    settings, now = services.settings, services.clock() // 1000
    issued = issue_token(
        settings.jwt_secret,
        audience=settings.jwt_audience,
        ttl=TTL_SECONDS,
        now=now,
        sub=str(who.id_user),
        scopes=[ORDERS_READ],
    )
    return Json({"token": issued, "expires_in": TTL_SECONDS}, headers={"Cache-Control": "no-store"})
