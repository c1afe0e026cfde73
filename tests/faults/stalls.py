"""How long updates stood still around each fault: from an input's acknowledgement to its event, and of a partition."""

import time
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator, Mapping
from itertools import pairwise
from math import inf
from typing import Any

from check_inputs import Found
from check_topics import Published
from claims import Claims
from expected import Expected
from findings import Stall
from silence import longest_silence

STANDSTILL_MS = 300_000  # no fault lasts two minutes, healed and caught up with
NEAR_MS = 4_500  # two of a pair begin at most 4 s apart; other faults are 5 s away
AFTER_MS = 10_000  # what is acknowledged so shortly after a fault still belongs to it


def stalls(claims: Claims, expected: Expected, found: Found, published: Published) -> list[Stall]:
    """One a fault. An update that came before its order waits for that, not for a fault: it does not count."""
    waits = sorted(_waits(claims, expected, found, published))
    acked = [at for at, _ in waits]
    events = _events(expected, published).values()
    faults = claims.faults
    nexts = [fault["at"] for fault in faults[1:]]
    result = []
    for fault, following in zip(faults, [*nexts, None], strict=True):
        begin, until = fault["at"], _end(fault)
        end = until + AFTER_MS if following is None else max(until, min(until + AFTER_MS, following))
        some = [wait for _, wait in waits[bisect_left(acked, begin) : bisect_right(acked, end)]]
        longest = max(some, default=None)
        # From the next fault on it is that one's.
        cut = inf if following is None else following
        silence = max((round(longest_silence(times, begin, end, cut)) for times in events), default=None)
        back = _back(fault, claims)
        handed_over = [round(longest_silence(times, begin, back, back)) for times in events] if back else []
        near = (each for each in faults if each["at"] <= until + NEAR_MS and begin <= _end(each) + NEAR_MS)
        alone = sum(1 for _ in near) == 1
        target = str(fault.get("target", ""))
        result.append(
            Stall(fault["name"], target, begin, len(some), longest, silence, max(handed_over, default=None), alone)
        )
    return result


def standstills(expected: Expected, published: Published) -> list[str]:
    """Partitions that had no event for so long that nothing in a run explains it: they needed a person."""
    return [
        f"partition {partition} stood still for {(after - before) / 1000:.0f} s, until {clock(after)}"
        for partition, times in sorted(_events(expected, published).items())
        for before, after in pairwise(times)
        if after - before > STANDSTILL_MS
    ]


def clock(at: int) -> str:
    return time.strftime("%H:%M:%S", time.localtime(at / 1000))


def _end(fault: Mapping[str, Any]) -> int:
    return fault.get("until") or fault["at"]  # type: ignore[no-any-return]


def _back(fault: Mapping[str, Any], claims: Claims) -> int | None:
    """When the one process that it hit was started again: what is silent then is its return's."""
    starts = claims.starts.get(str(fault.get("target", "")), ())
    return min((at for at in starts if fault["at"] < at <= _end(fault)), default=None)


def _events(expected: Expected, published: Published) -> dict[int, list[int]]:
    """For each partition of the inputs, when its events were appended, in order."""
    times: dict[int, list[int]] = defaultdict(list)
    for (_, partition, _), (id_order, version) in expected.applied.items():
        at = published.at.get(id_order, {}).get(version)
        if at is not None:
            times[partition].append(at)
    return {partition: sorted(each) for partition, each in times.items()}


def _waits(claims: Claims, expected: Expected, found: Found, published: Published) -> Iterator[tuple[int, int]]:
    """When an input was acknowledged, and how long its event took from then; at least 0."""
    for each, acked in claims.acked.items():
        sent = claims.sent.get(each)
        place = found.effective(sent, acked) if sent else None
        if place is None or place in expected.early or place not in expected.applied:
            continue
        id_order, version = expected.applied[place]
        at = published.at.get(id_order, {}).get(version)
        if at is not None:
            yield acked.at, max(0, at - acked.at)
