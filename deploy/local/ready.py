"""Whether a server answers: a question in its own protocol, so that an open port alone does not count."""

import contextlib
import errno
import http.client
import socket
import ssl
import struct
from pathlib import Path

TIMEOUT = 3.0


def kafka_answers(host: str, port: int, brokers: int = 1) -> bool:
    """Whether the broker lists as many living ones, itself among them (Metadata, version 1, about no topics)."""
    request = struct.pack(">hhih", 3, 1, 1, 5) + b"lacak" + struct.pack(">i", 0)
    try:
        with socket.create_connection((host, port), TIMEOUT) as connection:
            connection.sendall(struct.pack(">i", len(request)) + request)
            answer = _read(connection, *struct.unpack(">i", _read(connection, 4)))
    except OSError:
        return False
    return bool(struct.unpack_from(">i", answer, 4)[0] >= brokers)


def cassandra_answers(host: str, port: int) -> bool:
    """Whether the node takes a client (STARTUP of the native protocol, version 4; READY or AUTHENTICATE)."""
    try:
        with socket.create_connection((host, port), TIMEOUT) as connection:
            return _greet(connection) in (2, 3)
    except OSError:
        return False


def kafka_greets(host: str, port: int, ca: Path) -> bool:
    """Whether the broker speaks TLS and tells what it can (ApiVersions, version 0): all that it says to strangers."""
    request = struct.pack(">hhih", 18, 0, 1, 5) + b"lacak"
    try:
        with _inside_tls(host, port, ca) as connection:
            connection.sendall(struct.pack(">i", len(request)) + request)
            answer = _read(connection, *struct.unpack(">i", _read(connection, 4)))
    except OSError:
        return False
    return bool(struct.unpack_from(">h", answer, 4)[0] == 0)


def cassandra_admits(host: str, port: int, ca: Path, user: str, password: str) -> bool:
    """Whether the node speaks TLS and knows this user (AUTH_RESPONSE is answered by AUTH_SUCCESS)."""
    shown = f"\0{user}\0{password}".encode()
    try:
        with _inside_tls(host, port, ca) as connection:
            return _greet(connection) == 3 and _ask(connection, 15, struct.pack(">i", len(shown)) + shown) == 16
    except OSError:
        return False


def _inside_tls(host: str, port: int, ca: Path) -> ssl.SSLSocket:
    outside = socket.create_connection((host, port), TIMEOUT)
    try:
        return ssl.create_default_context(cafile=ca).wrap_socket(outside, server_hostname=host)
    except OSError:
        outside.close()
        raise


def cassandra_reads(host: str, port: int, replicas: int) -> bool:
    """Whether the node answers a query for which 1, 2 or 3 replicas must be there."""
    # A table of Cassandra's own, of which there are always three replicas.
    query = b"SELECT * FROM system_distributed.repair_history WHERE keyspace_name='x' AND columnfamily_name='y'"
    try:
        with socket.create_connection((host, port), TIMEOUT) as connection:
            _greet(connection)
            body = struct.pack(">i", len(query)) + query + struct.pack(">hB", replicas, 0)  # ONE, TWO, THREE are 1 to 3
            return _ask(connection, 7, body) == 8
    except OSError:
        return False


def _greet(connection: socket.socket) -> int:
    """STARTUP; returns the opcode of the answer."""
    return _ask(connection, 1, struct.pack(">h", 1) + _string("CQL_VERSION") + _string("3.0.0"))


def _ask(connection: socket.socket, opcode: int, body: bytes) -> int:
    """One request of Cassandra's protocol; returns the opcode of the answer, of which the rest is not looked at."""
    connection.sendall(struct.pack(">BBhBi", 4, 0, 0, opcode, len(body)) + body)
    header = _read(connection, 9)
    _read(connection, *struct.unpack_from(">i", header, 5))
    return header[4]


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
