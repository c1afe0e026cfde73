"""The hub sends each change to those who watch, made once, and decodes nobody else's."""

import asyncio
from typing import Any

import orjson
import pytest

from api.live import cursor
from api.live.changes import Changes
from api.live.closes import EXPIRED, LEFT, RESTART, TOO_MANY, TOO_SLOW, Close, Refused
from api.live.connection import Connection
from api.live.direct import DirectConnection
from api.live.frames import Frame, Written
from api.live.hub import Hub
from api.live.pushes import Pushes, Received
from api.live.queued import QueuedConnection
from api.live.ring import Record, Ring
from changes import CHANGED, change
from streams.messages import Message
from streams.order import Position
from streams.settings import Settings
from streams.spans import Spans
from streams.topics import partition_of

PARTITIONS = 4
TRACE = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


class Stage:
    """A hub over an empty topic, whose records a test appends; and the owner of its connections."""

    tap: type["Tap"]

    def __init__(self, per_user: int = 10, pushes: Pushes | None = None) -> None:
        self.hub = Hub(Changes(), 2, per_user, pushes=pushes)
        self.ring = Ring("I", dict.fromkeys(range(PARTITIONS), 0), 600, 10**9)
        self.hub.begin(self.ring)
        self.records: list[Record] = []

    def publish(
        self,
        *messages: Message,
        value: bytes | None = None,
        partition: int | None = None,
        trace: Received | None = None,
    ) -> None:
        for message in messages:
            key = str(message["id_user"]).encode()
            at = partition_of(key, PARTITIONS) if partition is None else partition
            content = value if value is not None else CHANGED.encode(message)
            self.records.append(Record(self.ring.next(at), 1_000, key, content, trace))
            self.hub.feed(at, self.records[-1:])

    def connect(self, user: int = 42, position: Position | None = None, **options: Any) -> "Tap":
        return self.tap(self, user, position, **options)

    def closing(self, connection: Connection) -> None:
        self.hub.leave(connection)

    def gone(self, connection: Connection) -> None:
        pass


class Tap:
    """A connection whose frames are looked at."""

    connection: Connection

    def __init__(
        self,
        stage: Stage,
        user: int,
        position: Position | None,
        orders: set[int] | None = None,
        max_bytes: int = 10**6,
        expires_at: int = 3600,
    ) -> None:
        self.aborted = 0
        only = None if orders is None else frozenset(orders)
        self.make((user, only, expires_at, stage, max_bytes))
        self.joined = stage.hub.join(self.connection, position)
        self.begin()

    def make(self, terms: Any) -> None:
        raise NotImplementedError

    def begin(self) -> None:
        pass

    async def frames(self) -> list[Frame]:
        """What is sent, up to here."""
        raise NotImplementedError

    async def versions(self) -> list[int]:
        return [orjson.loads(frame.body)["order"]["version"] for frame in await self.frames()]


class QueuedTap(Tap):
    """Frames are taken by somebody."""

    connection: QueuedConnection

    def make(self, terms: Any) -> None:
        self.connection = QueuedConnection("websocket", *terms, self._abort)

    def _abort(self) -> None:
        self.aborted += 1

    async def frames(self) -> list[Frame]:
        taken = []
        while not self.connection.idle:
            frame = await self.connection.take()
            if frame is not None:
                taken.append(frame)
        return taken


class DirectTap(Tap):
    """Frames are written into a socket, whose client reads them when a test looks at them."""

    connection: DirectConnection
    transport = None
    written = Written("websocket")

    def make(self, terms: Any) -> None:
        self.sent: list[Frame] = []
        self.probed = 0
        self.limit, self.said = 10**9, list[Close]()
        self.connection = DirectConnection("websocket", *terms, self)

    def begin(self) -> None:
        self.connection.start()

    def send(self, *frames: Frame) -> None:
        assert not self.said, "nothing comes after the goodbye"
        self.sent += frames
        if sum(each.size for each in self.sent) > self.limit:
            self.connection.slow()

    def bound(self, max_bytes: int) -> None:
        self.limit = max_bytes

    def probe(self) -> None:
        self.probed += 1

    def close(self, close: Close) -> None:
        self.said.append(close)

    def abort(self) -> None:
        self.aborted += 1

    async def frames(self) -> list[Frame]:
        taken: list[Frame] = []
        while True:
            taken += self.sent
            self.sent = []
            self.connection.fast()
            await asyncio.sleep(0)
            if self.connection.idle and not self.sent:
                return taken


@pytest.fixture(autouse=True, params=[QueuedTap, DirectTap])
def tap(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> type[Tap]:
    """Both kinds of connections: what holds of one holds of the other."""
    kind: type[Tap] = request.param
    monkeypatch.setattr(Stage, "tap", kind, raising=False)
    return kind


def user_elsewhere(user: int) -> int:
    """A user of the same partition."""
    partition = partition_of(str(user).encode(), PARTITIONS)
    return next(n for n in range(1000, 9999) if partition_of(str(n).encode(), PARTITIONS) == partition)


async def test_a_change_goes_to_all_of_its_users_devices_and_to_nobody_else() -> None:
    stage = Stage()
    one, two, other = stage.connect(), stage.connect(), stage.connect(43)
    stage.publish(change("confirmed", 2))
    [first], [second] = await one.frames(), await two.frames()
    assert first is second, "it is serialised once, however many watch"
    assert first.text is second.text and first.sse is second.sse
    assert await other.frames() == []
    assert orjson.loads(first.body)["order"]["id_order"] == "7"


async def test_a_live_change_whose_trace_is_recorded_says_so_and_what_is_missed_of_it_does_not() -> None:
    pushed: list[tuple[bytes, int, int]] = []

    class Noted(Pushes):
        def pushed(self, received: Received, span: bytes, *where: int) -> None:
            assert received.traceparent == TRACE
            pushed.append((span, *where[-2:]))

    stage = Stage(pushes=Noted(Spans(Settings(_env_file=None), "test")))  # type: ignore[call-arg]
    one, two, other = stage.connect(), stage.connect(), stage.connect(43, orders={8})
    stage.publish(change("confirmed", 2), change("confirmed", 2, id_user=43), trace=Received(TRACE, 1))
    stage.publish(change("picked_up", 3))
    [traced, plain], _ = await one.frames(), await two.frames()
    [(span, connections, held)] = pushed
    assert (connections, await other.frames()) == (2, []) and held <= connections

    later = stage.connect(42, Position("I", partition_of(b"42", PARTITIONS), -1))
    missed = [frame.body for frame in await later.frames()]
    assert missed[1] == plain.body and b"traceparent" not in b"".join(missed)
    assert traced.body == missed[0][:-1] + b',"traceparent":"%s"}' % span
    assert (traced.id, orjson.loads(traced.text)["traceparent"]) == (orjson.loads(missed[0])["cursor"], span.decode())
    assert traced.websocket.endswith(traced.body) and traced.body in traced.sse
    assert all(record.trace is None for record in stage.records)


async def test_what_nobody_watches_is_not_decoded_and_still_moves_the_cursor_on() -> None:
    stage = Stage()
    watching = stage.connect(42)
    other, before = user_elsewhere(42), Position("I", partition_of(b"42", PARTITIONS), -1)
    stage.publish(*[change("confirmed", 2, id_user=other) for _ in range(100)], value=b"nothing that can be decoded")
    assert stage.hub.resumes(other, before), "nobody has found out"
    stage.publish(change("confirmed", 2))
    [frame] = await watching.frames()
    position = cursor.decode(orjson.loads(frame.body)["cursor"])
    assert position is not None and position.offset == 100


async def test_replay_and_what_comes_meet_without_a_gap() -> None:
    stage = Stage()
    stage.publish(change("confirmed", 1), change("picked_up", 2), change("picked_up", 1, id_user=user_elsewhere(42)))
    seen = Position("I", partition_of(b"42", PARTITIONS), 0)
    resumed = stage.connect(position=seen)
    stage.publish(change("in_transit", 3))
    assert resumed.joined.resumed
    assert resumed.joined.position == seen
    assert await resumed.versions() == [2, 3]


async def test_orders_that_a_connection_did_not_name_are_not_sent_live_or_replayed() -> None:
    stage = Stage()
    stage.publish(change("confirmed", 1, id_order=7), change("confirmed", 2, id_order=8))
    start = Position("I", partition_of(b"42", PARTITIONS), -1)
    narrowed = stage.connect(position=start, orders={8})
    stage.publish(change("confirmed", 3, id_order=7), change("confirmed", 4, id_order=8))
    assert await narrowed.versions() == [2, 4]


async def test_a_client_that_lags_too_far_behind_is_cut_and_what_it_has_to_replay_does_not_count() -> None:
    stage = Stage()
    stage.publish(*[change("in_transit", n) for n in range(1, 51)])
    start = Position("I", partition_of(b"42", PARTITIONS), -1)
    slow = stage.connect(position=start, max_bytes=1500)
    stage.publish(change("in_transit", 51), change("in_transit", 52))
    assert slow.connection.closing is None
    assert len(await slow.versions()) == 52
    stage.publish(*[change("in_transit", n) for n in range(53, 57)])
    assert slow.connection.closing is TOO_SLOW
    before = await slow.versions()
    stage.publish(change("in_transit", 57))
    assert await slow.versions() == [], "it is sent nothing more: it resumes from what it has"
    assert before in ([], [53, 54, 55])
    assert stage.hub.connections == []


async def test_heartbeats_say_how_far_and_wait_for_the_snapshot(tap: type[Tap]) -> None:
    stage = Stage()
    one = stage.connect()
    for _ in range(4):
        stage.hub.beat(0)
    assert await one.frames() == []
    stage.hub.caught_up(one.connection)
    stage.publish(change("placed", 1, id_user=user_elsewhere(42)))
    for _ in range(4 if tap is QueuedTap else 2):
        stage.hub.beat(0)
    frames = await one.frames()
    assert [frame.kind for frame in frames] == ["heartbeat"], "one a period, and none while one waits"
    assert cursor.decode(frames[0].id or "") == stage.ring.position(one.connection.partition)


async def test_a_user_has_room_for_so_many_connections_and_again_when_one_closes() -> None:
    stage = Stage(per_user=2)
    first, _ = stage.connect(), stage.connect()
    with pytest.raises(Refused) as refused:
        stage.hub.room(42)
    assert refused.value.close is TOO_MANY
    stage.hub.room(43)
    first.connection.gone()
    stage.hub.room(42)
    assert first.connection.closing is LEFT


async def test_a_new_ring_cuts_everybody_and_old_cursors_are_not_resumed() -> None:
    stage = Stage()
    tap = stage.connect()
    stage.hub.begin(Ring("J", dict.fromkeys(range(PARTITIONS), 0), 600, 10**9))
    assert tap.connection.closing is RESTART
    assert not stage.connect(position=Position("I", partition_of(b"42", PARTITIONS), -1)).joined.resumed


@pytest.mark.parametrize("value", [b"garbage", b"", b"\0\x7f\xff\xff\xffof a newer worker"])
async def test_a_change_that_cannot_be_read_is_not_missed_in_silence(value: bytes) -> None:
    """Who watches is cut, and gets a snapshot; from after it one resumes again."""
    stage, mine = Stage(), partition_of(b"42", PARTITIONS)
    stage.publish(change("placed", 1))
    one, bystander = stage.connect(), stage.connect(user_elsewhere(42))
    stage.publish(change("confirmed", 2), value=value)
    assert one.connection.closing is RESTART
    assert bystander.connection.closing is None
    assert not stage.connect(position=Position("I", mine, 0)).joined.resumed
    stage.publish(change("picked_up", 3))
    assert await stage.connect(position=Position("I", mine, 1)).versions() == [3]
    assert stage.connect(user_elsewhere(42), Position("I", mine, 0)).joined.resumed


async def test_nor_is_one_that_nobody_watched_when_it_came() -> None:
    stage, before = Stage(), Position("I", partition_of(b"42", PARTITIONS), 0)
    stage.publish(change("placed", 1), change("confirmed", 2))
    stage.publish(change("picked_up", 3), value=b"garbage")
    stage.publish(change("in_transit", 4))
    resumed = stage.connect(position=before)
    assert await resumed.versions() in ([], [2]), "which its snapshot shows too"
    assert resumed.connection.closing is RESTART
    assert not stage.connect(position=before).joined.resumed


async def test_what_is_missed_costs_no_memory_and_is_there_though_the_ring_lets_it_go() -> None:
    stage = Stage()
    stage.publish(*[change("in_transit", n) for n in range(1, 51)])
    resumed = stage.connect(position=Position("I", partition_of(b"42", PARTITIONS), -1), max_bytes=2000)
    if isinstance(resumed, DirectTap):
        assert len(resumed.sent) <= 2, "no more than the socket takes"
    else:
        stage.publish(change("in_transit", 1, id_user=43), value=b"nothing that can be decoded")
        later = stage.connect(43, Position("I", partition_of(b"43", PARTITIONS), -1))
        assert later.joined.resumed and later.connection.closing is None, "nothing, before somebody takes it"
    stage.publish(change("in_transit", 51))
    stage.ring.expire(10**9)
    assert stage.ring.changes == 0
    stage.publish(change("in_transit", 52))
    assert await resumed.versions() == list(range(1, 53))


@pytest.mark.parametrize("tap", [DirectTap], indirect=True)  # the other kind has servers that do it
async def test_clients_are_asked_whether_they_are_there_every_25_seconds() -> None:
    stage = Stage()
    ones = [stage.connect(user) for user in range(50, 55)]
    for second in range(4 * 24):  # heartbeats are every 2 seconds here
        stage.hub.beat(second * 1000)
    assert [one.probed for one in ones if isinstance(one, DirectTap)] == [4] * 5


async def test_a_token_that_expires_ends_its_connection_and_no_other() -> None:
    stage = Stage()
    now = 1_000_000
    stage.hub.beat(now * 1000)
    soon, later = stage.connect(expires_at=now + 2), stage.connect(expires_at=now + 4)
    ended = {}
    for second in range(1, 6):
        stage.hub.beat((now + second) * 1000)
        for name, one in (("soon", soon), ("later", later)):
            if one.connection.closing is EXPIRED:
                ended.setdefault(name, second)
    assert ended == {"soon": 2, "later": 4}


async def test_what_waits_is_sent_before_the_goodbye_where_it_is_asked_for() -> None:
    stage = Stage()
    start = Position("I", partition_of(b"42", PARTITIONS), -1)
    stage.publish(*[change("in_transit", n) for n in range(1, 121)])
    one = stage.connect(position=start)
    stage.publish(change("in_transit", 121))
    one.connection.end(RESTART, flush=True)
    assert await one.versions() == list(range(1, 122))
    if isinstance(one, DirectTap):
        assert one.said == [RESTART]


@pytest.mark.parametrize("tap", [QueuedTap], indirect=True)  # the other kind has no socket before it begins
async def test_a_refused_connection_leaves_its_socket_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.live.connection.CLOSE_SECONDS", 0)
    stage = Stage()
    refused, left, ended = stage.connect(), stage.connect(), stage.connect()
    ended.connection.end(RESTART)
    for one in (refused, ended):
        assert isinstance(one.connection, QueuedConnection)
        one.connection.release()
    left.connection.gone()
    await asyncio.sleep(0.05)
    assert (refused.aborted, ended.aborted, left.aborted) == (0, 0, 1)


async def test_records_that_are_no_change_of_that_user_are_passed_over() -> None:
    stage = Stage()
    tap = stage.connect()
    stage.publish(change("placed", 1), value=CHANGED.encode(change("placed", 1, id_user=43)))
    wrong = (tap.connection.partition + 1) % PARTITIONS
    stage.publish(change("placed", 1), partition=wrong)
    stage.publish(change("placed", 2))
    assert await tap.versions() == [2]


async def test_an_ahead_cursor_is_told_from_a_past_one() -> None:
    stage = Stage()
    stage.publish(change("placed", 1))
    mine = partition_of(b"42", PARTITIONS)
    ahead = [stage.hub.is_ahead(42, Position("I", mine, offset)) for offset in (-1, 0, 1)]
    assert ahead == [False, False, True]
    assert not stage.hub.is_ahead(42, Position("J", mine, 9))
    assert not stage.hub.is_ahead(42, Position("I", (mine + 1) % PARTITIONS, 9))
