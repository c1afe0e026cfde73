"""How many requests one caller, and one address, may send to this process; and what each answer says about it.

The headers are those of draft-ietf-httpapi-ratelimit-headers: `RateLimit-Policy: "caller";q=100;w=10` and
`RateLimit: "caller";r=87;t=2` (87 are left, all 100 are there again in 2 seconds).
"""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.addresses import Addresses
from api.auth import ORDERS_READ, Caller
from api.buckets import Buckets, Quota
from api.problem_types import TOO_MANY
from api.problems import Problem
from streams import metrics
from streams.settings import Settings

AT_ONCE_SECONDS = 10  # who was quiet may use so many seconds' worth at once
UPDATES_OF_ONE = 10  # updates in a batch that cost as much as one request
UNLIMITED = frozenset({"/healthz", "/readyz", "/metrics"})  # for those who watch over this process
_QUOTA = "rate_limit"  # in the request's state: what its answer says


class Limits:
    """Token buckets by caller and by address. A bound of 0 is none."""

    def __init__(self, settings: Settings) -> None:
        self._customers, self._systems, self._addresses = (
            Buckets(per_second, AT_ONCE_SECONDS) if per_second else None
            for per_second in (
                settings.requests_per_customer,
                settings.requests_per_system,
                settings.requests_per_address,
            )
        )
        self._client = Addresses(settings.trusted_proxies).client

    def check_address(self, scope: Scope) -> None:
        """Counts a request; raises a Problem for one too many."""
        if self._addresses is not None and scope["path"] not in UNLIMITED:
            forwarded = b",".join(value for name, value in scope["headers"] if name == b"x-forwarded-for")
            peer = (scope.get("client") or ("",))[0]
            _check(scope, "address", self._addresses.take(self._client(peer, forwarded.decode("latin-1"))))

    def check_caller(self, scope: Scope, caller: Caller) -> None:
        """The same, for who the token says it is."""
        buckets = self._of(caller)
        if buckets is not None:
            _check(scope, "caller", buckets.take(_name(caller)))

    def charge(self, caller: Caller, updates: int) -> None:
        """What a batch costs more than a request."""
        buckets = self._of(caller)
        if buckets is not None and updates > UPDATES_OF_ONE:
            buckets.charge(_name(caller), updates / UPDATES_OF_ONE - 1)

    def _of(self, caller: Caller) -> Buckets | None:
        return self._customers if caller.scopes == {ORDERS_READ} else self._systems


def _name(caller: Caller) -> str:
    return f"{caller.sub}\n{caller.courier or ''}"


def _check(scope: Scope, policy: str, quota: Quota) -> None:
    scope.setdefault("state", {})[_QUOTA] = policy, quota
    if quota.wait:
        metrics.LIMITED.labels(policy).inc()
        raise Problem(TOO_MANY, f"too many requests of this {policy}", headers={"Retry-After": str(quota.wait)})


class Limit:
    """Refuses an address before anything else is done for it, and writes the headers of whichever bound was met."""

    def __init__(self, app: ASGIApp, limits: Limits) -> None:
        self._app, self._limits = app, limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            met = scope.get("state", {}).get(_QUOTA)
            if message["type"] == "http.response.start" and met is not None:
                message = {**message, "headers": [*message["headers"], *_headers(*met)]}
            await send(message)

        try:
            self._limits.check_address(scope)
        except Problem as problem:
            await problem.response()(scope, receive, with_headers)
            return
        await self._app(scope, receive, with_headers)


def _headers(policy: str, quota: Quota) -> list[tuple[bytes, bytes]]:
    return [
        (b"ratelimit-policy", b'"%s";q=%d;w=%d' % (policy.encode(), quota.all_, AT_ONCE_SECONDS)),
        (b"ratelimit", b'"%s";r=%d;t=%d' % (policy.encode(), quota.left, quota.seconds)),
    ]
