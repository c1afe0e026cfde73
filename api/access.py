"""What a route asks of its caller: a valid token, and one of some scopes."""

from typing import Annotated

from fastapi import Request, Security
from fastapi.security import HTTPBearer
from fastapi.security.http import HTTPAuthorizationCredentials

from api.auth import Authenticator, Caller
from api.hs256 import InvalidToken
from api.limits import Limits
from api.problem_types import FORBIDDEN, NOT_FOUND, UNAUTHENTICATED, UNAVAILABLE
from api.problems import Problem
from api.refreshed import Away

BEARER = HTTPBearer(
    auto_error=False,
    bearerFormat="JWT",
    description="A JWT (`lacak token` makes one for the local stack), or an API key (`lacak keys create`).",
)
INVALID_TOKEN = 'Bearer realm="lacak", error="invalid_token"'  # noqa: S105 - a challenge


async def caller_of(request: Request) -> Caller:
    """The caller that the bearer token names, verified once a request. 401 without a valid token."""
    known = getattr(request.state, "caller", None)
    if isinstance(known, Caller):
        return known
    # One, or none: whoever reads the other of two, a gateway in front or a log, would see another caller.
    values = request.headers.getlist("authorization")
    scheme, _, token = (values[0] if len(values) == 1 else "").partition(" ")
    if scheme.lower() != "bearer":
        raise Problem(UNAUTHENTICATED, headers={"WWW-Authenticate": 'Bearer realm="lacak"'})
    authenticator: Authenticator = request.app.state.authenticator
    try:
        request.state.caller = caller = await authenticator.caller(token.strip())
    except InvalidToken as error:
        raise Problem(UNAUTHENTICATED, str(error), headers={"WWW-Authenticate": INVALID_TOKEN}) from error
    except Away as error:
        raise Problem(UNAVAILABLE, "the keys that tokens are verified with cannot be had") from error
    limits: Limits = request.app.state.limits
    limits.check_caller(request.scope, caller)
    return caller


class Requires:
    """A dependency that gives the caller who has one of these scopes; 401 and 403 otherwise."""

    def __init__(self, *scopes: str) -> None:
        self.scopes = frozenset(scopes)

    async def __call__(
        self, request: Request, _: Annotated[HTTPAuthorizationCredentials | None, Security(BEARER)]
    ) -> Caller:
        caller = await caller_of(request)
        if self.scopes.isdisjoint(caller.scopes):
            words = " ".join(sorted(self.scopes))
            challenge = f'Bearer realm="lacak", error="insufficient_scope", scope="{words}"'
            raise Problem(FORBIDDEN, f"one of these scopes is needed: {words}", headers={"WWW-Authenticate": challenge})
        return caller


def only_for(caller: Caller, id_user: int) -> None:
    """404 unless the caller may see that user's orders: it does not learn whether there is something."""
    if not caller.sees(id_user):
        raise Problem(NOT_FOUND)
