"""A real control plane on this machine: etcd, the API server, its controllers and scheduler, and kwok for the nodes.

It listens on loopback and lives as long as the `with` block. There is no kubelet: a pod is ready since kwok says so.
"""

import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import rmtree
from typing import Any

import httpx

from deploy.kubernetes.check import configuration
from deploy.kubernetes.check.configuration import AUTHORITY, KUBECONFIG, SERVER, TOKEN
from deploy.kubernetes.check.kubectl import Kubectl
from deploy.local.processes import Process

READY_SECONDS = 180.0
STOP_SECONDS = 20.0


@contextmanager
def control_plane(folder: Path, built: Path) -> Iterator[Kubectl]:
    """Started with an empty etcd in `folder`, stopped at the end. Raises SystemExit when it is not ready in time."""
    folder = folder.absolute()
    _stop(folder)  # what a check that was killed left
    rmtree(folder, ignore_errors=True)
    configuration.write(folder)
    try:
        for name, flags in configuration.flags(folder).items():
            process = Process(name, folder)
            command = [str(built / name), *(f"--{flag}={value}" for flag, value in flags.items())]
            process.start(command, {"PATH": "/usr/bin:/bin", "HOME": str(folder)})
            if name == "kube-apiserver":
                _wait_ready(folder, process)
        yield Kubectl(built / "kubectl", folder / KUBECONFIG)
    finally:
        _stop(folder)


def openapi(folder: Path) -> dict[str, Any]:
    """The API server's description of its own kinds."""
    told: dict[str, Any] = _get(folder, "/openapi/v2").json()
    return told


def _stop(folder: Path) -> None:
    for name in reversed(configuration.flags(folder)):
        Process(name, folder).stop(STOP_SECONDS)


def _wait_ready(folder: Path, process: Process) -> None:
    end = time.monotonic() + READY_SECONDS
    while True:
        try:
            _get(folder, "/readyz")
            return
        except httpx.HTTPError:
            if time.monotonic() > end or not process.pid():
                raise SystemExit(f"the API server is not ready; the end of its log:\n{process.tail()}") from None
        time.sleep(0.5)


def _get(folder: Path, path: str) -> httpx.Response:
    trust = ssl.create_default_context(cafile=folder / AUTHORITY)
    headers = {"Authorization": f"Bearer {(folder / TOKEN).read_text()}"}
    return httpx.get(SERVER + path, headers=headers, verify=trust, timeout=10).raise_for_status()
