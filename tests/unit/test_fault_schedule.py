"""The schedule of a fault run: the same from the same seed, with every kind in it, within its time."""

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from nemeses import KINDS, SHORT
from schedule import Kind, left_out, load_seconds, plan

FAMILIES = {
    "track": ["track-1", "track-2", "track-3"],
    "notify": ["notify-1", "notify-2"],
    "gateway": ["gateway-1", "gateway-2"],
    "api": ["api-1"],
    "kafka": ["kafka-1", "kafka-2", "kafka-3"],
    "cassandra": ["cassandra-1", "cassandra-2", "cassandra-3"],
    "courier": ["jne", "jnt"],
}
FAMILY = {kind.name: kind.family for kind in KINDS}
SECONDS = {kind.name: kind.seconds for kind in KINDS}
seeds = st.integers(0, 2**32)
untimed = settings(deadline=None)


@untimed
@given(seeds)
def test_a_seed_gives_the_same_schedule_again(seed: int) -> None:
    assert plan(seed, 900, KINDS, FAMILIES) == plan(seed, 900, KINDS, FAMILIES)


def test_another_seed_gives_another_schedule() -> None:
    assert len({tuple(plan(seed, 900, KINDS, FAMILIES)) for seed in range(20)}) == 20


@untimed
@given(seeds)
def test_fifteen_minutes_hold_every_kind_and_twenty_five_faults(seed: int) -> None:
    slots = plan(seed, load_seconds(15), KINDS, FAMILIES)
    alone = Counter(slot.steps[0].name for slot in slots if len(slot.steps) == 1)
    assert alone == Counter(kind.name for kind in KINDS)
    assert not left_out(slots, KINDS)
    assert len(KINDS) >= 12
    assert sum(len(slot.steps) for slot in slots) >= 25


@untimed
@given(seeds, st.floats(30, 2000))
def test_it_fits_into_its_time_and_one_slot_ends_before_the_next_begins(seed: int, seconds: float) -> None:
    slots = plan(seed, seconds, KINDS, FAMILIES)
    ends = [slot.at + max(step.shift + SECONDS[step.name] for step in slot.steps) for slot in slots]
    assert all(end <= seconds for end in ends)
    assert all(end < later.at for end, later in zip(ends, slots[1:], strict=False))


@untimed
@given(seeds)
def test_pairs_hit_two_families_and_come_after_the_faults_that_come_alone(seed: int) -> None:
    slots = plan(seed, 3000, KINDS, FAMILIES)
    assert [len(slot.steps) for slot in slots] == sorted(len(slot.steps) for slot in slots)
    pairs = [slot.steps for slot in slots if len(slot.steps) == 2]
    assert pairs
    assert all(FAMILY[first.name] != FAMILY[second.name] for first, second in pairs)


@untimed
@given(seeds)
def test_targets_are_of_the_kinds_family_and_as_many_as_it_hits(seed: int) -> None:
    hits = {kind.name: kind.hit for kind in KINDS}
    for step in (step for slot in plan(seed, 3000, KINDS, FAMILIES) for step in slot.steps):
        members = FAMILIES[FAMILY[step.name]]
        assert set(step.targets) <= set(members)
        assert len(set(step.targets)) == len(step.targets) == (hits[step.name] or len(members))


@untimed
@given(seeds)
def test_steps_are_numbered_in_their_order(seed: int) -> None:
    numbers = [step.number for slot in plan(seed, 3000, KINDS, FAMILIES) for step in slot.steps]
    assert numbers == list(range(1, len(numbers) + 1))


def test_what_does_not_fit_is_told() -> None:
    kinds = [Kind("short", "api", 5), Kind("long", "kafka", 500)]
    slots = plan(1, 100, kinds, FAMILIES)
    assert left_out(slots, kinds) == ["long"]
    assert [step.name for slot in slots for step in slot.steps] == ["short"]


def test_the_short_run_kills_each_kind_of_process() -> None:
    assert {kind.family for kind in SHORT} == {"track", "notify", "api", "gateway", "kafka", "cassandra"}
    slots = plan(1, 70, SHORT, FAMILIES, pause=3, pairs=False)
    assert not left_out(slots, SHORT)
    assert [len(slot.steps) for slot in slots] == [1] * 6


@untimed
@given(seeds)
def test_the_hand_overs_come_before_anything_has_left_a_backlog(seed: int) -> None:
    names = [slot.steps[0].name for slot in plan(seed, 900, KINDS, FAMILIES)]
    assert names[:2] == ["worker terminated", "worker killed"]
