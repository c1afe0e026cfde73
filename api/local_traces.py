"""A route that only the one-machine stack has: the page's spans, for a collector that no browser reaches."""

import httpx
from fastapi import APIRouter, Request
from fastapi.responses import Response

from api.problem_types import UNAVAILABLE
from api.problems import Problem
from api.requests import JSON, JsonRoute

SECONDS = 5


def trace_routes(collector: str) -> APIRouter:
    """POST /local/traces, as a collector takes it."""
    router = APIRouter(route_class=JsonRoute, include_in_schema=False)

    @router.post("/local/traces")
    async def traces(request: Request) -> Response:
        try:
            async with httpx.AsyncClient(timeout=SECONDS) as client:
                answer = await client.post(
                    collector, content=await request.body(), headers={"content-type": JSON, "accept": JSON}
                )
        except httpx.HTTPError as error:
            raise Problem(UNAVAILABLE, "the collector of traces does not answer") from error
        return Response(status_code=answer.status_code)

    return router
