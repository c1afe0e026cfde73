"""POSTs that are done once however often they are sent: the header Idempotency-Key.

What a request is given (the id of an order, those of events, the time) is kept with its key before anything is sent to
Kafka. A try that dies in between, or that hears nothing from Kafka, is followed by one with the same ids, and the
pipeline takes what comes twice for one. So nothing here has to be atomic with Kafka.
"""

import hashlib
import re
import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import orjson
from fastapi import Depends, Header, Request
from fastapi.responses import Response
from pydantic import WithJsonSchema

from api.auth import Caller
from api.intake import Intake, Record
from api.problem_types import BAD_REQUEST, IN_PROGRESS, KEY_REUSED, UNAVAILABLE
from api.problems import Problem
from api.requests import Json
from api.trace import RequestTrace
from streams import log, metrics
from tables.idempotency import Answer, Hold, InProgress, OtherRequest
from tables.orders import Orders, StoreUnavailable

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
MAX_KEY = 255
STALE_MS = 2_000  # besides the time that Kafka is given: then who held a key is taken for dead (if not: see above)
MAX_KEPT = 64 * 1024  # bytes; a longer answer is made again, from the same ids
_STRING = re.compile(r'"((?:[ !#-\[\]-~]|\\["\\])*)"')  # RFC 8941, section 3.3.3
_KEPT_HEADERS = frozenset({"location"})
_BARE = re.compile(r"[!#-~]([ !#-~]*[!#-~])?")

_FORM = rf'^({_BARE.pattern}|"([ !#-\[\]-~]|\\["\\])+")$'  # both, for OpenAPI

_STORE_AWAY = metrics.IDEMPOTENT.labels("store_away")

_log = log.get(__name__)


@dataclass(frozen=True, slots=True)
class Assigned:
    """What a request is given, the same at each of its tries. `now` in ms; `id_order`, where it names none."""

    now: int
    id_order: int | None
    seed: bytes

    def event_id(self, index: int = 0) -> str:
        """That of the request's update number `index`."""
        return hashlib.sha256(b"%s/%d/%d" % (self.seed, self.now, index)).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class Work:
    """What a request is to send, and its answer, by what of it Kafka has taken; which may be a Problem, raised."""

    records: Sequence[Record]
    answer: Callable[[Sequence[bool]], Json]


class Once:
    """Does requests, and those with a key once. `orders()` raises StoreUnavailable; Kafka is given `produce_seconds`
    for one."""

    def __init__(self, intake: Intake, orders: Callable[[], Orders], produce_seconds: float) -> None:
        self._intake, self._orders = intake, orders
        self._stale_ms = int(produce_seconds * 1000) + STALE_MS

    async def do(
        self,
        request: Request,
        caller: Caller,
        now: int,
        id_order: int | None,
        plan: Callable[[Assigned], Work],
    ) -> Response:
        """The answer: the first one again, where there is one. What `plan` refuses, by a Problem, is not kept."""
        key = _key(request)
        if key is not None and not caller.sub and caller.courier is None:
            raise Problem(BAD_REQUEST, f"{HEADER} is for tokens that say whose they are, by `sub` or `courier`")
        if key is None:
            work = plan(Assigned(now, id_order, uuid.uuid4().bytes))
            return work.answer(await self._take(request, work))
        mine = Hold(
            _digest([caller.sub, caller.courier, key]),
            await _digest_of(request),
            uuid.uuid4().hex,
            now,
            now,
            id_order,
        )
        work = plan(_assigned(mine))
        held = await self._hold(mine)
        if isinstance(held, Answer):
            return Response(held.body, held.status, {**held.headers, REPLAYED: "true"}, Json.media_type)
        if held != mine:
            work = plan(_assigned(held))
        return await self._answered(request, held, work)

    async def _hold(self, mine: Hold) -> Hold | Answer:
        try:
            held = await self._orders().hold_key(mine, self._stale_ms)
        except InProgress as error:
            metrics.IDEMPOTENT.labels("in_progress").inc()
            raise Problem(IN_PROGRESS) from error
        except OtherRequest as error:
            metrics.IDEMPOTENT.labels("other_request").inc()
            raise Problem(KEY_REUSED) from error
        except StoreUnavailable as error:
            _STORE_AWAY.inc()
            _log.warning("store_away", error=str(error))
            raise Problem(UNAVAILABLE, f"what has an {HEADER} is not taken while Cassandra is away") from error
        outcome = "replayed" if isinstance(held, Answer) else "first" if held == mine else "again"
        metrics.IDEMPOTENT.labels(outcome).inc()
        return held

    async def _take(self, request: Request, work: Work) -> list[bool]:
        trace = RequestTrace.of(request)
        began = trace.now()
        taken = await self._intake.take(work.records)
        if taken:
            trace.sent(work.records[0].topic.name, len(taken), began, all(taken))
        return taken

    async def _answered(self, request: Request, held: Hold, work: Work) -> Json:
        taken = await self._take(request, work)
        if not all(taken):  # it is not known whether Kafka has it: the next try finds out, with the same ids
            await _noted(lambda: self._orders().release_key(held))
            return work.answer(taken)
        answer = work.answer(taken)
        headers = {name: value for name, value in answer.headers.items() if name in _KEPT_HEADERS}
        kept = Answer(answer.status_code, headers, bytes(answer.body))
        if len(kept.body) > MAX_KEPT:
            await _noted(lambda: self._orders().release_key(held))
        else:
            await _noted(lambda: self._orders().key_answered(held, kept))
        return answer


async def _noted(note: Callable[[], Awaitable[None]]) -> None:
    """Where that fails, the next try is made with the same ids, when this one counts as dead."""
    try:
        await note()
    except StoreUnavailable as error:
        _log.warning("idempotency_key_not_noted", error=str(error))


def _assigned(hold: Hold) -> Assigned:
    return Assigned(hold.began_at, hold.id_order, hold.key + hold.request)


def _key(request: Request) -> str | None:
    """The header: a string as RFC 8941 writes it, in quotes, or without them."""
    values = request.headers.getlist(HEADER)
    if not values:
        return None
    text = values[0].strip()
    quoted = _STRING.fullmatch(text)
    if quoted is not None:
        text = re.sub(r"\\(.)", r"\1", quoted[1])
    elif not _BARE.fullmatch(text):
        text = ""
    if len(values) > 1 or not 1 <= len(text) <= MAX_KEY:
        raise Problem(
            BAD_REQUEST, f"{HEADER}: once, of 1 to {MAX_KEY} printable ASCII characters, in quotes or without"
        )
    return text


async def _digest_of(request: Request) -> bytes:
    """Of what is asked for, however its JSON is written."""
    asked = [request.method, request.url.path]
    return _digest([*asked, await request.json()])


def _digest(value: list[Any]) -> bytes:
    return hashlib.sha256(orjson.dumps(value, option=orjson.OPT_SORT_KEYS)).digest()


async def _documented(
    _: Annotated[
        str | None,
        WithJsonSchema({"type": "string", "minLength": 1, "maxLength": MAX_KEY, "pattern": _FORM}),
        Header(
            alias=HEADER,
            description="Up to 255 characters of ASCII, new for each request: sent again with it within a day, a "
            "request is done once, and its first answer comes again (with `Idempotency-Replayed: true`)",
            examples=["8e03978e-40d5-43e8-bc93-6894a57f9324"],
        ),
    ] = None,
) -> None:
    """For OpenAPI; `Once` reads it."""


KEYED = Depends(_documented)
REFUSALS = (BAD_REQUEST, IN_PROGRESS, KEY_REUSED, UNAVAILABLE)
