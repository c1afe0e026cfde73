"""What an auditor finds of a correction at the worker: one line in its log, and a count."""

from typing import cast

from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from agents.lane import Event
from agents.patience import PatientOrders
from agents.publisher import Publisher
from agents.records import Kind, Record
from agents.track import Tracker
from order_examples import a_life, an_order, corrected
from streams.settings import Settings

TRACKER = Tracker(Settings(_env_file=None), cast(PatientOrders, None), cast(Publisher, None))  # type: ignore[call-arg]


def counted() -> float:
    labels = {"from": "delivered", "to": "in_transit"}
    return REGISTRY.get_sample_value("lacak_corrections_total", labels) or 0


def test_a_correction_is_one_line_that_says_who_turned_what_into_what_and_counts() -> None:
    order, before = an_order(), counted()
    with capture_logs() as lines:
        for row in corrected(a_life(order)):
            if row.applied:
                TRACKER._change(Event(order, row, Record(Kind.UPDATES, row.position, row.recorded_at, b"7", b"", [])))
    assert lines == [
        {
            "event": "corrected",
            "log_level": "info",
            "id_order": order.id_order,
            "version": 5,
            "from": "delivered",
            "to": "in_transit",
            "operator": "ani",
            "event_id": "event-6",
        }
    ]
    assert counted() == before + 1
