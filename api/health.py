"""Is this process alive, can it take traffic, and what does it measure."""

from collections.abc import Callable, Mapping

from fastapi import APIRouter
from fastapi.responses import Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from api import answers
from api.problem_types import UNAVAILABLE
from api.problems import Problem, documented
from api.requests import Json
from streams import metrics

Check = Callable[[], bool]


def health_routes(checks: Mapping[str, Check], failed: Check, leaving: Check) -> APIRouter:
    """/healthz (nothing that runs in the background has `failed`), /readyz (and all `checks` hold, and the process is
    not `leaving`), /metrics."""
    router = APIRouter(tags=["health"])

    @router.get(
        "/healthz",
        response_model=answers.Alive,
        summary="The process works",
        responses=documented(UNAVAILABLE),
    )
    async def healthz() -> Json:
        """503 asks for a restart: a part has failed for good. What is only away does not count."""
        if failed():
            raise Problem(UNAVAILABLE, "a background task has failed; the log says why. Restart this process")
        return Json({"status": "alive"})

    @router.get(
        "/readyz",
        response_model=answers.Health,
        summary="The process can take traffic",
        responses=documented(UNAVAILABLE),
    )
    async def readyz() -> Json:
        """503 names what is not there. Cassandra is none of it: without it updates are taken all the same."""
        found = {name: check() for name, check in checks.items()}
        if leaving():
            raise Problem(UNAVAILABLE, "not ready: this process ends", ready=False, checks=found)
        if failed() or not all(found.values()):
            missing = ", ".join(name for name, there in found.items() if not there) or "see /healthz"
            raise Problem(UNAVAILABLE, f"not ready: {missing}", ready=False, checks=found)
        return Json({"ready": True, "checks": found})

    @router.get("/metrics", summary="Prometheus metrics", response_class=Response)
    async def measured() -> Response:
        """What this process measures, in Prometheus' text format. For inside: the API gateway does not let it out."""
        for name, check in checks.items():
            metrics.READY.labels(name).set(check())
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    return router
