"""Routes whose requests become records: none is read that would only wait for Kafka."""

import random

from fastapi import Request

from api.backlog import NoRoom
from api.problem_types import OVERLOADED
from api.problems import Problem
from api.requests import CallersJsonRoute
from api.services import Services
from streams import metrics

RETRY_WITHIN = 5  # seconds, each another: not all come back at once


class IntakeRoute(CallersJsonRoute):
    """Takes JSON of callers with a valid token, while Kafka keeps up."""

    async def admit(self, request: Request) -> None:
        await super().admit(request)
        services: Services = request.app.state.services
        try:
            services.intake.backlog.check()
        except NoRoom as error:
            metrics.SHED.inc()
            raise Problem(OVERLOADED, headers={"Retry-After": str(random.randint(1, RETRY_WITHIN))}) from error  # noqa: S311 - jitter
