"""The reader of frames: held against `websockets`, which is not ours, on legal bytes and on damaged ones."""

import codecs
import os
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from unittest import mock

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as some
from websockets.exceptions import PayloadTooBig, ProtocolError
from websockets.frames import Close, Frame, Opcode
from websockets.protocol import CLIENT, SERVER, Protocol, State

from api.live import rfc6455
from api.live.rfc6455 import BINARY, CLOSE, CONTINUATION, NOT_UTF8, PING, PONG, PROTOCOL_ERROR, TEXT, TOO_BIG, Reader

LONG_WINDED = -1  # a violation of ours: a length in more bytes than it needs
MAX = 300  # bytes of a message; small, so that what is generated meets it
INPUTS = int(os.environ.get("FUZZ_INPUTS", "300"))

Heard = list[tuple[int, bytes]]


def masked(*frames: Frame) -> bytes:
    """The frames as a client sends them, by `websockets`; with one mask, so that what is found can be had again."""
    with mock.patch("websockets.frames.secrets.token_bytes", return_value=b"\x37\xfa\x21\x3d"):
        return b"".join(frame.serialize(mask=True) for frame in frames)


def ours(pieces: Iterable[bytes]) -> tuple[Heard, int | None]:
    """What our reader hears of a connection, up to a close frame; and the code of a violation."""
    reader, heard = Reader(MAX), Heard()
    try:
        for piece in pieces:
            for opcode, payload in reader.feed(piece):
                if opcode != CONTINUATION:
                    heard.append((opcode, payload))
                if opcode == CLOSE:
                    return heard, None
            assert len(reader._buffer) <= MAX + 14, "it keeps no more than one frame"
            assert len(reader._message) <= MAX
    except rfc6455.Violation as violation:
        return heard, LONG_WINDED if "shortest" in violation.reason else violation.code
    return heard, None


@dataclass
class Theirs:
    """The same by `websockets`, which joins no fragments, and leaves it to its caller whether a text is UTF-8."""

    heard: Heard
    code: int | None
    frames: int
    """Of which `heard` is made."""
    unfinished: bytes
    """What there is of a text that has not come to its end."""
    closed_within: bool
    """Whether a close frame came within a message, which section 5.4 allows and `websockets` does not."""

    @classmethod
    def of(cls, data: bytes) -> "Theirs":
        peer = Protocol(SERVER, state=State.OPEN, max_size=MAX)
        peer.receive_data(data)
        frames = peer.events_received()
        heard, opcode, message = Heard(), CONTINUATION, b""
        for frame in frames:
            if frame.opcode in (Opcode.CLOSE, Opcode.PING, Opcode.PONG):
                heard.append((int(frame.opcode), bytes(frame.data)))
                continue
            opcode, message = int(frame.opcode) or opcode, message + bytes(frame.data)
            if frame.fin:
                heard.append((opcode, message))
                message = b""
        closed_within = str(peer.parser_exc) == "incomplete fragmented message"
        return cls(heard, _code(peer.parser_exc), len(frames), message if opcode == TEXT else b"", closed_within)


def _code(error: Exception | None) -> int | None:
    if isinstance(error, ProtocolError):
        return PROTOCOL_ERROR
    if isinstance(error, PayloadTooBig):
        return TOO_BIG
    return NOT_UTF8 if isinstance(error, UnicodeDecodeError) else None  # of a close frame


def is_text(message: bytes, final: bool = True) -> bool:
    try:
        codecs.getincrementaldecoder("utf-8")().decode(message, final)
    except UnicodeDecodeError:
        return False
    return True


def first_bad_text(theirs: Theirs) -> int | None:
    """Where the first text is that is not UTF-8, the unfinished one included."""
    for at, (opcode, payload) in enumerate(theirs.heard):
        if opcode == TEXT and not is_text(payload):
            return at
    return None if is_text(theirs.unfinished, final=False) else len(theirs.heard)


def agree(data: bytes, pieces: Iterable[bytes]) -> None:
    heard, code = ours(pieces)
    expected = Theirs.of(data)
    bad = first_bad_text(expected)
    if code == NOT_UTF8:
        # We tell at the first bad byte, they at the end of its frame: here it is.
        finished = Theirs.of(data + bytes(MAX + 14))
        assert NOT_UTF8 in (expected.code, finished.code) or first_bad_text(finished) is not None, data
        # What they hear after that, up to the text's end, is control frames at most.
        assert heard == expected.heard[: len(heard)], data
        assert all(opcode in (PING, PONG) for opcode, _ in expected.heard[len(heard) : bad]), data
        return
    if expected.closed_within and code is None:
        assert heard[:-1] == expected.heard and heard[-1][0] == CLOSE, data
        return
    if code == LONG_WINDED:  # which they take, though section 5.2 forbids it
        assert heard == expected.heard[: len(heard)], data
        return
    assert bad is None, data
    assert heard == expected.heard, data
    if code is not None and expected.code is None:
        # We tell at once what they tell at the frame's end: they do not take it. Not zeros: they would take a control
        # frame whose size is written in three bytes, as long as it is small.
        finished = Theirs.of(data + b"\1" * (MAX + 14))
        assert finished.code is not None and finished.frames == expected.frames, data
    else:  # which of two defects it is refused for is a matter of taste
        assert (code is None) == (expected.code is None), data


def cut(data: bytes, dice: random.Random) -> Iterator[bytes]:
    while data:
        size = dice.randint(1, len(data)) if dice.random() < 0.5 else dice.randint(1, 3)
        yield data[:size]
        data = data[size:]


CONTROL = some.builds(
    lambda opcode, data: Frame(opcode, data),
    some.sampled_from([Opcode.PING, Opcode.PONG]),
    some.binary(max_size=125),
)


@some.composite
def messages(draw: some.DrawFn) -> list[Frame]:
    """One message, in one frame or in several with control frames in between."""
    opcode = draw(some.sampled_from([Opcode.TEXT, Opcode.BINARY]))
    content = draw(some.text(max_size=90).map(str.encode) | some.binary(max_size=MAX + 20))
    cuts = sorted(draw(some.lists(some.integers(0, len(content)), max_size=4)))
    parts = [content[a:b] for a, b in zip([0, *cuts], [*cuts, len(content)], strict=True)]
    frames: list[Frame] = []
    for n, part in enumerate(parts):
        frames.append(Frame(opcode if n == 0 else Opcode.CONT, part, n == len(parts) - 1))
        if n < len(parts) - 1:
            frames += draw(some.lists(CONTROL, max_size=2))
    return frames


CLOSES = some.builds(
    lambda code, reason: Frame(Opcode.CLOSE, code.to_bytes(2, "big") + reason),
    some.sampled_from([0, 999, 1000, 1001, 1004, 1005, 1006, 1011, 1014, 1015, 1016, 2999, 3000, 4999, 5000]),
    some.text(max_size=20).map(str.encode) | some.binary(max_size=20),
) | some.sampled_from([Frame(Opcode.CLOSE, b""), Frame(Opcode.CLOSE, b"\x03")])
CONVERSATIONS = some.lists(messages() | CONTROL.map(lambda one: [one]) | CLOSES.map(lambda one: [one]), max_size=6)


@given(conversation=CONVERSATIONS, seed=some.integers())
@settings(max_examples=INPUTS, deadline=None)
def test_conversations_are_heard_alike_however_they_are_cut(conversation: list[list[Frame]], seed: int) -> None:
    data = masked(*[frame for message in conversation for frame in message])
    agree(data, cut(data, random.Random(seed)))


@given(conversation=CONVERSATIONS, seed=some.integers(), wounds=some.integers(1, 4))
@settings(max_examples=INPUTS, deadline=None)
def test_damaged_ones_are_refused_alike(conversation: list[list[Frame]], seed: int, wounds: int) -> None:
    """Bits turned, bytes put in and taken away: nothing is accepted that `websockets` does not accept."""
    dice, data = random.Random(seed), bytearray(masked(*[frame for message in conversation for frame in message]))
    for _ in range(wounds):
        at = dice.randint(0, len(data))
        match dice.randint(0, 2):
            case 0 if at < len(data):
                data[at] ^= 1 << dice.randint(0, 7)
            case 1:
                data[at:at] = dice.randbytes(dice.randint(1, 4))
            case _:
                del data[at : at + dice.randint(1, 4)]
    agree(bytes(data), cut(bytes(data), dice))


@given(data=some.binary(max_size=400), seed=some.integers())
@example(data=b"\x88\xfe", seed=0)
@settings(max_examples=INPUTS, deadline=None)
def test_any_bytes_are_heard_alike(data: bytes, seed: int) -> None:
    agree(data, cut(data, random.Random(seed)))


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"\x81\x01a", PROTOCOL_ERROR),  # not masked
        (b"\xc1", PROTOCOL_ERROR),  # a reserved bit
        (b"\x83", PROTOCOL_ERROR),  # an unknown opcode
        (b"\x09", PROTOCOL_ERROR),  # a fragment of a ping
        (b"\x89\xfe\x00\x7e", PROTOCOL_ERROR),  # a ping of 126 bytes
        (b"\x80", PROTOCOL_ERROR),  # nothing to continue
        (masked(Frame(Opcode.TEXT, b"a", False)) + b"\x81", PROTOCOL_ERROR),  # a message within a message
        (b"\x81\xfe\x00\x7d", LONG_WINDED),  # 125 in three bytes
        (b"\x81\xff" + (65535).to_bytes(8, "big"), LONG_WINDED),  # 65535 in nine
        (b"\x81\xff" + (1 << 63).to_bytes(8, "big"), LONG_WINDED),
        (b"\x82\xfe" + (MAX + 1).to_bytes(2, "big"), TOO_BIG),
        (masked(Frame(Opcode.BINARY, b"x" * MAX, False)) + b"\x80\x81", TOO_BIG),
        (masked(Frame(Opcode.TEXT, b"\xff", False)), NOT_UTF8),  # though no more has come
        (masked(Frame(Opcode.CLOSE, b"\x03\xe8\xff")), NOT_UTF8),
        (masked(Frame(Opcode.CLOSE, b"\x03")), PROTOCOL_ERROR),
    ],
)
def test_what_is_wrong_is_told_at_the_first_byte_that_says_so(data: bytes, code: int) -> None:
    assert ours([data]) == ([], code)
    assert ours([bytes((byte,)) for byte in data]) == ([], code)


def test_a_length_in_nine_bytes_is_read_to_its_end_and_not_kept() -> None:
    reader = Reader(100_000)
    [(opcode, message)] = reader.feed(masked(Frame(Opcode.BINARY, b"\x07" * 70_000)))
    assert (opcode, message) == (BINARY, b"\x07" * 70_000)
    assert reader.idle


@given(payload=some.binary(max_size=70_000) | some.just(b"x" * 65_535) | some.just(b"x" * 65_536))
@settings(max_examples=100, deadline=None)
def test_what_we_send_is_read_by_another_library(payload: bytes) -> None:
    for opcode in (TEXT, BINARY, PING, PONG):
        data = payload if opcode in (TEXT, BINARY) else payload[:125]
        peer = Protocol(CLIENT, state=State.OPEN)
        peer.receive_data(rfc6455.frame(opcode, data))
        [frame] = peer.events_received()
        assert (int(frame.opcode), bytes(frame.data), frame.fin) == (opcode, data, True)


def test_a_reason_is_cut_between_two_characters() -> None:
    data = rfc6455.close(4008, "€" * 100)
    assert len(data) <= 2 + 125
    peer = Protocol(CLIENT, state=State.OPEN)
    peer.receive_data(data)
    assert peer.close_rcvd == Close(4008, "€" * 41)


GOOD = {
    b"host": b"127.0.0.1",
    b"sec-websocket-version": b"13",
    b"sec-websocket-key": b"dGhlIHNhbXBsZSBub25jZQ==",
}


def test_the_handshake_of_the_standard_is_answered_as_there() -> None:
    assert rfc6455.accept(GOOD.items()) == b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


@pytest.mark.parametrize(
    "changed",
    [
        {b"sec-websocket-version": b"8"},
        {b"sec-websocket-key": b"short"},
        {b"sec-websocket-key": b"!" * 24},
        {b"sec-websocket-key": b"dGhlIHNhbXBsZSBub25jZXh4eHg="},
    ],
)
def test_handshakes_that_are_none(changed: dict[bytes, bytes]) -> None:
    with pytest.raises(rfc6455.BadHandshake):
        rfc6455.accept({**GOOD, **changed}.items())


@pytest.mark.parametrize("name", GOOD)
def test_what_a_handshake_needs_is_there_once(name: bytes) -> None:
    without = [(one, value) for one, value in GOOD.items() if one != name]
    for headers in (without, [*GOOD.items(), (name, GOOD[name])]):
        with pytest.raises(rfc6455.BadHandshake):
            rfc6455.accept(headers)


def test_a_close_frame_within_a_message_is_heard() -> None:
    """Section 5.4: control frames may be injected in the middle of a fragmented message."""
    data = masked(Frame(Opcode.TEXT, b"half", False), Frame(Opcode.CLOSE, b""))
    assert ours([data]) == ([(CLOSE, b"")], None)
    agree(data, [data])
