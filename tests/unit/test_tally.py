"""Plain numbers look to Prometheus as its own counters and histograms do."""

import math
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from streams import tally

BUCKETS = (0.001, 0.5, 1, 10)
LABELS = ["transport", "type"]


def samples(registry: CollectorRegistry) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """All but when they were made, which is nobody's question."""
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in registry.collect()
        for sample in family.samples
        if not sample.name.endswith("_created")
    }


@given(st.lists(st.floats(0, 20) | st.sampled_from(BUCKETS)))
def test_a_distribution_is_a_histogram(values: list[float]) -> None:
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    one = tally.Distribution("lacak_x_seconds", "x", BUCKETS, ours)
    other = Histogram("lacak_x_seconds", "x", buckets=BUCKETS, registry=theirs)
    for value in values:
        one.observe(value)
        other.observe(value)
    mine, expected = samples(ours), samples(theirs)
    assert mine.keys() == expected.keys()
    assert all(math.isclose(mine[name], expected[name]) for name in mine)


def test_clocks_that_differ_give_no_negative_time() -> None:
    registry = CollectorRegistry()
    tally.Distribution("lacak_x_seconds", "x", BUCKETS, registry).observe(-3)
    found = samples(registry)
    assert found["lacak_x_seconds_sum", ()] == 0
    assert found["lacak_x_seconds_bucket", (("le", "0.001"),)] == found["lacak_x_seconds_count", ()] == 1


@given(st.lists(st.tuples(st.sampled_from(["websocket", "sse"]), st.sampled_from(["change", "hello"]))))
def test_tallies_are_a_counter_with_labels(added: list[tuple[str, str]]) -> None:
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    tallies = tally.Tallies("lacak_x_total", "x", LABELS, ours)
    counter = Counter("lacak_x_total", "x", LABELS, registry=theirs)
    for labels in added:
        tallies.labels(*labels).value += 1
        counter.labels(*labels).inc()
    assert samples(ours) == samples(theirs)


@given(st.lists(st.tuples(st.sampled_from(["websocket", "sse"]), st.integers(-3, 3))))
def test_one_that_goes_down_too_is_a_gauge(steps: list[tuple[str, int]]) -> None:
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    one = tally.Tallies("lacak_x", "x", ["transport"], ours, gauge=True)
    other = Gauge("lacak_x", "x", ["transport"], registry=theirs)
    for transport, step in steps:
        one.labels(transport).value += step
        other.labels(transport).inc(step)
    assert samples(ours) == samples(theirs)
    assert [family.type for family in ours.collect()] == ["gauge"]


def test_an_age_grows_until_it_is_told_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    registry, clock = CollectorRegistry(), [100.0]
    monkeypatch.setattr(time, "time", lambda: clock[0])
    ages = tally.Ages("lacak_x_seconds", "x", ["partition"], registry)
    ages.set_since(("3",), 99.0)
    found = []
    for at in (100.0, 160.0):
        clock[0] = at
        found.append(samples(registry)["lacak_x_seconds", (("partition", "3"),)])
    assert found == [1, 61]
    ages.set_since(("3",), 161.0)
    assert samples(registry) == {("lacak_x_seconds", (("partition", "3"),)): 0}, "clocks that differ"
    ages.clear()
    assert samples(registry) == {}
