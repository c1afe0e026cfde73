"""What the load sends: thousands of orders' lives at a time, by a seed. Pure: the time is given, nothing is sent.

About every tenth input is of the kind that couriers' systems really send: twice, late, out of order, broken. The
number of open orders is held at `open_orders`, so that a life is as long as its steps' share of the rate lets it be.
"""

import heapq
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import accumulate
from random import Random
from typing import Any

from faults.garbage import BAD_BODIES, Bytes, bad_record, encode
from faults.lives import (
    COURIERS,
    ROUTES,
    Life,
    corrected,
    illegal_status,
    next_status,
    no_progress,
    other_status,
    plan,
)
from streams.messages import ORDER_PLACED, STATUS_UPDATE, Headers, Message, as_json, cloud_event
from streams.order import OPERATOR, TERMINAL
from streams.topics import partition_of

ORDERS, UPDATES = "orders", "courier-status-updates"
PRODUCTS = 50
WATCHED = 60  # the first users, whom live clients watch, order so much more than the others
WATCHED_WEIGHT = 10
HOUR = 3_600_000
MISROUTED = 0.015
BATCHED = 0.1
CORRECTED = 0.02  # of the orders that end


@dataclass(slots=True)
class Input:
    """One thing to send. Kafka: `key`, `value`, `headers`, and the `partition` if it goes to a wrong one. REST:
    `message` is what the API puts on the topic, `body` the JSON that makes it do so."""

    id: str
    door: str
    topic: str
    what: str
    id_order: int
    key: Bytes = None
    value: Bytes = None
    headers: list[tuple[str, bytes | None]] = field(default_factory=list)
    partition: int | None = None
    message: Message | None = None
    body: dict[str, Any] = field(default_factory=dict)
    traceparent: str | None = None
    batched: bool = False


class Script:
    """Gives input after input. The same seed and the same times give the same inputs.

    `clocks`, by courier, says by how many ms that courier's clock is ahead; the caller may change it as it goes.
    """

    def __init__(self, seed: int, users: int, rest_share: float, partitions: int, open_orders: int) -> None:
        self._random = Random(seed)
        self._users = range(1, users + 1)
        self._weights = [*accumulate(WATCHED_WEIGHT if user <= WATCHED else 1 for user in self._users)]
        self._rest_share, self._partitions, self._target = rest_share, partitions, open_orders
        self._first = (seed % 1000 + 1) * 1_000_000_000
        self._born = self._inputs = 0
        self._open: list[tuple[float, int, Life]] = []
        self.clocks: dict[str, int] = dict.fromkeys(COURIERS, 0)

    def take(self, now: int) -> Input:
        """The next input, at `now` in ms. There always is one: without a due step a new order is placed."""
        life = self._due(now) or self._birth()
        given = self._move(life, life.moves.pop(), now)
        if life.moves:
            self._born += 1
            gap = self._random.choice((1.0, 3.0, 6.0, 10.0)) * (0.5 + self._random.random())
            heapq.heappush(self._open, (now + gap * 1000, self._born, life))
        return given

    def _due(self, now: int) -> Life | None:
        """The order that waits the longest. While there are too few, every fourth input is a new one."""
        few = len(self._open) < self._target
        if not self._open or (few and (self._random.random() < 0.75 or self._open[0][0] > now + 5000)):
            return None
        return heapq.heappop(self._open)[2]

    def _birth(self) -> Life:
        random = self._random
        self._born += 1
        large = 2**60 if self._born % 7 == 0 else 0  # more than a JSON number holds
        return Life(
            id_order=large + self._first + self._born,
            id_user=random.choices(self._users, cum_weights=self._weights)[0],
            id_produk=random.randint(1, PRODUCTS),
            courier=random.choice(COURIERS),
            door="rest" if random.random() < self._rest_share else "kafka",
            mixed=random.random() < 0.1,
            moves=plan(random),
        )

    def _move(self, life: Life, what: str, now: int) -> Input:
        if what.startswith("order"):
            return self._send(life, ORDERS, what, self._placing(life, what, now), now)
        if what == "garbage":
            return self._garbage(life, now)
        went_on = life.status not in TERMINAL
        message = self._correct(life, what, now) if "correct" in what else self._update(life, what, now)
        if life.status in TERMINAL:
            life.moves = [move for move in life.moves if move not in ("step", "late", "early")]
            if went_on and self._random.random() < CORRECTED:
                life.moves += corrected(self._random)
        return self._send(life, UPDATES, what, message, now)

    def _placing(self, life: Life, what: str, now: int) -> Message:
        if life.order is None:
            life.order = self._order(life, now)
        elif what == "order again":
            return {**life.order, "placed_at": now}
        elif what == "order conflict":
            return {**life.order, "harga": life.order["harga"] + 500}
        return life.order

    def _order(self, life: Life, now: int) -> Message:
        random = self._random
        harga, jumlah = random.randrange(1_000, 900_000, 500), random.randint(1, 5)
        return {
            "id_order": life.id_order,
            "id_user": life.id_user,
            "id_produk": life.id_produk,
            "harga": harga,
            "jumlah": jumlah,
            "total_harga": harga * jumlah,
            "currency": "IDR" if random.random() < 0.97 else "SGD",
            "placed_at": now - random.randint(-200, 3000),
            "produk_nama": f"Kopi Gayo №{life.id_produk}" if random.random() < 0.8 else None,
            "promised_at": now + 48 * HOUR if random.random() < 0.5 else None,
            "couriers": random.sample(COURIERS, 3) if random.random() < 0.05 else None,
        }

    def _update(self, life: Life, what: str, now: int) -> Message:
        """The message of a step or of a courier's mistake, and what the courier believes afterwards."""
        if what == "duplicate" and life.told:
            told = self._random.choice(life.told)
            return told if self._random.random() < 0.7 else {**told, "note": "lagi", "occurred_at": now}
        if what == "illegal":
            message = self._scan(life, illegal_status(self._random, life.status), now)
        elif what == "late" and (status := no_progress(self._random, life.status)):
            message = self._scan(life, status, now - HOUR - self._random.randrange(HOUR))
        else:
            if life.status not in TERMINAL:
                life.status, life.version = next_status(self._random, life.status), life.version + 1
            message = self._scan(life, life.status, now)
        life.told.append(message)
        return message

    def _correct(self, life: Life, what: str, now: int) -> Message:
        """What an operator sends: of the version that is believed to be the last, or of the one before it."""
        if what == "duplicate correction" and life.correction is not None:
            return life.correction
        message = {
            **self._scan(life, other_status(self._random, life.status), now),
            "event_id": f"{OPERATOR}-{self._inputs}-{self._random.getrandbits(32):08x}",
            "courier": OPERATOR,
            "note": "salah pindai",
            "corrects": max(1, life.version - (what == "correct too late")),
            "operator": self._random.choice(("ani", "budi")),
        }
        if what == "correct":
            life.status, life.version, life.correction = message["status"], life.version + 1, message
        return message

    def _scan(self, life: Life, status: str, now: int) -> Message:
        random = self._random
        located = random.random() < 0.4
        return {
            "event_id": f"{life.courier}-{self._inputs}-{random.getrandbits(32):08x}",
            "id_order": life.id_order,
            "status": status,
            "occurred_at": now + self.clocks[life.courier] - random.randint(0, 400),
            "courier": life.courier,
            "substatus": random.choice((None, None, "hub jakarta", "kurir berangkat")),
            "note": "titip di satpam" if random.random() < 0.1 else None,
            "latitude": round(random.uniform(-8, -6), 5) if located else None,
            "longitude": round(random.uniform(106, 113), 5) if located else None,
            "eta": now + random.randint(1, 40) * HOUR if random.random() < 0.3 else None,
        }

    def _garbage(self, life: Life, now: int) -> Input:
        """A bad record, or a body that is refused, about the life's order; the life itself goes on."""
        topic = UPDATES if self._random.random() < 0.8 else ORDERS
        messages = {ORDERS: self._order(life, now), UPDATES: self._scan(life, "in_transit", now)}
        other = messages[UPDATES if topic == ORDERS else ORDERS]
        if self._door(life) == "rest":
            bad = self._rest(life, topic, "garbage", messages[topic])
            bad.body |= self._random.choice(BAD_BODIES[topic])
            return bad
        key, value = bad_record(self._random, topic, messages[topic], other)
        return Input(
            self._id("kafka"), "kafka", topic, "garbage", life.id_order, key, value, self._headers(topic, "?", now)
        )

    def _send(self, life: Life, topic: str, what: str, message: Message, now: int) -> Input:
        # Over REST the API says when it was, which nobody knows before.
        door = "kafka" if "correct" in what else self._door(life)
        if what == "duplicate" and self._random.random() < 0.3:
            door = ROUTES[door]
        return (
            self._rest(life, topic, what, message) if door == "rest" else self._kafka(life, topic, what, message, now)
        )

    def _door(self, life: Life) -> str:
        """The order's own door; for a mixed life a new choice each time."""
        if not life.mixed:
            return life.door
        return "rest" if self._random.random() < self._rest_share else "kafka"

    def _rest(self, life: Life, topic: str, what: str, message: Message) -> Input:
        given = Input(self._id("rest"), "rest", topic, what, life.id_order, message=message, body=as_json(message))
        given.batched = topic == UPDATES and self._random.random() < BATCHED
        if self._random.random() < 0.2:
            given.traceparent = self._traceparent()
        return given

    def _kafka(self, life: Life, topic: str, what: str, message: Message, now: int) -> Input:
        key = str(life.id_order).encode()
        headers = self._headers(topic, str(message.get("event_id", life.id_order)), now)
        given = Input(self._id("kafka"), "kafka", topic, what, life.id_order, key, encode(topic, message), headers)
        if self._partitions > 1 and self._random.random() < MISROUTED:
            right = partition_of(key, self._partitions)
            given.partition = (right + self._random.randrange(1, self._partitions)) % self._partitions
            given.what = "misrouted" if what in ("step", "order") else f"{what}, misrouted"
        return given

    def _headers(self, topic: str, ce_id: str, now: int) -> list[tuple[str, bytes | None]]:
        """None, CloudEvents' with and without a trace, and ones that mean nothing to us."""
        kind = self._random.randrange(5)
        if kind < 2:
            return []
        if kind == 4:
            trace = self._random.choice((b"00-nonsense-01", self._traceparent().encode()))
            return [("x-kurir", b"\x00\xff"), ("traceparent", trace), ("x-kurir", None)]
        type_ = ORDER_PLACED if topic == ORDERS else STATUS_UPDATE
        headers: Headers = cloud_event(type_, ce_id, "kurir", now, self._traceparent().encode() if kind == 3 else None)
        return [*headers]

    def _traceparent(self) -> str:
        return f"00-{self._random.getrandbits(128) | 1:032x}-{self._random.getrandbits(64) | 1:016x}-01"

    def _id(self, door: str) -> str:
        self._inputs += 1
        return f"{door[0]}-{self._inputs}"


def sent_line(given: Input) -> Mapping[str, Any]:
    """The input as the history's `sent`."""
    common = {"id": given.id, "door": given.door, "topic": given.topic, "what": given.what}
    if given.door == "rest":
        trace = {"traceparent": given.traceparent} if given.traceparent else {}
        return {**common, "message": given.message, **trace}
    wrong = {} if given.partition is None else {"partition": given.partition}
    return {**common, "key": given.key, "value": given.value, "headers": given.headers, **wrong}
