"""Couriers' clocks: which are told to be wrong, how often, and how many by name."""

from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from agents.clocks import LOG_SECONDS, TOLERANCE_MS, Clocks
from agents.records import Kind
from logs import T0, Log, Worker
from order_examples import a_row
from streams.labels import COURIERS
from streams.messages import update_of
from streams.order import Position, Update
from tables.memory_orders import MemoryOrders


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def an_update(courier: str, occurred_at: int, recorded_at: int = T0) -> Update:
    nothing = dict.fromkeys(("substatus", "note", "latitude", "longitude", "eta"))
    said = {"event_id": "e", "id_order": 7, "status": "in_transit", "occurred_at": occurred_at, "courier": courier}
    return update_of({**said, **nothing}, Position("i", 0, 1), recorded_at)


def told(courier: str, runs: str) -> tuple[float, float | None]:
    """How many updates, and by how many seconds the last one."""
    labels = {"courier": courier, "runs": runs}
    count = REGISTRY.get_sample_value("lacak_courier_clock_total", labels) or 0
    return count, REGISTRY.get_sample_value("lacak_courier_clock_off_seconds", labels)


def test_a_clock_that_is_right_is_not_told() -> None:
    watch = Clocks()
    watch.judged(an_update("right", T0 + TOLERANCE_MS))
    watch.judged(an_update("right", T0 - 3_600_000))  # it may just have been sent late
    watch.applied(an_update("right", T0), a_row(2, "confirmed", 2, occurred_at=T0 + TOLERANCE_MS))
    assert told("right", "ahead") == told("right", "behind") == (0, None)


def test_clocks_ahead_and_behind_are_told_with_their_seconds_and_logged_once_a_minute() -> None:
    clock = Clock()
    watch = Clocks(clock)
    with capture_logs() as lines:
        for _ in range(3):
            watch.judged(an_update("fast", T0 + 60_000))
        watch.applied(an_update("slow", T0), a_row(2, "confirmed", 2, occurred_at=T0 + 30_000))
        clock.now += LOG_SECONDS
        watch.judged(an_update("fast", T0 + 90_000))
    assert (told("fast", "ahead"), told("slow", "behind")) == ((4, 90), (1, 30))
    assert [(line["courier"], line["runs"], line["seconds"]) for line in lines] == [
        ("fast", "ahead", 60),
        ("slow", "behind", 30),
        ("fast", "ahead", 90),
    ]


def test_what_is_heard_after_a_correction_tells_nothing_about_a_clock() -> None:
    watch = Clocks()
    watch.applied(an_update("replayed", T0), a_row(3, "in_transit", 3, occurred_at=T0 + 3_600_000, corrects=2))
    assert told("replayed", "behind") == (0, None)


def test_only_so_many_couriers_are_told_by_name() -> None:
    watch = Clocks()
    for n in range(COURIERS + 5):
        watch.judged(an_update(f"many-{n}", T0 + 60_000))
    assert told(f"many-{COURIERS - 1}", "ahead")[0] == 1
    assert told(f"many-{COURIERS}", "ahead")[0] == 0
    assert told("other", "ahead")[0] == 5


async def test_the_worker_looks_at_what_it_judges() -> None:
    log = Log()
    log.order()
    log.update("in_transit", courier="the-first", occurred_at=T0 + 3_600_000)
    log.update("delivered", courier="the-second", occurred_at=T0 + 1_000)
    worker = Worker(log, MemoryOrders(clock=lambda: log.clock))
    await worker.read(Kind.ORDERS)
    await worker.read(Kind.UPDATES)
    assert told("the-first", "ahead")[0] == 1
    assert told("the-second", "behind")[0] == 1, "the first was taken as of when it came, 9 seconds later"
    assert told("the-second", "ahead")[0] == 0
