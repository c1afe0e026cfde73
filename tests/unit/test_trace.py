"""What is done to one record has one span, however often it is done; a trace that is not recorded is left alone."""

from typing import cast

import pytest

from agents.patience import PatientOrders
from agents.publisher import Publisher
from agents.records import Kind
from agents.track import Tracker
from logs import T0, Log, Worker, order_message, update_message
from streams.messages import header
from streams.settings import Settings
from streams.trace import begun, child, derived, is_sampled, of_headers, sampled, unsampled
from tables.memory_orders import MemoryOrders

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SENDER = f"00-{TRACE}-00f067aa0ba902b7-01".encode()
UNSAMPLED = SENDER[:-1] + b"0"
TRACKER = Tracker(Settings(_env_file=None), cast(PatientOrders, None), cast(Publisher, None))  # type: ignore[call-arg]


def test_the_span_of_a_record_is_the_same_in_every_version_of_lacak() -> None:
    assert derived(SENDER, "orders", 3, 99) == f"00-{TRACE}-8554c4270607a3f0-01".encode()
    assert derived(SENDER, "orders", 3, 100) != derived(SENDER, "orders", 3, 99)


@pytest.mark.parametrize("flags", [b"01", b"03", b"ff"])
def test_a_recorded_trace_goes_on_with_its_flags(flags: bytes) -> None:
    sender = SENDER[:-2] + flags
    assert is_sampled(sender) and sampled([("traceparent", sender)]) == sender
    for after in (derived(sender, "x"), child(sender)):
        assert after is not None and (after[:36], after[52:]) == (sender[:36], sender[52:])
        assert after[36:52] != sender[36:52]


@pytest.mark.parametrize("flags", [b"00", b"02", b"fe"])
def test_a_trace_that_is_not_recorded_is_passed_on_as_it_is(flags: bytes) -> None:
    sender = SENDER[:-2] + flags
    assert derived(sender, "x") == of_headers([("traceparent", sender)]) == sender
    assert sampled([("traceparent", sender)]) is None and not is_sampled(sender)


def test_a_caller_keeps_its_trace_id_and_has_no_say_in_what_is_recorded() -> None:
    assert begun(SENDER)[:36] == SENDER[:36] and is_sampled(begun(UNSAMPLED))
    assert unsampled(SENDER) == UNSAMPLED and unsampled(None) is None
    assert begun(None)[3:35] != begun(None)[3:35]


async def test_a_replay_announces_the_same_span_also_of_an_update_that_waited_for_its_order() -> None:
    log = Log()
    at = log.append(Kind.UPDATES, update_message("picked_up", occurred_at=T0 + 1), headers=[("traceparent", SENDER)])
    log.append(Kind.ORDERS, order_message(), headers=[("traceparent", UNSAMPLED)])
    store = MemoryOrders(clock=lambda: log.clock)
    said = []
    for first in (Kind.UPDATES, Kind.ORDERS):  # once the update waits, once its order is there
        worker = Worker(log, store)
        second = Kind.ORDERS if first is Kind.UPDATES else Kind.UPDATES
        effects = [await worker.read(first), await worker.read(second)]
        events = [TRACKER._change(event) for each in effects for event in each.events]
        said.append([header(event.headers, "traceparent") for event in events])
    assert said[0] == said[1] == [UNSAMPLED, derived(SENDER, "courier-status-updates", at.position.partition, 0)]
