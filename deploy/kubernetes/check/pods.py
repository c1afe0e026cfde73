"""Pods as the API server sees them, and what an operator does to one."""

import json
from typing import Any

from deploy.kubernetes.check.kubectl import NAMESPACE, Kubectl, Object, holds

NAME = "app.kubernetes.io/name"
ZONE = "topology.kubernetes.io/zone"


def ready(kubectl: Kubectl, name: str) -> list[dict[str, Any]]:
    """Those of a service that are ready, and not about to go."""
    found = kubectl.get("pods", "-l", f"{NAME}={name}")
    return [pod for pod in found if holds(pod, "Ready") and "deletionTimestamp" not in pod["metadata"]]


def zones(kubectl: Kubectl, name: str) -> list[str]:
    """Where those are."""
    where = {node["metadata"]["name"]: node["metadata"]["labels"][ZONE] for node in kubectl.get("nodes")}
    return [where[pod["spec"]["nodeName"]] for pod in ready(kubectl, name)]


def fail(kubectl: Kubectl, pod: Object) -> None:
    """It is not ready any more."""
    conditions = [
        {**each, "status": "False"} if each["type"] in ("Ready", "ContainersReady") else each
        for each in pod["status"]["conditions"]
    ]
    patch = json.dumps({"status": {"conditions": conditions}})
    name = pod["metadata"]["name"]
    kubectl.run("patch", "pod", name, "-n", NAMESPACE, "--subresource=status", "--type=merge", f"--patch={patch}")


def evict(kubectl: Kubectl, pod: Object) -> None:
    """As a drain does. Raises Refused."""
    name = pod["metadata"]["name"]
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name, "namespace": NAMESPACE}}
    path = f"/api/v1/namespaces/{NAMESPACE}/pods/{name}/eviction"
    kubectl.run("create", "--raw", path, "-f", "-", stdin=json.dumps(eviction))
