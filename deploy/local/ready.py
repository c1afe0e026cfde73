"""Whether a server answers: a question in its own protocol, so that an open port alone does not count."""

import contextlib
import errno
import http.client
import socket
import struct

TIMEOUT = 3.0


def kafka_answers(host: str, port: int) -> bool:
    """Whether the broker lists itself (Metadata, version 1, about no topics)."""
    request = struct.pack(">hhih", 3, 1, 1, 5) + b"lacak" + struct.pack(">i", 0)
    try:
        with socket.create_connection((host, port), TIMEOUT) as connection:
            connection.sendall(struct.pack(">i", len(request)) + request)
            answer = _read(connection, *struct.unpack(">i", _read(connection, 4)))
    except OSError:
        return False
    return bool(struct.unpack_from(">i", answer, 4)[0] >= 1)


def cassandra_answers(host: str, port: int) -> bool:
    """Whether the node takes a client (STARTUP of the native protocol, version 4; READY or AUTHENTICATE)."""
    body = struct.pack(">h", 1) + _string("CQL_VERSION") + _string("3.0.0")
    try:
        with socket.create_connection((host, port), TIMEOUT) as connection:
            connection.sendall(struct.pack(">BBhBi", 4, 0, 0, 1, len(body)) + body)
            return _read(connection, 9)[4] in (2, 3)
    except OSError:
        return False


def http_answers(host: str, port: int, path: str) -> bool:
    """Whether GET `path` is answered with 200."""
    with contextlib.closing(http.client.HTTPConnection(host, port, timeout=TIMEOUT)) as connection:
        try:
            connection.request("GET", path)
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False


def port_is_free(host: str, port: int) -> bool:
    """Whether a server of ours could listen there. Raises OSError for a host that is not this machine's."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return False
            raise
    return True


def _string(text: str) -> bytes:
    return struct.pack(">h", len(text)) + text.encode()


def _read(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        more = connection.recv(size - len(data))
        if not more:
            raise ConnectionError("closed in the middle of an answer")
        data += more
    return data
