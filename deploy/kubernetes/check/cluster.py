"""A real control plane on this machine: etcd, the API server, its controllers and scheduler, and kwok for the nodes.

It listens on loopback and lives as long as the `with` block. There is no kubelet: a pod is ready since kwok says so.
"""

import json
import secrets
import ssl
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from shutil import rmtree
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from deploy.kubernetes.check import programs
from deploy.kubernetes.check.kubectl import Kubectl
from deploy.local.certificates import make_certificates
from deploy.local.processes import Process

HOST = "127.0.0.1"
ETCD, PEERS, API = 12379, 12380, 16443
READY_SECONDS = 180.0
STOP_SECONDS = 20.0
PROGRAMS = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kwok")
"""In the order in which they start."""
KWOK = ("sigs.k8s.io/kwok", "v0.8.0")
STAGES = ("kustomize/stage/node/fast", "kustomize/stage/pod/fast")
"""Of kwok's own: nodes are ready, pods start, end and are deleted at once."""


@dataclass(frozen=True)
class Place:
    """Where a control plane keeps everything, and its programs."""

    folder: Path
    programs: Path

    @property
    def kubeconfig(self) -> Path:
        return self.folder / "kubeconfig"

    @property
    def token(self) -> str:
        """The administrator's."""
        return (self.folder / "token").read_text()


@contextmanager
def control_plane(folder: Path, built: Path) -> Iterator[Kubectl]:
    """Started with an empty etcd, stopped at the end. Raises SystemExit when it is not ready in time."""
    place = Place(folder.absolute(), built)
    _stop(place)  # what a check that was killed left
    rmtree(place.folder, ignore_errors=True)
    _prepare(place)
    try:
        for name, arguments in (*_store(place), *_controllers(place)):
            process = Process(name, place.folder)
            process.start([str(built / name), *arguments], {"PATH": "/usr/bin:/bin", "HOME": str(place.folder)})
            if name == "kube-apiserver":
                _wait_ready(place, process)
        yield Kubectl(built / "kubectl", place.kubeconfig)
    finally:
        _stop(place)


def _stop(place: Place) -> None:
    for name in reversed(PROGRAMS):
        Process(name, place.folder).stop(STOP_SECONDS)


def openapi(folder: Path) -> dict[str, Any]:
    """The API server's description of its own kinds."""
    told: dict[str, Any] = json.loads(_get(Place(folder.absolute(), Path()), "/openapi/v2"))
    return told


def _prepare(place: Place) -> None:
    make_certificates(place.folder, [HOST])
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    formats = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    (place.folder / "accounts.pem").write_bytes(key.private_bytes(*formats))
    token = secrets.token_hex(16)
    (place.folder / "token").write_text(token)
    (place.folder / "tokens.csv").write_text(f"{token},admin,admin,system:masters\n")
    stages = programs.download(*KWOK)
    text = "\n---\n".join(file.read_text() for stage in STAGES for file in sorted((stages / stage).glob("*-*.yaml")))
    (place.folder / "stages.yaml").write_text(text)
    cluster = {"server": f"https://{HOST}:{API}", "certificate-authority": str(place.folder / "ca.pem")}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "check", "cluster": cluster}],
        "users": [{"name": "admin", "user": {"token": token}}],
        "contexts": [{"name": "check", "context": {"cluster": "check", "user": "admin"}}],
        "current-context": "check",
    }
    place.kubeconfig.write_text(json.dumps(config))


Command = tuple[str, Sequence[str]]


def _store(place: Place) -> tuple[Command, ...]:
    store, peers, node = f"http://{HOST}:{ETCD}", f"http://{HOST}:{PEERS}", str(place.folder / "node.pem")
    accounts = str(place.folder / "accounts.pem")
    etcd = {
        "data-dir": str(place.folder / "etcd"),
        "listen-client-urls": store,
        "advertise-client-urls": store,
        "listen-peer-urls": peers,
        "initial-advertise-peer-urls": peers,
        "initial-cluster": f"default={peers}",
        "unsafe-no-fsync": "true",
    }
    server = {
        "etcd-servers": store,
        "bind-address": HOST,
        "advertise-address": HOST,
        "secure-port": str(API),
        "tls-cert-file": node,
        "tls-private-key-file": node,
        "token-auth-file": str(place.folder / "tokens.csv"),
        "service-account-key-file": accounts,
        "service-account-signing-key-file": accounts,
        "service-account-issuer": "https://kubernetes.default.svc",
        "service-cluster-ip-range": "10.96.0.0/16",
        "authorization-mode": "RBAC",
        "endpoint-reconciler-type": "none",
    }
    return ("etcd", _flags(etcd)), ("kube-apiserver", _flags(server))


def _controllers(place: Place) -> tuple[Command, ...]:
    common = {"kubeconfig": str(place.kubeconfig), "leader-elect": "false", "secure-port": "0"}
    manager = {
        **common,
        "service-account-private-key-file": str(place.folder / "accounts.pem"),
        "root-ca-file": str(place.folder / "ca.pem"),
        "use-service-account-credentials": "true",
        # Nobody sends heartbeats for the nodes, and a machine under load is no reason to give them up.
        "node-monitor-grace-period": "24h",
    }
    kwok = {
        "kubeconfig": str(place.kubeconfig),
        "manage-all-nodes": "true",
        "config": str(place.folder / "stages.yaml"),
        "cidr": "10.244.0.0/16",
        "node-ip": HOST,
    }
    return (
        ("kube-controller-manager", _flags(manager)),
        ("kube-scheduler", _flags(common)),
        ("kwok", _flags(kwok)),
    )


def _flags(flags: dict[str, str]) -> list[str]:
    return [f"--{name}={value}" for name, value in flags.items()]


def _wait_ready(place: Place, process: Process) -> None:
    end = time.monotonic() + READY_SECONDS
    while True:
        try:
            _get(place, "/readyz")
            return
        except (OSError, HTTPException):
            if time.monotonic() > end or not process.pid():
                raise SystemExit(f"the API server is not ready; the end of its log:\n{process.tail()}") from None
        time.sleep(0.5)


def _get(place: Place, path: str) -> bytes:
    trust = ssl.create_default_context(cafile=place.folder / "ca.pem")
    request = urllib.request.Request(f"https://{HOST}:{API}{path}", headers={"Authorization": f"Bearer {place.token}"})
    with urllib.request.urlopen(request, timeout=10, context=trust) as answer:  # noqa: S310 - https, of this machine
        body: bytes = answer.read()
    return body
