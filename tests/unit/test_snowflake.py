"""Ids of orders: never twice, whatever the clock does; and none without a node number surely held."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.snowflake import (
    AHEAD_MS,
    EPOCH_MS,
    LEASE_SECONDS,
    MARGIN_SECONDS,
    NODES,
    Ids,
    NodeLease,
    NoIds,
    Snowflakes,
)
from connected import connected
from tables.memory_orders import MemoryOrders
from tables.orders import Orders, StoreUnavailable

NOW = EPOCH_MS + 90_000_000_000


def test_an_id_says_its_time_and_its_node() -> None:
    first = Snowflakes().next(513, NOW)
    assert (first >> 22, first >> 12 & 1023, first & 4095) == (90_000_000_000, 513, 0)
    assert 0 < first < 2**63


def test_ids_are_positive_for_69_years() -> None:
    assert 0 < Snowflakes().next(NODES - 1, EPOCH_MS + 2**41 - 1) < 2**63


@given(st.lists(st.integers(NOW - AHEAD_MS // 2, NOW + AHEAD_MS // 2), max_size=200))
def test_ids_ascend_whatever_the_clock_does(clock: list[int]) -> None:
    flakes = Snowflakes()
    ids = [flakes.next(1, now) for now in clock]
    assert ids == sorted(set(ids))


def test_more_than_4096_ids_of_one_millisecond_go_into_the_next() -> None:
    flakes = Snowflakes()
    ids = [flakes.next(1, NOW) for _ in range(10_000)]
    assert ids == sorted(set(ids))
    assert flakes.next(1, NOW + 100) > ids[-1]


def test_a_clock_set_back_far_gives_none_until_it_is_there_again() -> None:
    flakes = Snowflakes()
    last = flakes.next(1, NOW)
    with pytest.raises(NoIds, match="behind"):
        flakes.next(1, NOW - AHEAD_MS - 1)
    assert flakes.next(1, NOW) > last


class Clock:
    """A monotonic clock that stands still."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


async def test_a_lease_is_held_for_its_time_less_the_margin_from_before_it_was_asked_for() -> None:
    orders, clock = MemoryOrders(), Clock()
    lease = NodeLease(connected(orders), clock)
    with pytest.raises(NoIds):
        _ = lease.node
    assert await lease.renew()
    node = lease.node
    clock.now += LEASE_SECONDS - MARGIN_SECONDS - 0.01
    assert lease.node == node
    clock.now += 0.01
    with pytest.raises(NoIds):
        Ids(lease).next(NOW)
    assert await lease.renew()
    assert lease.node == node


async def test_while_the_store_is_away_the_lease_runs_out() -> None:
    orders, clock = MemoryOrders(), Clock()
    away = False

    async def store() -> Orders:
        if away:
            raise StoreUnavailable("away")
        return orders

    lease = NodeLease(store, clock)
    assert await lease.renew()
    away = True
    assert not await lease.renew()
    assert Ids(lease).next(NOW) > 0
    clock.now += LEASE_SECONDS
    with pytest.raises(NoIds):
        Ids(lease).next(NOW)


async def test_two_processes_never_hold_the_same_number() -> None:
    orders = MemoryOrders()
    leases = [NodeLease(connected(orders)) for _ in range(20)]
    for lease in leases:
        assert await lease.renew()
    assert len({lease.node for lease in leases}) == 20
    ids = [Ids(lease).next(NOW) for lease in leases]
    assert len(set(ids)) == 20


async def test_when_all_numbers_are_taken_no_id_is_given() -> None:
    orders = MemoryOrders()
    for owner in range(NODES):
        assert await orders.lease_node(str(owner), NODES, LEASE_SECONDS) is not None
    lease = NodeLease(connected(orders))
    assert not await lease.renew()
    with pytest.raises(NoIds):
        _ = lease.node
