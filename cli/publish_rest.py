"""Sends orders and updates to the REST API, as a shop's or a courier's system would."""

import asyncio
import random
from collections.abc import Callable
from typing import Self

import httpx

from cli.edge import Failed, now_ms
from cli.publish import Item, Tally
from streams.messages import Message, as_json

REQUESTS = 32  # under way at a time
TRY_AGAIN = frozenset({429, 502, 503, 504})
LONGEST_WAIT = 10.0  # seconds


class RestSink:
    """Posts to the API, so many requests at a time, one of an order; tried again while the API is busy or away.

    `patience`: after so many seconds without any answer it raises `Failed`; at the start at once. None is never.
    """

    def __init__(self, url: str, token: Callable[[], str], patience: float | None = 60.0) -> None:
        self.tally = Tally()
        self._url, self._token, self._patience = url, token, patience
        self._room = asyncio.Semaphore(REQUESTS)
        self._last: dict[int, asyncio.Task[None]] = {}  # of each order that has one under way

    async def __aenter__(self) -> Self:
        self._client = httpx.AsyncClient(base_url=self._url, timeout=httpx.Timeout(15.0), trust_env=False)
        self._answered = now_ms()
        if self._patience is not None:
            await self._greet()
        self._tasks = await asyncio.TaskGroup().__aenter__()
        return self

    async def _greet(self) -> None:
        try:
            await self._client.get("/healthz")
        except httpx.TransportError as error:
            await self._client.aclose()
            raise Failed(f"the API at {self._url} does not answer ({_words(error)}); `make up` starts it") from error

    async def __aexit__(self, *error: object) -> None:
        try:
            await self._tasks.__aexit__(*error)  # type: ignore[arg-type]
        finally:
            await self._client.aclose()

    async def send(self, item: Item) -> None:
        """Starts to post one item, after the one before it of the same order."""
        await self._room.acquire()
        self.tally.took(item)
        id_order = item.message["id_order"]
        task = self._tasks.create_task(self._in_turn(item, self._last.get(id_order)))
        self._last[id_order] = task
        task.add_done_callback(lambda done: self._done(id_order, done))

    async def _in_turn(self, item: Item, before: "asyncio.Task[None] | None") -> None:
        if before is not None:
            await asyncio.wait([before])
        await self._post(item)

    def _done(self, id_order: int, task: "asyncio.Task[None]") -> None:
        self._room.release()
        if self._last.get(id_order) is task:
            del self._last[id_order]

    async def _post(self, item: Item) -> None:
        body = {name: value for name, value in as_json(item.message).items() if value is not None}
        path = "/v1/orders" if item.is_order else f"/v1/orders/{body.pop('id_order')}/status"
        tries = 0
        while True:
            answer, why, wait = await self._try(path, body, tries)
            if answer is not None and answer.status_code not in TRY_AGAIN:
                self._answered = now_ms()
                self._count(item, answer)
                return
            tries += 1
            if self._patience is not None and now_ms() - self._answered > self._patience * 1000:
                raise Failed(f"the API takes nothing any more: {why}")
            await asyncio.sleep(wait)

    async def _try(self, path: str, body: Message, tries: int) -> tuple[httpx.Response | None, str, float]:
        """The answer or None, why there is none, and how long to wait before the next try."""
        wait = random.uniform(0, min(LONGEST_WAIT, 0.25 * 2**tries))  # noqa: S311 - jitter
        try:
            answer = await self._client.post(path, json=body, headers={"authorization": f"Bearer {self._token()}"})
        except httpx.TransportError as error:
            return None, f"{self._url}: {_words(error)}", wait
        after = answer.headers.get("retry-after", "")
        return answer, f"{answer.status_code} {problem(answer)}", max(wait, float(after) if after.isdigit() else 0.0)

    def _count(self, item: Item, answer: httpx.Response) -> None:
        if answer.status_code == 202:
            self.tally.accepted += 1
        else:
            self.tally.refused += 1
            self.tally.problem(item, f"{answer.status_code} {problem(answer)}")


def _words(error: Exception) -> str:
    return str(error) or type(error).__name__


def problem(answer: httpx.Response) -> str:
    """What a problem+json answer says, in one line."""
    try:
        body = answer.json()
    except ValueError:
        return answer.text[:200]
    if not isinstance(body, dict):
        return answer.text[:200]
    errors = [f"{e.get('field')}: {e.get('detail')}" for e in body.get("errors", []) if isinstance(e, dict)]
    return "; ".join([str(body.get("detail") or body.get("title") or answer.reason_phrase), *errors])
