"""HAProxy as deploy/gateway has it, with a certificate made on the spot, before any services."""

import datetime
import ipaddress
import json
import os
import socket
import ssl
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from deploy.local.debian import where
from processes import free_port, until

CONFIG = Path(__file__).parents[1] / "deploy" / "gateway" / "haproxy.cfg"
HOST = "localhost"
PATIENCE = 20.0
SETTINGS = "LACAK_EDGE_"

SECRET = "a secret of the tests, 32 bytes long or more"
CLAIMS = {"sub": "a-shop", "aud": "lacak", "exp": 4_000_000_000}
HEAD = b"Host: localhost\r\nConnection: close\r\n\r\n"
REQUEST = b"%s HTTP/1.1\r\n" + HEAD
POST = b"POST /v1/orders HTTP/1.1\r\nHost: localhost\r\n"


@dataclass(frozen=True)
class Edge:
    """A running one. `folder` has its certificate and its log."""

    folder: Path
    port: int

    @property
    def url(self) -> str:
        return f"https://{HOST}:{self.port}"

    @property
    def certificate(self) -> Path:
        return self.folder / "edge.pem"

    def trust(self) -> ssl.SSLContext:
        """A client's context that trusts this one's certificate, and no other."""
        return ssl.create_default_context(cafile=str(self.certificate))

    def client(self) -> httpx.Client:
        """httpx, over HTTP/1.1."""
        return httpx.Client(base_url=self.url, verify=self.trust(), timeout=30)

    def curl(self, path: str, *words: str, seconds: int | None = None) -> tuple[int, str, str]:
        """Status, version of HTTP and body, as curl has them over HTTP/2, with the path as it is. With `seconds`, of
        an answer that does not end: what has come by then, when curl leaves."""
        command = ["curl", "-sS", "--http2", "--path-as-is", "--cacert", self.certificate, "-w", "\n%{http_code} "]
        command[-1] += "%{http_version}"
        if seconds is not None:
            command += ["-N", "--max-time", str(seconds)]
        done = subprocess.run([*command, *words, self.url + path], capture_output=True, text=True, timeout=60)
        assert done.returncode == (0 if seconds is None else 28), done.stderr
        body, _, last = done.stdout.rpartition("\n")
        status, version = last.split()
        return int(status), version, body

    def raw(self, data: bytes) -> bytes:
        """All that is answered to these bytes on a connection of HTTP/1.1, up to its end."""
        answer = b""
        with (
            socket.create_connection((HOST, self.port), PATIENCE) as plain,
            self.trust().wrap_socket(plain, server_hostname=HOST) as connection,
            suppress(ConnectionError, ssl.SSLError),
        ):
            connection.sendall(data)
            while more := connection.recv(65536):
                answer += more
        return answer

    def log(self) -> list[dict[str, Any]]:
        """The access log."""
        return [json.loads(line) for line in (self.folder / "access.log").read_text().splitlines()]

    def logged(self, **fields: Any) -> dict[str, Any]:
        """The line with these fields; there is one, or will be soon."""

        def found() -> list[dict[str, Any]]:
            return [line for line in self.log() if fields.items() <= line.items()]

        until(found, PATIENCE, f"logged: {fields}")
        [line] = found()
        return line


@contextmanager
def running(folder: Path, apis: Sequence[str], lives: Sequence[str], **settings: object) -> Iterator[Edge]:
    """HAProxy before these (host:port each). `settings` are its variables, LACAK_EDGE_… or by their whole names."""
    folder.mkdir(parents=True, exist_ok=True)
    edge = Edge(folder, free_port())
    edge.certificate.write_bytes(certificate())
    with (folder / "access.log").open("wb") as out, (folder / "haproxy.log").open("wb") as err:
        child = subprocess.Popen(
            [where("haproxy") or "haproxy", "-db", "-f", CONFIG],
            env=environment(edge, apis, lives, settings),
            stdout=out,
            stderr=err,
        )
    try:
        until(lambda: child.poll() is not None or _answers(edge.port), PATIENCE, "HAProxy is there")
        assert child.poll() is None, (folder / "haproxy.log").read_text()
        yield edge
    finally:
        child.kill()
        child.wait()


def environment(edge: Edge, apis: Sequence[str], lives: Sequence[str], settings: dict[str, Any]) -> dict[str, str]:
    """The variables with which HAProxy is that one."""
    named = {f"{SETTINGS}API_{n}": each for n, each in enumerate(apis, 1)}
    named |= {f"{SETTINGS}LIVE_{n}": each for n, each in enumerate(lives, 1)}
    named |= {f"{SETTINGS}LISTEN": f"127.0.0.1:{edge.port}", f"{SETTINGS}CERT": str(edge.certificate)}
    ours = {name if name.startswith("LACAK_") else SETTINGS + name: str(value) for name, value in settings.items()}
    others = {name: value for name, value in os.environ.items() if not name.startswith("LACAK_")}
    return others | named | ours


def checked(folder: Path, servers: Sequence[str], settings: dict[str, Any]) -> subprocess.CompletedProcess[str]:
    """What `haproxy -c` says of the file with these variables."""
    edge = Edge(folder, 1)
    edge.certificate.write_bytes(certificate())
    command = [where("haproxy") or "haproxy", "-c", "-f", CONFIG]
    return subprocess.run(command, env=environment(edge, servers, servers, settings), capture_output=True, text=True)


def _answers(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


def certificate() -> bytes:
    """For localhost, with its key, as one PEM."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.datetime.now(datetime.UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    names = x509.SubjectAlternativeName([x509.DNSName(HOST), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(names, critical=False)
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(Encoding.PEM) + key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def signed(secret: str = SECRET, algorithm: str = "HS256", **claims: Any) -> str:
    """A token with CLAIMS, or with these."""
    return jwt.encode({**CLAIMS, **claims}, secret, algorithm)


def bearer(token: str) -> dict[str, str]:
    """The header of who has it."""
    return {"Authorization": f"Bearer {token}"}


def told(answer: httpx.Response) -> dict[str, str]:
    """The headers that reached the service; none came twice."""
    assert answer.status_code == 200, answer.text
    pairs = answer.json()["headers"]
    assert len(dict(pairs)) == len(pairs)
    return dict(pairs)
