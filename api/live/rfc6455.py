"""WebSocket as RFC 6455 has it, without any I/O: the handshake, frames to be sent, and what a client's bytes say.

No extension is taken, so the reserved bits are always zero.
"""

import binascii
import codecs
import struct
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator
from hashlib import sha1

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
PROTOCOL_ERROR, NO_STATUS, NOT_UTF8, TOO_BIG = 1002, 1005, 1007, 1009

MAX_CONTROL = 125  # bytes of a control frame's payload, section 5.5
MAX_REASON = MAX_CONTROL - 2  # bytes of a close frame's text

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_FINAL, _RESERVED, _MASKED, _CONTROL = 0x80, 0x70, 0x80, 0x08
_KNOWN = frozenset((CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG))
_SENDABLE = frozenset((1000, 1001, 1002, 1003, *range(1007, 1015)))  # section 7.4.1, and IANA's list

_Utf8 = codecs.getincrementaldecoder("utf-8")


class BadHandshake(Exception):
    """The request is no opening handshake that a server may accept."""


def accept(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """The value of Sec-WebSocket-Accept (section 4.2); raises BadHandshake. Header names are in lower case."""
    found: dict[bytes, list[bytes]] = {}
    for name, value in headers:
        found.setdefault(name, []).append(value.strip())
    if found.get(b"sec-websocket-version") != [b"13"]:
        raise BadHandshake("Sec-WebSocket-Version must be 13")
    if len(found.get(b"host", ())) != 1:
        raise BadHandshake("one Host is needed")
    keys = found.get(b"sec-websocket-key", [])
    try:
        good = len(keys) == 1 and len(b64decode(keys[0], validate=True)) == 16
    except binascii.Error:
        good = False
    if not good:
        raise BadHandshake("Sec-WebSocket-Key must be 16 bytes in base64")
    return b64encode(sha1(keys[0] + _GUID, usedforsecurity=False).digest())


def frame(opcode: int, payload: bytes) -> bytes:
    """One whole frame, as a server sends it: not masked."""
    size = len(payload)
    if size < 126:
        return bytes((_FINAL | opcode, size)) + payload
    if size < 65536:
        return struct.pack(">BBH", _FINAL | opcode, 126, size) + payload
    return struct.pack(">BBQ", _FINAL | opcode, 127, size) + payload


def payload_at(frame: bytes) -> int:
    """Where the payload begins in a whole frame that `frame` made."""
    return 4 if frame[1] == 126 else 10 if frame[1] == 127 else 2


def close(code: int, reason: str = "") -> bytes:
    """A close frame. The text is cut to what fits, between two characters."""
    if code == NO_STATUS:
        return frame(CLOSE, b"")
    text = reason.encode()[:MAX_REASON].decode(errors="ignore").encode()
    return frame(CLOSE, code.to_bytes(2, "big") + text)


class Violation(Exception):
    """The client breaks the protocol: `code` is what the connection is closed with."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code, self.reason = code, reason


class Reader:
    """What a client's bytes say. It holds no more than one message of `max_message` bytes and one read."""

    __slots__ = ("_buffer", "_max_message", "_message", "_opcode", "_utf8")

    def __init__(self, max_message: int) -> None:
        self._max_message = max_message
        self._buffer = b""
        self._opcode = CONTINUATION  # of the message whose fragments come
        self._message = bytearray()
        self._utf8: codecs.IncrementalDecoder | None = None

    @property
    def idle(self) -> bool:
        """Whether nothing is half read: then a new reader does as well."""
        return not self._buffer and self._opcode == CONTINUATION

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """(opcode, payload) of each frame that is whole: TEXT or BINARY when it ends a message, with all of that;
        CONTINUATION, without a payload, for a fragment that ends none; a control frame. Raises Violation.
        """
        data = self._buffer + data
        self._buffer = b""
        at = 0
        while (head := self._head(data, at)) is not None:
            start, size = head
            first = data[at]
            payload = _unmasked(data[start - 4 : start], data[start : start + size])
            if len(payload) < size:
                self._check_part(first & 0x0F, payload)
                break
            at = start + size
            yield self._frame(first & 0x0F, bool(first & _FINAL), payload)
        self._buffer = data[at:]

    def _head(self, data: bytes, at: int) -> tuple[int, int] | None:
        """Where the payload starts and its size, when the head is whole; what is wrong is told at the first byte that
        says so."""
        have = len(data) - at
        if have < 1:
            return None
        self._check_first(data[at])
        if have < 2:
            return None
        if not data[at + 1] & _MASKED:
            raise Violation(PROTOCOL_ERROR, "a frame is not masked")
        size, start = data[at + 1] & 0x7F, at + 2
        if size > MAX_CONTROL:
            if data[at] & _CONTROL:
                raise Violation(PROTOCOL_ERROR, "a control frame of more than 125 bytes")
            length = 2 if size == 126 else 8
            if len(data) < start + length:
                return None
            size, shortest = int.from_bytes(data[start : start + length], "big"), 126 if length == 2 else 65536
            if size < shortest or size >> 63:
                raise Violation(PROTOCOL_ERROR, "a length that is not written in the shortest way")
            start += length
        if not data[at] & _CONTROL and len(self._message) + size > self._max_message:
            raise Violation(TOO_BIG, f"a message of more than {self._max_message} bytes")
        return (start + 4, size) if len(data) >= start + 4 else None

    def _check_first(self, first: int) -> None:
        opcode = first & 0x0F
        if first & _RESERVED:
            raise Violation(PROTOCOL_ERROR, "a reserved bit is set")
        if opcode not in _KNOWN:
            raise Violation(PROTOCOL_ERROR, "an unknown opcode")
        if opcode & _CONTROL and not first & _FINAL:
            raise Violation(PROTOCOL_ERROR, "a fragmented control frame")
        if opcode == CONTINUATION and self._opcode == CONTINUATION:
            raise Violation(PROTOCOL_ERROR, "nothing to continue")
        if opcode in (TEXT, BINARY) and self._opcode != CONTINUATION:
            raise Violation(PROTOCOL_ERROR, "a message within a message")

    def _check_part(self, opcode: int, payload: bytes) -> None:
        """A text that is none is refused at its first bad byte, not at its frame's end."""
        decoder = _Utf8()
        if opcode == CONTINUATION and self._utf8 is not None:
            decoder.setstate(self._utf8.getstate())
        elif opcode != TEXT:
            return
        _decode(decoder, payload, final=False)

    def _frame(self, opcode: int, final: bool, payload: bytes) -> tuple[int, bytes]:
        if opcode & _CONTROL:
            if opcode == CLOSE:
                _check_close(payload)
            return opcode, payload
        if opcode != CONTINUATION:
            self._opcode = opcode
            self._utf8 = _Utf8() if opcode == TEXT else None
        if self._utf8 is not None:
            _decode(self._utf8, payload, final)
        self._message += payload
        if not final:
            return CONTINUATION, b""
        opcode, message = self._opcode, bytes(self._message)
        self._opcode = CONTINUATION
        self._message.clear()
        return opcode, message


def _decode(decoder: codecs.IncrementalDecoder, payload: bytes, final: bool) -> None:
    try:
        decoder.decode(payload, final)
    except UnicodeDecodeError:
        raise Violation(NOT_UTF8, "a text that is not UTF-8") from None


def close_code(payload: bytes) -> int:
    """The code of a close frame's payload that a reader gave."""
    return int.from_bytes(payload[:2], "big") if payload else NO_STATUS


def _check_close(payload: bytes) -> None:
    if len(payload) == 1:
        raise Violation(PROTOCOL_ERROR, "half a close code")
    try:
        payload[2:].decode()
    except UnicodeDecodeError:
        raise Violation(NOT_UTF8, "a reason that is not UTF-8") from None
    code = close_code(payload)
    if payload and not (code in _SENDABLE or 3000 <= code <= 4999):
        raise Violation(PROTOCOL_ERROR, "a close code that may not be sent")


def _unmasked(mask: bytes, payload: bytes) -> bytes:
    size = len(payload)
    if not size:
        return b""
    key = (mask * (size // 4 + 1))[:size]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(key, "big")).to_bytes(size, "big")
