"""The headers of answers that a client may build on, once: what OpenAPI says of each, and of which answers."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from api.idempotency import HEADER, REPLAYED
from api.limits import UNLIMITED
from api.problems import RETRIED

_SECONDS = "^[1-9][0-9]*$"


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer of one operation, as described so far."""

    path: str
    operation: dict[str, Any]
    status: str

    @property
    def is_limited(self) -> bool:
        return self.path not in UNLIMITED

    @property
    def is_kept(self) -> bool:
        """Whether it is given again to who sends the same with the same key."""
        named = {parameter["name"] for parameter in self.operation.get("parameters", ())}
        return HEADER in named and self.status in ("202", "207")

    @property
    def asks_for_scopes(self) -> bool:
        return "security" in self.operation and self.status == "403"


@dataclass(frozen=True, slots=True)
class Told:
    """A header, what it means, and whose it is, `always` or where there is a reason. `key`: among the components."""

    name: str
    means: str
    whose: Callable[[Answer], bool]
    always: bool = False
    pattern: str = ""
    key: str = ""

    @property
    def component(self) -> str:
        return self.key or self.name

    def described(self) -> dict[str, Any]:
        """The header as OpenAPI has it."""
        schema = {"type": "string", **({"pattern": self.pattern} if self.pattern else {})}
        return {"description": self.means, "required": self.always, "schema": schema}


HEADERS = (
    Told("Location", "where the order is", lambda a: (a.path, a.status) == ("/v1/orders", "202"), always=True),
    Told(
        "ETag",
        "the order's version, for If-None-Match",
        lambda a: a.path == "/v1/orders/{id_order}" and a.status in ("200", "304"),
        always=True,
        pattern='^"[0-9]+"$',
    ),
    Told(REPLAYED, f"the first answer to this {HEADER}, again", lambda a: a.is_kept, pattern="^true$"),
    Told("Retry-After", "seconds", lambda a: int(a.status) in RETRIED, always=True, pattern=_SECONDS),
    Told(
        "Retry-After",
        "seconds, where some of it is to be sent again",
        lambda a: a.status == "207",
        pattern=_SECONDS,
        key="Retry-After-Some",
    ),
    Told("WWW-Authenticate", "what is wrong with the token", lambda a: a.status == "401", always=True),
    Told("WWW-Authenticate", "the scopes of which one is needed", lambda a: a.asks_for_scopes, key="Needed-Scopes"),
    Told(
        "RateLimit-Policy",
        "whose bound was met first, how many requests it allows, in how many seconds: where there is one",
        lambda a: a.is_limited,
        pattern='^"[a-z]+";q=[0-9]+;w=[0-9]+$',
    ),
    Told(
        "RateLimit",
        "how many requests are left of it, and in how many seconds all are there again",
        lambda a: a.is_limited,
        pattern='^"[a-z]+";r=[0-9]+;t=[0-9]+$',
    ),
    Told("Set-Cookie", "the cookie", lambda a: (a.path, a.status) == ("/v1/live/session", "204"), always=True),
)


def describe(openapi: dict[str, Any]) -> None:
    """Adds them to each answer of a document that has them."""
    components = openapi["components"].setdefault("headers", {})
    for path, operations in openapi["paths"].items():
        for operation in operations.values():
            for status, response in operation["responses"].items():
                for told in (one for one in HEADERS if one.whose(Answer(path, operation, status))):
                    components[told.component] = told.described()
                    reference = {"$ref": f"#/components/headers/{told.component}"}
                    response.setdefault("headers", {})[told.name] = reference
