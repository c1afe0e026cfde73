#!/usr/bin/env python
"""Orders with an Idempotency-Key, each sent three times until it is answered, while the API is killed -9: each is
placed once, and answered the same.

    python tests/soak/retries.py [--orders 2000] [--kills 10]

Exits with 1 when there is another number of orders in Kafka or in Cassandra, or one was answered in two ways.
"""

import argparse
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from soak import on_servers  # noqa: I001

import httpx

import topics_reader
from api.auth import ORDERS_WRITE
from processes import Process, free_port, running, until
from rest import Rest
from restarts import in_cassandra
from streams.settings import Settings

CLIENTS = 12
TIMES = 3
PATIENCE = 120.0  # seconds, for one order
ORDER: dict[str, Any] = {"id_produk": 7, "harga": 125_000, "jumlah": 2}


@dataclass
class Story:
    """A run: `answered`, the ids that each order's tries were given; `placed`, those in Kafka; `tries` by outcome."""

    answered: list[list[str]] = field(default_factory=list)
    placed: set[str] = field(default_factory=set)
    tries: Counter[str] = field(default_factory=Counter)

    @property
    def ids(self) -> set[str]:
        return {id_order for answers in self.answered for id_order in answers}


def story(settings: Settings, orders: int, kills: int) -> Story:
    """The whole story; the kills come when so many orders are through that they are spread evenly."""
    settings = settings.model_copy(update={"http_host": "127.0.0.1", "http_port": free_port(), "produce_timeout": 1.0})
    told = Story()
    with (
        Process("api", settings) as api,
        httpx.Client(base_url=f"http://127.0.0.1:{settings.http_port}", timeout=30) as client,
        ThreadPoolExecutor(CLIENTS) as clients,
    ):
        rest = Rest(settings, client)
        through = [clients.submit(sent, rest, number, told.tries) for number in range(orders)]
        for kill in range(1, kills + 1):
            share = orders * kill / (kills + 1)
            until(lambda share=share: sum(one.done() for one in through) > share, 300)
            api.kill9()
            api.start()
        told.answered = [one.result() for one in through]
    told.placed = {(one.key() or b"").decode() for one in topics_reader.read(settings, "orders")}
    return told


def sent(rest: Rest, number: int, tries: Counter[str]) -> list[str]:
    """The id that an order was given, each time it was sent."""
    headers = rest.headers(ORDERS_WRITE, sub="a-shop") | {"Idempotency-Key": f"k-{number}"}
    return [insisted(rest, headers, {**ORDER, "id_user": number}, tries) for _ in range(TIMES)]


def insisted(rest: Rest, headers: dict[str, str], body: dict[str, Any], tries: Counter[str]) -> str:
    """The id of an order that is sent until it is taken."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        try:
            answer = rest.post("/v1/orders", body, headers)
        except httpx.TransportError:
            tries["not answered"] += 1
            time.sleep(0.2)
            continue
        tries[f"{answer.status_code}{' replayed' if 'idempotency-replayed' in answer.headers else ''}"] += 1
        if answer.status_code == 202:
            return str(answer.json()["id_order"])
        assert answer.status_code in (409, 503), answer.text
        time.sleep(0.3)
    raise AssertionError(f"{headers} was not taken")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("orders", 2000), ("kills", 10)):
        parser.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args()
    with on_servers() as settings, running(Process("track", settings)):
        told = story(settings, options.orders, options.kills)
        until(lambda: told.placed <= in_cassandra(settings)[0], 120, "all that Kafka has is in Cassandra")
        rows = in_cassandra(settings)[0]
    for how, number in sorted(told.tries.items()):
        print(f"{number:10,}  tries: {how}")
    two = sum(len(set(answers)) > 1 for answers in told.answered)
    print(f"{options.kills:10,}  kills\n{two:10,}  orders ANSWERED IN TWO WAYS")
    counts = {"answered": len(told.ids), "in Kafka": len(told.placed), "in Cassandra": len(rows)}
    for where, number in counts.items():
        print(f"{number:10,}  orders {where}")
    return 0 if set(counts.values()) == {options.orders} and not two else 1


if __name__ == "__main__":
    sys.exit(main())
