"""`lacak capacity`: the model, its arithmetic by hand, and what must hold for any load."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from api.live import ring
from capacity import figures, formula, prices
from capacity.inputs import Inputs
from capacity.plan import Impossible, Plan, plan
from capacity.rules import RULES
from capacity.size import size
from streams import topics

MEASURED = {name: figure.value for name, figure in figures.read().items()}
PRICES = prices.read().by_name
ALL = [rule for rules in RULES.values() for rule in rules]

# Round numbers: the example can be checked with a pencil.
ROUND = dict.fromkeys(MEASURED, 0.0) | {
    "track_us_per_event": 500,
    "track_us_per_uncached_event": 1000,
    "track_mib": 100,
    "track_bytes_per_cached_order": 1024,
    "notify_us_per_event": 200,
    "api_us_per_post": 1000,
    "api_us_per_read": 1000,
    "gateway_us_per_change": 100,
    "gateway_us_per_push": 10,
    "gateway_us_per_accept": 200,
    "gateway_bytes_per_connection": 2048,
    "gateway_kernel_bytes_per_connection": 2048,
    "gateway_mib": 100,
    "kafka_us_per_event": 300,
    "kafka_us_per_fetched": 10,
    "cassandra_us_per_event": 400,
    "cassandra_us_per_uncached_event": 600,
    "order_bytes": 300,
    "update_bytes": 400,
    "changed_bytes": 500,
    "notification_bytes": 600,
    "notifications_per_event": 0.5,
    "push_bytes": 600,
    "heartbeat_bytes": 100,
    "cassandra_bytes_per_event": 100,
    "cassandra_bytes_per_order": 200,
}
IDLE = {name: 0.02 for name in MEASURED if name.endswith("_idle_cores")}
TYPICAL = ROUND | IDLE | {"gateway_us_per_change": 20, "cassandra_us_per_read": 500, "api_us_per_batched_update": 100}
ASKED: dict[str, Any] = {
    "orders_per_day": 8_640_000,  # 100 a second
    "events_per_order": 8,
    "peak": 5,
    "connections": 240_000,
    "minutes_per_connection": 10,
    "uncached": 0.5,
    "reads_per_order": 1,
    "orders_per_snapshot": 0,
    "connections_per_gateway": 10_000,
    "heartbeat": 24,
    "cached_orders": 102_400,
    "ring_bytes": 100 * 2**20,
    "utilisation_in_loss": 0.8,
}
BY_HAND = {
    "events": 800,  # 100 × 8
    "peak_events": 4000,
    "peak_orders": 500,
    "peak_connects": 400,  # 240,000 / 600 s
    "track_us": 750,  # half of them at 500, half at 1,000
    "track_cores": 3,  # 4,000 × 750 µs
    "notify_cores": 0.8,
    "partitions": 48,  # four times 3 cores, at 0.6 each: 20 are needed
    "track_partitions": 9,  # of 0.0625 cores each in 0.6
    "track_partitions_in_loss": 12,  # in 0.8
    "track_workers": 6,  # 48 / 9 = 6 by day; in a loss 4 in two zones: 2 in each of three
    "notify_workers": 3,  # 0.6 holds 36 partitions: 2; in a loss 1
    "track_memory_mib": 200,
    "api_cores": 4.9,  # 4,000 POSTs, 500 GETs, 400 tickets, at 1 ms
    "apis": 12,  # 4.9 / 0.6 = 9 by day; 4.9 / 0.8 = 7 in two zones: 4 in each
    "gateway_floor_cores": 0.4,  # 4,000 × 100 µs
    "push_cores": 0.22,  # (4,000 + 10,000 heartbeats) × 10 µs + 400 × 200 µs
    "gateways": 36,  # 24 full ones in two zones
    "gateway_connections": 240_000 / 36,
    "gateway_memory_mib": 100 + 10_000 * 4096 / 2**20 + 100,
    "ring_seconds_at_peak": 100 * 2**20 / (4000 * 750),
    "input_mbps": 1.55,  # 500 × 300 B + 3,500 × 400 B
    "kafka_in_mbps": 1.55 + 2.0 + 1.2,
    "kafka_out_mbps": 1.55 + 2.0 * 37,
    "kafka_cores": 3.6 + 36 * 0.04,  # 4,000 × 300 µs three times; 36 gateways × 4,000 × 10 µs
    "brokers": 3,  # of 4 cores at 0.8: 5.04 / 3.2 = 2 in two zones
    "cassandra_bytes": 1000,
    "cassandra_tib": 8_640_000 * 90 * 1000 * 3 / 2**40,
    "cassandra_us": 500,
    "cassandra_cores": 6,
}


def made(**asked: Any) -> Plan:
    return plan(Inputs(**asked), TYPICAL, PRICES)


def test_the_arithmetic_is_what_it_is_by_hand() -> None:
    found = plan(Inputs(**ASKED), ROUND, PRICES)
    assert {name: found[name] for name in BY_HAND} == pytest.approx(BY_HAND)
    assert found.replicas == {"track": 6, "notify": 3, "api": 12, "gateway": 36}


def test_a_deployment_is_given_what_is_needed_at_least_and_at_most() -> None:
    assert size(Inputs(**ASKED), ROUND, PRICES) == {
        "partitions": 48,
        "track": {"at_least": 3, "at_most": 48},
        "notify": {"at_least": 3, "at_most": 48},
        "api": {"at_least": 3, "at_most": 12},
        "gateway": {"at_least": 9, "at_most": 36},  # 48,000 connections: 5 full ones in two zones
        "brokers": 3,
        "broker_disk": "800Gi",  # 4.75 MB/s at the peak, 0.95 on average, for 7 days, 3 replicas, on 0.7 of 3 disks
        "cassandra_nodes": 3,
        "cassandra_disk": "1450Gi",  # 2.12 TiB on half of 3 disks
    }


def test_ten_million_orders_a_day_are_the_rates_of_the_design() -> None:
    assert made()["events"] == pytest.approx(926, abs=0.1)
    assert made()["peak_events"] == pytest.approx(4630, abs=1)
    assert made()["partitions"] == 48


def test_explained_is_what_was_computed() -> None:
    step = plan(Inputs(**ASKED), ROUND, PRICES).steps["track_cores"]
    assert step.arithmetic == "4,000 × 750 ÷ 1,000,000"


LOADS = some.builds(
    dict,
    orders_per_day=some.floats(1, 1e7),
    peak=some.floats(1, 5),
    connections=some.floats(0, 5e6),
    zones=some.integers(1, 4),
    uncached=some.floats(0, 1),
    updates_per_post=some.floats(1, 500),
)


@settings(deadline=None, max_examples=50)
@given(load=LOADS)
def test_what_a_lost_zone_leaves_carries_the_peak(load: dict[str, Any]) -> None:
    found = made(**load)
    asked, left = found.inputs, found["zones_left"] / found.inputs.zones
    for worker in ("track", "notify"):
        most = -(-found["partitions"] // (found[f"{worker}_workers"] * left))
        busy = most / found["partitions"] * found[f"{worker}_cores"] + TYPICAL[f"{worker}_idle_cores"]
        assert busy <= asked.utilisation_in_loss + 1e-9
    assert found["api_cores"] / (found["apis"] * left) <= asked.utilisation_in_loss
    assert asked.connections / (found["gateways"] * left) <= asked.connections_per_gateway
    assert found["gateway_cores_in_loss"] <= asked.utilisation_in_loss + 1e-9
    for server, kind in (("broker", "kafka"), ("cassandra_node", "cassandra")):
        used = found[f"{kind}_cores"] / (found[f"{server}s"] * left) + TYPICAL[f"{kind}_idle_cores"]
        assert used <= PRICES[f"{server}_cores"] * asked.utilisation_in_loss + 1e-9
        assert found[f"{server}s"] >= asked.replication


@settings(deadline=None, max_examples=50)
@given(load=LOADS)
def test_every_zone_has_as_much_as_any_other(load: dict[str, Any]) -> None:
    found = made(**load)
    counts = [*found.replicas.values(), found["brokers"], found["cassandra_nodes"], found["pod_nodes"]]
    assert all(count >= found.inputs.zones and count % found.inputs.zones == 0 for count in counts)


@settings(deadline=None, max_examples=50)
@given(load=LOADS, times=some.floats(1, 2))
def test_more_orders_never_need_less(load: dict[str, Any], times: float) -> None:
    less, more = made(**load), made(**load | {"orders_per_day": load["orders_per_day"] * times})
    grows = [
        "peak_events",
        "partitions",
        "apis",
        "gateways",
        "kafka_out_mbps",
        "brokers",
        "cassandra_nodes",
        "disk_cost",
        "between_zones_cost",
        "internet_cost",
    ]
    if less["partitions"] == more["partitions"]:  # others may be shared out with less left over
        grows += ["track_workers", "notify_workers"]
    assert [name for name in grows if less[name] > more[name]] == []


def test_a_peak_that_no_gateway_can_read_has_no_plan() -> None:
    with pytest.raises(Impossible, match="one core cannot read the whole topic"):
        made(peak=500)


def test_each_number_is_made_of_what_is_known_before_it_and_nothing_is_there_in_vain() -> None:
    given_ = {*Inputs.model_fields, *MEASURED, *PRICES}
    assert len(given_) == len(Inputs.model_fields) + len(MEASURED) + len(PRICES), "a name twice"
    known, used = set(given_), set()
    for rule in ALL:
        uses = formula.names(rule.formula)
        assert uses <= known, (rule.name, uses - known)
        assert rule.name not in known, f"{rule.name} twice"
        known.add(rule.name)
        used |= uses
    assert given_ - used == set()


def test_topics_are_kept_as_long_as_they_are_made_for() -> None:
    kept = [topic.retention_ms for topic in topics.ALL if topic is not topics.REJECTED]
    assert set(kept) == {Inputs().topic_days * topics.DAY_MS}


def test_the_ring_is_counted_as_the_gateway_counts_it() -> None:
    formulas = {rule.name: rule.formula for rule in ALL}
    assert f"changed_bytes + {ring.OVERHEAD})" in formulas["ring_seconds_at_peak"]


@pytest.mark.parametrize(("measured_in", "told_in"), [("µs", {"cores"}), ("B", {"MB/s", "TiB", "GB a month"})])
def test_half_as_much_of_each_is_half_as_much_of_all(measured_in: str, told_in: set[str]) -> None:
    halved = {name: ROUND[name] / (2 if each.unit == measured_in else 1) for name, each in figures.read().items()}
    whole, half = (plan(Inputs(**ASKED), measured, PRICES) for measured in (ROUND, halved))
    assert whole["gateways"] == half["gateways"], "by their clients"
    for rule in ALL:
        if rule.unit in told_in and rule.name != "pod_cores_wanted":  # workers have a core each
            assert half[rule.name] == pytest.approx(whole[rule.name] / 2), rule.name


def test_figures_are_read_as_they_were_written(tmp_path: Any) -> None:
    known = figures.read()
    (tmp_path / "measured.toml").write_text(figures.write(known))
    assert figures.read(tmp_path / "measured.toml") == known
    assert figures.FILE.read_text() == figures.write(known)


def test_every_figure_says_what_it_is_and_lies_in_what_was_seen() -> None:
    for name, figure in figures.read().items():
        assert figure.low <= figure.value <= figure.high, name
        assert figure.what and figure.command and figure.machine, name


@pytest.mark.parametrize("text", ["__import__('os')", "a.b", "a if b else c", "max(x for x in a)", "'a' * 2", "a ** b"])
def test_a_formula_is_arithmetic_and_nothing_else(text: str) -> None:
    with pytest.raises((ValueError, KeyError)):
        formula.value(text, {"a": 2, "b": 3, "c": 4})


@pytest.mark.parametrize(
    ("value", "shown"), [(4629.63, "4,630"), (0.2176, "0.2176"), (48, "48"), (0, "0"), (1234567.8, "1,234,568")]
)
def test_numbers_are_shown_with_four_digits(value: float, shown: str) -> None:
    assert formula.number(value) == shown


def test_headings_come_in_the_order_in_which_numbers_follow_from_each_other() -> None:
    order = {rule.name: n for n, rule in enumerate(ALL)}
    firsts = [order[rules[0].name] for rules in RULES.values()]
    assert all(a < b for a, b in pairwise(firsts))
