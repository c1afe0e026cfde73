"""Shops, couriers and customers that send what they send until it is answered: what they were told, to be checked."""

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx

from behind_edge import Behind

OK = "2xx"
TRY_AGAIN = (409, 429, 502, 503, 504)
PATIENCE = 60.0  # seconds for which one thing is tried
REFUSED_SECONDS = 0.3  # before who heard nothing tries again
ORDER = {"id_produk": 7, "harga": 125_000, "jumlah": 2}
STATUSES = ("in_transit", "out_for_delivery")  # each may follow the other, and of one a customer is notified
SHARES = {"order": 3, "update": 5, "read": 2}  # of ten


@dataclass
class Told:
    """What clients were answered: `tries` by what and how, and what was taken."""

    tries: Counter[tuple[str, str]] = field(default_factory=Counter)
    orders: dict[str, str] = field(default_factory=dict)  # by key
    events: dict[str, str] = field(default_factory=dict)  # the order, by event
    given_up: list[str] = field(default_factory=list)

    @property
    def error_rate(self) -> float:
        """Of all tries, those that had to be made again."""
        return 1 - sum(n for (_, how), n in self.tries.items() if how == OK) / self.tries.total()


class Load:
    """Shops, couriers and customers, `rate` requests a second of them all."""

    def __init__(self, behind: Behind, users: Sequence[int]) -> None:
        self._headers = behind.rest.headers("orders:write", "status:write", "ops", sub="a-shop", ttl=7200)
        self._client = httpx.AsyncClient(base_url=behind.edge.url, verify=behind.edge.trust(), timeout=30)
        self._readable = [str(user) for user in users]
        self._known = list(self._readable)
        self._numbers = iter(range(10**9))
        self.told = Told()

    async def run(self, rate: float, seconds: float, enough: asyncio.Event | None = None) -> None:
        """Begins things at that pace, whether others have ended or not, so long or until it is `enough`; returns when
        all have ended."""
        loop = asyncio.get_running_loop()
        began, tasks = loop.time(), set[asyncio.Task[None]]()
        kinds = [kind for kind, share in SHARES.items() for _ in range(share)]
        for number in range(int(rate * seconds)):
            await asyncio.sleep(began + number / rate - loop.time())
            if enough is not None and enough.is_set():
                break
            tasks.add(asyncio.create_task(getattr(self, random.choice(kinds))()))
            for task in [task for task in tasks if task.done()]:
                task.result()
                tasks.discard(task)
        await asyncio.gather(*tasks)
        await self._client.aclose()

    async def order(self) -> None:
        key = f"order-{next(self._numbers)}"
        body = {**ORDER, "id_user": random.randrange(1, 1000)}
        answer = await self._insist("order", "POST", "/v1/orders", body, {"Idempotency-Key": key})
        if answer is not None:
            self.told.orders[key] = answer["id_order"]
            self._known.append(answer["id_order"])

    async def update(self) -> None:
        order, event = random.choice(self._known), f"event-{next(self._numbers)}"
        body = {"event_id": event, "status": random.choice(STATUSES), "courier": "jne"}
        if await self._insist("update", "POST", f"/v1/orders/{order}/status", body) is not None:
            self.told.events[event] = order

    async def read(self) -> None:
        await self._insist("read", "GET", f"/v1/orders/{random.choice(self._readable)}")

    async def _insist(
        self, what: str, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> Any:
        """The answer, in the end; None where there is none in a minute."""
        loop = asyncio.get_running_loop()
        end = loop.time() + PATIENCE
        while loop.time() < end:
            wait = REFUSED_SECONDS
            try:
                answer = await self._client.request(method, path, json=body, headers=self._headers | (headers or {}))
            except httpx.TransportError as error:
                self.told.tries[what, type(error).__name__] += 1
            else:
                if answer.status_code in (200, 202):
                    self.told.tries[what, OK] += 1
                    return answer.json()
                self.told.tries[what, f"{answer.status_code} {answer.json()['type']}"] += 1
                assert answer.status_code in TRY_AGAIN, answer.text
                wait = float(answer.headers["retry-after"])
            await asyncio.sleep(wait)
        self.told.given_up.append(f"{what} {path}")
        return None
