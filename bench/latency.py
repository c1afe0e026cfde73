"""From a courier's POST to the customer's socket, through everything: API, Kafka, worker, Cassandra, Kafka, gateway.

    python bench/latency.py [--rate 200] [--seconds 20] [--transport websocket|sse]

Each update is timed from just before its POST is sent to when its frame arrives at the customer's WebSocket (or event
stream), on one clock, at a fixed rate that does not wait for answers. The load generator shares the machine.
"""

import argparse
import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import aiohttp
import lab
import orjson

from api.auth import issue_token
from processes import Process, free_port, running, until
from streams.settings import Settings

USERS, ORDERS = 50, 1000


def headers(settings: Settings, *scopes: str, sub: str = "bench", courier: str | None = "jne") -> dict[str, str]:
    """A bearer token's header."""
    token = issue_token(
        settings.jwt_secret,
        audience=settings.jwt_audience,
        ttl=3600,
        now=int(time.time()),
        sub=sub,
        scopes=list(scopes),
        courier=courier,
    )
    return {"Authorization": f"Bearer {token}"}


async def frames(
    session: aiohttp.ClientSession, url: str, settings: Settings, user: int, transport: str
) -> AsyncIterator[dict[str, object]]:
    """The live frames of one user."""
    auth = headers(settings, "orders:read", sub=str(user))
    if transport == "websocket":
        async with session.ws_connect(f"{url}/v1/live", headers=auth, protocols=["lacak.v1"]) as socket:
            async for message in socket:
                yield orjson.loads(message.data)
        return
    async with session.get(f"{url}/v1/live/sse", headers=auth) as response:
        async for line in response.content:
            if line.startswith(b"data:"):
                yield orjson.loads(line[5:])


async def measure(settings: Settings, rate: int, seconds: int, transport: str) -> tuple[list[float], list[float]]:
    """Seconds from POST to socket, and from POST to answer, of each update."""
    url = f"http://{settings.http_host}:{settings.http_port}"
    sent: dict[str, float] = {}
    pushed: dict[str, float] = {}
    answered: list[float] = []
    ready = asyncio.Semaphore(0)
    connector = aiohttp.TCPConnector(limit=0)
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(aiohttp.ClientSession(connector=connector))
        write = headers(settings, "orders:write", "status:write")

        async def watch(user: int) -> None:
            async for frame in frames(session, url, settings, user, transport):
                if "snapshot" in frame.get("type", "") or "orders" in frame:  # type: ignore[operator]
                    ready.release()
                order = frame.get("order")
                if isinstance(order, dict):
                    pushed.setdefault(str(order["event_id"]), time.monotonic())

        async def post(path: str, body: dict[str, object], event: str = "") -> None:
            start = sent[event] = time.monotonic()
            async with session.post(url + path, json=body, headers=write) as response:
                assert response.status == 202, await response.text()
            if event:
                answered.append(time.monotonic() - start)

        body: dict[str, object] = {"id_produk": 1, "harga": 10_000, "jumlah": 1}
        for at in range(1, ORDERS + 1, 50):
            await asyncio.gather(
                *(post("/v1/orders", {**body, "id_order": i, "id_user": i % USERS}) for i in range(at, at + 50))
            )
        await asyncio.sleep(3)
        watchers = [asyncio.create_task(watch(user)) for user in range(USERS)]
        for _ in range(USERS):
            await asyncio.wait_for(ready.acquire(), 30)
        posts = set[asyncio.Task[None]]()
        start = time.monotonic()
        for number in range(rate * seconds):
            await asyncio.sleep(max(0.0, start + number / rate - time.monotonic()))
            event = f"e{number}"
            status = {"status": "in_transit", "event_id": event}
            posts.add(asyncio.create_task(post(f"/v1/orders/{number % ORDERS + 1}/status", status, event)))
        await asyncio.gather(*posts)
        for _ in range(100):
            if len(pushed) >= rate * seconds:
                break
            await asyncio.sleep(0.1)
        for watcher in watchers:
            watcher.cancel()
        await asyncio.gather(*watchers, return_exceptions=True)
    assert len(pushed) >= rate * seconds, f"only {len(pushed)} of {rate * seconds} arrived"
    return [pushed[event] - sent[event] for event in pushed if event in sent], answered


def report(name: str, values: list[float]) -> None:
    """A line of percentiles."""
    figures = [f"p{label} {lab.percentile(values, share) * 1000:.1f} ms" for label, share in SHARES]
    print(f"{name:<34}{'   '.join(figures)}   max {max(values) * 1000:.1f} ms   ({len(values)} updates)")


SHARES = (("50", 0.5), ("99", 0.99), ("99.9", 0.999))


def main() -> None:
    """Prints the report."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rate", type=int, default=200)
    options.add_argument("--seconds", type=int, default=20)
    options.add_argument("--transport", choices=("websocket", "sse"), default="websocket")
    chosen = options.parse_args()
    with lab.servers() as (own, folder):
        settings = lab.fresh(own, folder, http_port=free_port(), connections_per_user=100)
        with running(Process("track", settings), Process("web", settings)):
            until(lambda: _ready(settings), what="/readyz")
            to_socket, answers = asyncio.run(measure(settings, chosen.rate, chosen.seconds, chosen.transport))
    print(f"{chosen.rate} updates/s for {chosen.seconds} s, {USERS} customers on {chosen.transport}, one machine\n")
    report("POST to the customer's socket", to_socket)
    report("POST to its answer", answers)


def _ready(settings: Settings) -> bool:
    import httpx

    try:
        return httpx.get(f"http://{settings.http_host}:{settings.http_port}/readyz", timeout=5).status_code == 200
    except httpx.HTTPError:
        return False


if __name__ == "__main__":
    main()
