"""The load's way through REST: each order's inputs one after the other, and each again until it is answered."""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Sequence
from random import Random
from typing import Any

import aiohttp

from api.auth import ORDERS_WRITE, STATUS_WRITE, issue_token
from faults.history import Writer
from faults.script import ORDERS, Input, sent_line
from streams.settings import Settings

CONCURRENT = 128  # the offered rate holds up to answers of two seconds
MOST_WAITING = 20_000
BATCH = 5
PATIENCE = 300.0  # then an input is given up
TOKEN_SECONDS = 24 * 3600
_LONGEST_PAUSE = 8.0


class RestDoor:
    """Sends inputs to the API. 503, a dropped connection and a time-out are tried again, with the same ids."""

    def __init__(self, settings: Settings, url: str, history: Writer, counts: Counter[str], seed: int) -> None:
        self._history, self._counts, self._random = history, counts, Random(seed)
        token = issue_token(
            settings.jwt_secret,
            audience=settings.jwt_audience,
            ttl=TOKEN_SECONDS,
            now=int(time.time()),
            scopes=(ORDERS_WRITE, STATUS_WRITE),
        )
        # Not httpx, whose pool looks at every connection for every request: at 60 a second it took a third of a core.
        self._http = aiohttp.ClientSession(
            base_url=url,
            headers={"Authorization": f"Bearer {token}"},
            timeout=aiohttp.ClientTimeout(total=15, sock_connect=3),
            connector=aiohttp.TCPConnector(limit=CONCURRENT),
        )
        self._room = asyncio.Semaphore(CONCURRENT)
        self._lanes: dict[int, deque[Input]] = {}
        self._batch: list[Input] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._bug: BaseException | None = None
        self.in_flight = 0

    @property
    def has_room(self) -> bool:
        return self.in_flight < MOST_WAITING

    def send(self, given: Input) -> None:
        """Writes it down, and sends it when the order's input before it has its answer."""
        self._history.write("sent", **sent_line(given))
        self.in_flight += 1
        if given.id_order in self._lanes:
            self._lanes[given.id_order].append(given)
        else:
            self._lanes[given.id_order] = deque()
            self._begin(given)

    def flush(self) -> None:
        """Sends the batch that is not full."""
        if self._batch:
            batch, self._batch = self._batch, []
            self._spawn(batch)

    async def close(self) -> None:
        """Gives up what is under way or waits for its turn; it is written down so."""
        waiting = [*self._batch, *(given for lane in self._lanes.values() for given in lane)]
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for given in waiting:
            self._give_up(given, "its turn did not come")
        self.in_flight -= len(waiting)
        await self._http.close()

    def _give_up(self, given: Input, why: str) -> None:
        self._counts["gave_up"] += 1
        self._history.write("gave_up", id=given.id, error=why)

    def _begin(self, given: Input) -> None:
        if not given.batched:
            self._spawn([given])
            return
        self._batch.append(given)
        if len(self._batch) >= BATCH:
            self.flush()

    def _spawn(self, inputs: list[Input]) -> None:
        task = asyncio.get_running_loop().create_task(self._work(inputs))
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            self._bug = self._bug or task.exception()

    def check(self) -> None:
        """Raises what a task of ours ended with: a bug of the load ends the load."""
        if self._bug is not None:
            raise self._bug

    async def _work(self, inputs: list[Input]) -> None:
        """Sends inputs until each has its answer, or patience ends; then the next of their orders begin."""
        left, until, tries = inputs, time.monotonic() + PATIENCE, 0
        try:
            while left:
                left, pause = await self._once(left, tries)
                tries += 1
                if left and time.monotonic() + pause > until:
                    break
                if left:
                    await asyncio.sleep(pause)
        finally:
            for given in left:
                self._give_up(given, f"{tries} tries")
            self.in_flight -= len(inputs)
        for given in inputs:
            self._next(given.id_order)

    def _next(self, id_order: int) -> None:
        lane = self._lanes[id_order]
        if lane:
            self._begin(lane.popleft())
        else:
            del self._lanes[id_order]

    async def _once(self, inputs: list[Input], tries: int) -> tuple[list[Input], float]:
        """Those that have no answer yet, and how long to wait before the next try."""
        pause = self._random.random() * min(_LONGEST_PAUSE, 0.3 * 2**tries)
        try:
            async with self._room:
                status, retry_after, answer = await self._post(inputs)
        except (aiohttp.ClientError, TimeoutError) as error:
            self._counts[f"rest {type(error).__name__}"] += 1
            return inputs, pause
        if status >= 500 or status == 429:
            self._counts[f"rest {status}"] += 1
            return inputs, max(pause, retry_after * (0.5 + self._random.random()))
        if inputs[0].batched and status in (202, 207):
            return self._results(inputs, answer["results"]), max(pause, 1.0)
        for given in inputs:
            self._answered(given, status)
        return [], 0

    def _results(self, inputs: Sequence[Input], results: Sequence[dict[str, Any]]) -> list[Input]:
        """Writes down a batch's answers; those of it which are to be sent again."""
        again = []
        for given, result in zip(inputs, results, strict=True):
            if result["status"] >= 500:
                self._counts[f"rest {result['status']}"] += 1
                again.append(given)
            else:
                self._answered(given, result["status"])
        return again

    def _answered(self, given: Input, status: int) -> None:
        if status == 202:
            self._counts["acked"] += 1
            self._history.write("acked", id=given.id, partition=None, offset=None)
        else:
            self._counts["refused"] += 1
            self._history.write("refused", id=given.id, status=status)

    async def _post(self, inputs: Sequence[Input]) -> tuple[int, float, Any]:
        """The answer's status, its Retry-After in seconds (0: none), and its JSON if it is 202 or 207."""
        path, body = _request(inputs)
        headers = {"traceparent": inputs[0].traceparent} if inputs[0].traceparent and not inputs[0].batched else {}
        async with self._http.post(path, json=body, headers=headers) as answer:
            taken = await answer.json() if answer.status in (202, 207) else await answer.read()
            return answer.status, float(answer.headers.get("Retry-After", 0)), taken


def _request(inputs: Sequence[Input]) -> tuple[str, dict[str, Any]]:
    """Where to, and what."""
    first = inputs[0]
    if first.batched:
        return "/v1/status-updates", {"updates": [one.body for one in inputs]}
    if first.topic == ORDERS:
        return "/v1/orders", first.body
    update = {name: value for name, value in first.body.items() if name != "id_order"}
    return f"/v1/orders/{first.id_order}/status", update
