"""A customer's WebSocket on its transport: what it hears, how it says goodbye, and when it is torn down."""

import asyncio
from typing import Any

import pytest
from websockets.frames import Close as CloseFrame
from websockets.frames import Frame as WsFrame
from websockets.frames import Opcode
from websockets.protocol import CLIENT, Protocol, State

from api.live import closes
from api.live.closes import NOT_UTF8, POLICY, RESTART, TOO_BIG, TOO_SLOW
from api.live.connection import Connection
from api.live.direct import DirectConnection
from api.live.frames import heartbeat
from api.live.websocket_wire import FRAMES_PER_SECOND, MAX_MESSAGE, MISSES, LiveWebSocket
from streams.order import Position

HEARTBEAT = heartbeat(Position("I", 0, 1))


class Transport:
    """A socket whose client is `websockets`' own protocol. It takes everything, unless `stuck`."""

    def __init__(self) -> None:
        self.client = Protocol(CLIENT, state=State.OPEN)
        self.wire: LiveWebSocket
        self.ended, self.aborted, self.limit, self.stuck = False, False, 65536, 0

    def get_extra_info(self, _: str) -> None:
        """It is no socket's."""

    def write(self, data: bytes) -> None:
        self.client.receive_data(data)
        if self.stuck:
            self.stuck += len(data)
            if self.stuck > self.limit:
                self.wire.pause_writing()

    def set_write_buffer_limits(self, high: int) -> None:
        self.limit = high

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.ended = True

    def is_closing(self) -> bool:
        return self.ended or self.aborted

    def close(self) -> None:
        self.ended = True

    def abort(self) -> None:
        self.aborted = True
        self.wire.connection_lost(None)

    def heard(self, opcode: Opcode) -> list[bytes]:
        return [bytes(frame.data) for frame in self.client.events_received() if frame.opcode == opcode]


class Owner:
    def __init__(self) -> None:
        self.closed: list[closes.Close | None] = []
        self.left = 0

    def closing(self, connection: Connection) -> None:
        self.closed.append(connection.closing)

    def gone(self, connection: Connection) -> None:
        self.left += 1


class Stage:
    """A connection that has begun."""

    def __init__(self) -> None:
        self.transport, self.owner = Transport(), Owner()
        self.wire = self.transport.wire = LiveWebSocket(self.transport)  # type: ignore[arg-type]
        self.connection = DirectConnection("websocket", 42, None, 3600, self.owner, 65536, self.wire)
        self.wire.connection = self.connection
        self.connection.start()

    def say(self, *frames: WsFrame) -> None:
        self.wire.data_received(b"".join(frame.serialize(mask=True) for frame in frames))

    @property
    def told(self) -> CloseFrame | None:
        return self.transport.client.close_rcvd


async def test_pings_are_answered_with_their_own_words() -> None:
    stage = Stage()
    stage.say(WsFrame(Opcode.PING, b"one"), WsFrame(Opcode.PING, b""))
    assert stage.transport.heard(Opcode.PONG) == [b"one", b""]


async def test_a_client_that_answers_no_ping_is_dead_after_two() -> None:
    silent, brisk = Stage(), Stage()
    for _ in range(MISSES):
        silent.connection.probe()
        brisk.connection.probe()
        brisk.say(*(WsFrame(Opcode.PONG, data) for data in brisk.transport.heard(Opcode.PING)))
    assert not silent.transport.aborted
    silent.connection.probe()
    brisk.connection.probe()
    assert silent.transport.aborted and silent.owner.closed == [closes.LEFT]
    assert not brisk.transport.aborted


async def test_a_frame_too_many_in_a_second_ends_it_and_no_more_is_heard() -> None:
    stage = Stage()
    stage.say(*[WsFrame(Opcode.PING, b"x")] * (FRAMES_PER_SECOND + 5))
    assert stage.told is not None and stage.told.code == POLICY.code
    assert len(stage.transport.heard(Opcode.PONG)) == FRAMES_PER_SECOND
    assert stage.owner.closed == [POLICY]


@pytest.mark.parametrize(
    ("frame", "close"),
    [
        (WsFrame(Opcode.TEXT, b"x" * (MAX_MESSAGE + 1)), TOO_BIG),
        (WsFrame(Opcode.TEXT, b"\xff"), NOT_UTF8),
        (WsFrame(Opcode.CONT, b""), closes.NO_WEBSOCKET),
    ],
)
async def test_what_breaks_the_protocol_ends_it_with_its_code(frame: WsFrame, close: closes.Close) -> None:
    stage = Stage()
    stage.say(frame)
    stage.say(WsFrame(Opcode.PING, b""))
    assert stage.told is not None and stage.told.code == close.code
    assert stage.transport.ended and stage.transport.heard(Opcode.PONG) == []
    assert stage.owner.closed == [close]


async def test_a_client_that_says_goodbye_is_answered_and_forgotten() -> None:
    stage = Stage()
    stage.say(WsFrame(Opcode.CLOSE, b"\x0f\xa1bye"), WsFrame(Opcode.PING, b""))
    assert stage.told is not None and stage.told.code == 4001
    assert stage.transport.ended and stage.owner.closed == [closes.LEFT]
    assert stage.transport.heard(Opcode.PONG) == []
    stage.connection.push(HEARTBEAT)
    assert stage.transport.heard(Opcode.TEXT) == []


async def test_after_our_goodbye_nothing_is_sent_and_the_clients_own_ends_it() -> None:
    stage = Stage()
    stage.connection.push(HEARTBEAT)
    stage.connection.end(RESTART)
    stage.connection.push(HEARTBEAT)
    assert len(stage.transport.heard(Opcode.TEXT)) == 1
    assert not stage.transport.ended
    stage.say(WsFrame(Opcode.CLOSE, RESTART.code.to_bytes(2, "big")))
    assert stage.transport.ended and stage.owner.left == 1


async def test_a_client_that_takes_no_goodbye_is_torn_down(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.live.connection.CLOSE_SECONDS", 0.01)
    stage = Stage()
    stage.connection.end(RESTART)
    await asyncio.sleep(0.1)
    assert stage.transport.aborted and stage.owner.left


async def test_a_client_whose_kernel_takes_nothing_is_cut_and_told_so() -> None:
    stage = Stage()
    stage.transport.stuck = 1
    for _ in range(2000):
        stage.connection.push(HEARTBEAT)
    assert stage.owner.closed == [TOO_SLOW]
    assert stage.told is not None and stage.told.code == TOO_SLOW.code
    sent = sum(map(len, stage.transport.heard(Opcode.TEXT)))
    assert sent <= 65536 + HEARTBEAT.size


async def test_refused_before_it_has_joined_it_is_told_and_torn_down(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.live.connection.CLOSE_SECONDS", 0.01)
    stage: Any = Stage()
    stage.wire.connection = None
    stage.wire.say_goodbye(closes.EXPIRED.code, "no ticket and no token")
    assert stage.told == CloseFrame(4001, "no ticket and no token")
    assert stage.wire.is_gone
    await asyncio.sleep(0.1)
    assert stage.transport.aborted
