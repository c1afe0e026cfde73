"""Did anything get lost? Compares a run's evidence with what the input topics and the clients' history say must be.

It shares no code with the pipeline beyond the lifecycle's transition table: Avro, murmur2, validity and the fold are
written anew from docs and DESIGN, and Kafka and Cassandra are read by other clients.

    python tests/faults/checker.py RUN      checks a kept run again
"""

import sys
from pathlib import Path

from check_clients import check_clients
from check_inputs import check_inputs
from check_store import check_store
from check_topics import check_changed, check_notifications, check_rejected
from claims import read_claims
from evidence import ORDERS, UPDATES, Evidence, load
from expected import Expected, expect
from findings import Report
from stalls import stalls, standstills

_SHOWN = 50


def check(evidence: Evidence) -> Report:
    """All findings and figures. Pure: it looks at nothing but the evidence."""
    report = Report()
    said = read_claims(evidence.history)
    expected = expect(evidence.topics[ORDERS], evidence.topics[UPDATES], evidence.partitions)
    _count(expected, report)
    found = check_inputs(evidence, said, expected, report)
    check_store(evidence, expected, report)
    published = check_changed(evidence, expected, report)
    told = check_notifications(evidence, expected, published, report)
    report.figures["dead letters repeated"] = check_rejected(evidence, expected, report)
    report.figures["events"], report.figures["events repeated"] = len(published.first), published.repeats
    report.figures["notifications"], report.figures["notifications repeated"] = len(told.first), told.repeats
    check_clients(evidence.history, expected, published, report)
    report.stalls = stalls(said, expected, found, published)
    report.standstills = standstills(expected, published)
    return report


def _count(expected: Expected, report: Report) -> None:
    report.figures["orders"] = len(expected.orders)
    for verdict in ("applied", "late", "duplicate", "rejected", "waiting", "misrouted", "corrections"):
        report.figures[verdict] = expected.counts[verdict]
    report.figures["early"] = len(expected.early)
    for rejected in expected.rejected.values():
        report.figures[f"rejected: {rejected.reason}"] += 1


def main(run: Path) -> int:
    """Prints what a kept run comes to; 1 when anything was lost."""
    report = check(load(run))
    for name, figure in sorted(report.figures.items()):
        print(f"{figure:10,}  {name}")
    for stall in report.stalls:
        longest = "-" if stall.longest_ms is None else f"{stall.longest_ms / 1000:.1f} s"
        silence = "-" if stall.silence_ms is None else f"{stall.silence_ms / 1000:.1f} s"
        back = "" if stall.until_back_ms is None else f"{stall.until_back_ms / 1000:.1f} s"
        print(f"{silence:>10} {back:>10} {longest:>10}  {stall.name} {stall.target} ({stall.inputs} inputs)")
    for finding in report.findings[:_SHOWN]:
        print(f"{finding.kind}: {finding.sentence}")
    if len(report.findings) > _SHOWN:
        print(f"… and {len(report.findings) - _SHOWN} more")
    print(*report.standstills, sep="\n")
    print("  ".join(f"{name} {count}" for name, count in report.columns().items()))
    return 1 if report.findings else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
