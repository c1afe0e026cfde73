"""Share links over HTTP: one is made by who may see the order, and opened by whoever has it."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Path
from pydantic import BeforeValidator, ConfigDict, Field

from api import answers
from api.models import IdOrder, Strict, whole
from api.problem_types import (
    FORBIDDEN,
    LINK_ENDED,
    NOT_FOUND,
    NOT_JSON,
    NOT_JSON_TYPE,
    STORE_AWAY,
    TOO_LARGE,
    UNAUTHENTICATED,
    VALIDATION,
)
from api.problems import Problem, documented
from api.queries import Reader, order_json, row_json, visible
from api.requests import CallersJsonRoute, Json
from api.services import Provided
from api.shares import LinkEnded, NoLink
from streams.messages import rfc3339
from streams.order import Row
from tables.orders import Current

DAY = 24 * 60 * 60
ROWS = 200  # of a history that are shown, the newest ones
# Whoever reads along must not find the link: neither in a cache nor in a Referer.
NOT_KEPT = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}

router = APIRouter(tags=["queries"], route_class=CallersJsonRoute)
opened = APIRouter(tags=["queries"])

Token = Annotated[str, Path(max_length=64, examples=["AosK6uXhEAFp6Zk0mJ2l8m0q0m8d7c1b5Q1J2w"])]


class NewShareLink(Strict):
    """How long it is to be good."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"expires_in": 604800}]})

    expires_in: Annotated[int, Field(ge=60, le=30 * DAY, description="seconds"), BeforeValidator(whole)] = 7 * DAY


@router.post(
    "/v1/orders/{id_order}/share-links",
    status_code=201,
    response_model=answers.ShareLink,
    summary="A link with which others see one order",
    responses=documented(
        NOT_JSON, UNAUTHENTICATED, FORBIDDEN, NOT_FOUND, TOO_LARGE, NOT_JSON_TYPE, VALIDATION, STORE_AWAY
    ),
)
async def share(caller: Reader, services: Provided, id_order: IdOrder, wanted: NewShareLink) -> Json:
    """For the customer, who may pass it on. It cannot be taken back: it ends at `expires_at`."""
    await visible(services, caller, id_order)
    expires_at = services.clock() // 1000 + wanted.expires_in
    token = services.shares.token(id_order, expires_at)
    path = f"/v1/shared/{token}"
    content = {"token": token, "path": path, "expires_at": rfc3339(expires_at * 1000)}
    return Json(content, 201, {**NOT_KEPT, "Location": path})


@opened.get(
    "/v1/shared/{token}",
    response_model=answers.SharedOrder,
    summary="The order of a share link",
    responses=documented(NOT_FOUND, LINK_ENDED, VALIDATION, STORE_AWAY),
)
async def read_shared(services: Provided, token: Token) -> Json:
    """Where it is and was, and nothing about who ordered what, or where to: for anybody who has the link."""
    try:
        id_order = services.shares.order_of(token)
    except NoLink as error:
        raise Problem(NOT_FOUND) from error
    except LinkEnded as error:
        raise Problem(LINK_ENDED) from error
    store = services.store.orders()
    now = await store.order(id_order)
    if now is None:
        raise Problem(NOT_FOUND)
    rows = (await store.history(id_order, ROWS)).items
    return Json(shared_json(now, rows), headers=NOT_KEPT)


def shared_json(now: Current, rows: list[Row]) -> Mapping[str, Any]:
    """What others may see, as the answer names it: no user, no goods, no price, no note, no place."""
    changes = [_named(answers.SharedChange, row_json(row)) for row in rows if row.version is not None]
    return _named(answers.SharedOrder, {**order_json(now), "history": changes})


def _named(answer: type[answers.Answer], known: Mapping[str, Any]) -> Mapping[str, Any]:
    return {name: known[name] for name in answer.model_fields}
