"""How long orders live: told by the store in memory, whose clock can be turned."""

from order_examples import NOON, RETENTION_MS, a_life, an_order, written
from streams.order import Position, placed
from tables.lifetime import LONGEST_TTL, SHORTEST_TTL, ttl_seconds
from tables.memory_orders import MemoryOrders
from tables.orders import DAY_MS, WAITING_KEPT_MS, Page, StoredOrder, Waiting, expires_at


class Clock:
    def __init__(self, now: int) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now


async def test_an_order_and_all_its_rows_expire_together() -> None:
    clock, order = Clock(NOON), an_order()
    orders, rows = MemoryOrders(clock), a_life(order)
    for known in range(1, len(rows) + 1):
        clock.now = NOON + known * 1_000
        await orders.write(written(order, rows[:known], 1, lists=True), clock.now)
    clock.now = expires_at(order, rows[-1].recorded_at, RETENTION_MS) - 1
    assert await orders.load(order.id_order) == StoredOrder(order, tuple(rows))
    clock.now += 1_000
    assert await orders.load(order.id_order) is None
    assert await orders.order(order.id_order) is None
    assert await orders.orders_of_user(order.id_user, 5) == Page([], None)
    assert (await orders.history(order.id_order, 5)).items == []
    assert await orders.users(5) == []


async def test_written_again_an_order_lives_longer_and_never_shorter() -> None:
    clock, order = Clock(NOON), an_order()
    orders, rows = MemoryOrders(clock), [placed(order)]
    for later in (0, 5 * DAY_MS, 2 * DAY_MS):
        await orders.write(written(order, rows, later=later), NOON)
    clock.now = expires_at(order, rows[-1].recorded_at, RETENTION_MS) + 5 * DAY_MS - 1
    assert await orders.load(order.id_order) == StoredOrder(order, tuple(rows))
    clock.now += 1_000
    assert await orders.load(order.id_order) is None


async def test_an_id_is_new_again_when_its_order_has_expired() -> None:
    clock, order = Clock(NOON), an_order()
    orders = MemoryOrders(clock)
    await orders.write(written(order, [placed(order)]), NOON)
    clock.now += 120 * DAY_MS
    again = an_order(id_order=order.id_order, placed_at=clock.now, recorded_at=clock.now, harga=1)
    await orders.write(written(again, [placed(again)]), clock.now)
    assert await orders.load(order.id_order) == StoredOrder(again, (placed(again),))


async def test_a_waiting_update_expires() -> None:
    clock = Clock(NOON)
    orders, waiting = MemoryOrders(clock), Waiting(5, Position("a", 0, 1), NOON, b"value", [])
    await orders.add_waiting(waiting, NOON + 5)
    clock.now = NOON + WAITING_KEPT_MS - 1
    assert await orders.waiting(5) == [waiting]
    clock.now += 2_000
    assert await orders.waiting(5) == []


def test_a_time_to_live_is_rounded_up_and_bounded() -> None:
    assert ttl_seconds(NOON + 7_200_001, NOON) == 7_201
    assert ttl_seconds(NOON + 7_200_000, NOON) == 7_200
    assert ttl_seconds(NOON - DAY_MS, NOON) == SHORTEST_TTL
    assert ttl_seconds(NOON + 30 * 365 * DAY_MS, NOON) == LONGEST_TTL
