"""What the control plane of the checks is started with: certificates, tokens, files and flags, all in one folder."""

import json
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from deploy.kubernetes.check import programs
from deploy.local.certificates import make_certificates

HOST = "127.0.0.1"
STORE, PEERS = f"http://{HOST}:12379", f"http://{HOST}:12380"
PORT = 16443
SERVER = f"https://{HOST}:{PORT}"
KUBECONFIG, TOKEN, AUTHORITY = "kubeconfig", "token", "ca.pem"
SCHEDULER = "kubescheduler.config.k8s.io/v1"
STAGES = ("kustomize/stage/node/fast", "kustomize/stage/pod/fast")
"""Of kwok's own: nodes are ready, pods start, end and are deleted at once."""


def write(folder: Path) -> None:
    """The files, anew. The administrator's token is in one of them."""
    make_certificates(folder, [HOST])
    token = secrets.token_hex(16)
    files = {
        "accounts.pem": _key(),
        TOKEN: token,
        "tokens.csv": f"{token},admin,admin,system:masters\n",
        "stages.yaml": _stages(),
        "scheduler.json": json.dumps(_scheduler(folder)),
        KUBECONFIG: json.dumps(_kubeconfig(folder, token)),
    }
    for name, text in files.items():
        (folder / name).touch(mode=0o600)
        (folder / name).write_text(text)


def flags(folder: Path) -> dict[str, Mapping[str, str]]:
    """Of each program, in the order in which they start."""
    in_ = {name: str(folder / name) for name in ("etcd", "node.pem", "tokens.csv", "accounts.pem", "stages.yaml")}
    kubeconfig = str(folder / KUBECONFIG)
    return {
        "etcd": {
            "data-dir": in_["etcd"],
            "listen-client-urls": STORE,
            "advertise-client-urls": STORE,
            "listen-peer-urls": PEERS,
            "initial-advertise-peer-urls": PEERS,
            "initial-cluster": f"default={PEERS}",
            "unsafe-no-fsync": "true",
        },
        "kube-apiserver": {
            "etcd-servers": STORE,
            "bind-address": HOST,
            "advertise-address": HOST,
            "secure-port": str(PORT),
            "tls-cert-file": in_["node.pem"],
            "tls-private-key-file": in_["node.pem"],
            "token-auth-file": in_["tokens.csv"],
            "service-account-key-file": in_["accounts.pem"],
            "service-account-signing-key-file": in_["accounts.pem"],
            "service-account-issuer": "https://kubernetes.default.svc",
            "service-cluster-ip-range": "10.96.0.0/16",
            "authorization-mode": "RBAC",
            "endpoint-reconciler-type": "none",
        },
        "kube-controller-manager": {
            "kubeconfig": kubeconfig,
            "leader-elect": "false",
            "secure-port": "0",
            "service-account-private-key-file": in_["accounts.pem"],
            "root-ca-file": str(folder / AUTHORITY),
            "use-service-account-credentials": "true",
            # Nobody sends heartbeats for the nodes, and a machine under load is no reason to give them up.
            "node-monitor-grace-period": "24h",
        },
        "kube-scheduler": {"config": str(folder / "scheduler.json"), "secure-port": "0"},
        "kwok": {
            "kubeconfig": kubeconfig,
            "manage-all-nodes": "true",
            "config": in_["stages.yaml"],
            "cidr": "10.244.0.0/16",
            "node-ip": HOST,
        },
    }


def _kubeconfig(folder: Path, token: str) -> Mapping[str, Any]:
    cluster = {"server": SERVER, "certificate-authority": str(folder / AUTHORITY)}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "check", "cluster": cluster}],
        "users": [{"name": "admin", "user": {"token": token}}],
        "contexts": [{"name": "check", "context": {"cluster": "check", "user": "admin"}}],
        "current-context": "check",
    }


def _scheduler(folder: Path) -> Mapping[str, Any]:
    """Without its own idea of an even spread: what spreads pods here is what their manifests say."""
    even = {"kind": "PodTopologySpreadArgs", "defaultingType": "List", "defaultConstraints": []}
    profile = {"pluginConfig": [{"name": "PodTopologySpread", "args": {"apiVersion": SCHEDULER, **even}}]}
    return {
        "apiVersion": SCHEDULER,
        "kind": "KubeSchedulerConfiguration",
        "clientConnection": {"kubeconfig": str(folder / KUBECONFIG)},
        "leaderElection": {"leaderElect": False},
        "profiles": [profile],
    }


def _stages() -> str:
    kwok = programs.download(programs.KWOK.module, programs.KWOK.version)
    return "\n---\n".join(file.read_text() for each in STAGES for file in sorted((kwok / each).glob("*-*.yaml")))


def _key() -> str:
    """What service accounts' tokens are signed with."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    formats = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return key.private_bytes(*formats).decode()
