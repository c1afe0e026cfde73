"""Reading orders: one with its ETag, its history, a user's, a product's of one day. Never from Kafka."""

import re
from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response
from pydantic import BeforeValidator, WithJsonSchema

from api import answers
from api.access import Requires, only_for
from api.auth import OPS, ORDERS_READ, Caller
from api.models import IdOrder, IdProduk, IdUser
from api.problem_types import FORBIDDEN, NOT_FOUND, STORE_AWAY, UNAUTHENTICATED, VALIDATION
from api.problems import Problem, documented
from api.requests import Json
from api.services import Provided, Services
from streams.messages import ID_MAX, as_json
from streams.order import Row
from streams.topics import plain_decimal
from tables.orders import BadCursor, Current, Page

LIMIT = 50
LIMIT_MAX = 200
CURSOR_LENGTH = 500
_DAY = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}")  # Python's parser takes weeks too
# Answers are one caller's, and change: a shared cache keeps nothing, a client asks again with its ETag.
PRIVATE = {"Cache-Control": "private, no-cache", "Vary": "Authorization"}
_REFUSALS = (UNAUTHENTICATED, FORBIDDEN, NOT_FOUND, VALIDATION, STORE_AWAY)

router = APIRouter(tags=["queries"])


def _decimal(value: object) -> object:
    """Stricter than pydantic, which takes `1_0` and ` 10`."""
    number = plain_decimal(value.encode()) if isinstance(value, str) else value
    if number is None:
        raise ValueError("not a number in plain decimal")
    return number


def _day(value: object) -> object:
    if not isinstance(value, str) or not _DAY.fullmatch(value):
        raise ValueError("not a day such as 2026-11-24")
    return date.fromisoformat(value)


Reader = Annotated[Caller, Depends(Requires(ORDERS_READ, OPS))]
Operator = Annotated[Caller, Depends(Requires(OPS))]
Limit = Annotated[
    int,
    BeforeValidator(_decimal),
    Query(ge=1, le=LIMIT_MAX),
    WithJsonSchema({"type": "integer", "minimum": 1, "maximum": LIMIT_MAX}),
]
Cursor = Annotated[str | None, Query(max_length=CURSOR_LENGTH, description="`next` of the part before")]
Day = Annotated[date, BeforeValidator(_day), Query(description="in UTC")]


@router.get(
    "/v1/orders/{id_order}",
    response_model=answers.OrderNow,
    summary="An order and its current status",
    responses={
        304: {"description": "The version is still the one of If-None-Match"},
        **documented(*_REFUSALS),
    },
)
async def read_order(request: Request, caller: Reader, services: Provided, id_order: IdOrder) -> Response:
    """The ETag is the version, so a client that asks again learns cheaply that nothing has changed."""
    now = await visible(services, caller, id_order)
    headers = {**PRIVATE, "ETag": f'"{now.version}"'}
    if _matches(request.headers.get("if-none-match"), headers["ETag"]):
        return Response(status_code=304, headers=headers)
    return Json(order_json(now), headers=headers)


@router.get(
    "/v1/orders/{id_order}/history",
    response_model=answers.History,
    summary="All that happened to an order",
    responses=documented(*_REFUSALS),
)
async def read_history(
    caller: Reader, services: Provided, id_order: IdOrder, limit: Limit = LIMIT, cursor: Cursor = None
) -> Json:
    """Every row, newest first; late ones too, with `applied` false."""
    await visible(services, caller, id_order)
    page = await services.store.orders().history(id_order, limit, _before(cursor))
    rows = [row_json(row, OPS in caller.scopes) for row in page.items]
    return Json({"items": rows, "next": None if page.next is None else str(page.next)}, headers=PRIVATE)


@router.get(
    "/v1/users/{id_user}/orders",
    response_model=answers.OrderList,
    summary="A user's orders",
    responses=documented(*_REFUSALS),
)
async def read_orders_of_user(
    caller: Reader, services: Provided, id_user: IdUser, limit: Limit = LIMIT, cursor: Cursor = None
) -> Json:
    """Newest first. A customer sees only its own."""
    only_for(caller, id_user)
    return _list(await services.store.orders().orders_of_user(id_user, limit, cursor))


@router.get(
    "/v1/produk/{id_produk}/orders",
    response_model=answers.OrderList,
    summary="A product's orders of one day",
    responses=documented(UNAUTHENTICATED, FORBIDDEN, VALIDATION, STORE_AWAY),
)
async def read_orders_of_produk(
    _: Operator, services: Provided, id_produk: IdProduk, day: Day, limit: Limit = LIMIT, cursor: Cursor = None
) -> Json:
    """Those placed on that day (UTC), newest first."""
    return _list(await services.store.orders().orders_of_produk(id_produk, day, limit, cursor))


async def visible(services: Services, caller: Caller, id_order: int) -> Current:
    """The order, if there is one and the caller may see it; 404 for both otherwise."""
    now = await services.store.orders().order(id_order)
    if now is None or not caller.sees(now.order.id_user):
        raise Problem(NOT_FOUND)
    return now


def _list(page: Page) -> Json:
    return Json({"items": [order_json(now) for now in page.items], "next": page.next}, headers=PRIVATE)


def _before(cursor: str | None) -> int | None:
    number = None if cursor is None else plain_decimal(cursor.encode())
    if cursor is not None and (number is None or number > ID_MAX):
        raise BadCursor(cursor)
    return number


def _matches(header: str | None, etag: str) -> bool:
    """If-None-Match by weak comparison, RFC 9110 section 13.1.2."""
    tags = [tag.strip().removeprefix("W/") for tag in (header or "").split(",")]
    return etag in tags or tags == ["*"]


def order_json(now: Current) -> Mapping[str, Any]:
    """An order and its current status as JSON."""
    order = now.order
    return as_json(
        {
            "id_order": order.id_order,
            "id_user": order.id_user,
            "id_produk": order.id_produk,
            "produk_nama": order.produk_nama,
            "harga": order.harga,
            "jumlah": order.jumlah,
            "total_harga": order.total_harga,
            "currency": order.currency,
            "placed_at": order.placed_at,
            "promised_at": order.promised_at,
            "status": now.status,
            "status_at": now.status_at,
            "version": now.version,
            "courier": now.courier,
            "eta": now.eta,
            "couriers": None if order.couriers is None else list(order.couriers),
        }
    )


def row_json(row: Row, to_operators: bool = False) -> Mapping[str, Any]:
    """One row of a history as JSON. Who corrected a status is for operators only."""
    names = [name for name in answers.HistoryItem.model_fields if to_operators or name != "operator"]
    return as_json({name: getattr(row, name) for name in names})
