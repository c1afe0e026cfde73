"""Simulated nodes in three zones, and disks for claims, since nobody here makes any."""

from collections.abc import Iterator, Sequence

from deploy.kubernetes.check.kubectl import Object

PER_ZONE = (5, 3, 1)
"""Nodes of each zone: where nothing asks for an even spread, there is none."""
DISKS = 24
_SIZE = {"cpu": "32", "memory": "128Gi", "pods": "110"}


def nodes(zones: Sequence[str]) -> Iterator[Object]:
    """As kwok takes them: it makes them ready, and plays their kubelets."""
    for zone, count in zip(zones, PER_ZONE, strict=True):
        for number in range(count):
            name = f"{zone}-{number}"
            labels = {
                "kubernetes.io/hostname": name,
                "kubernetes.io/os": "linux",
                "kubernetes.io/arch": "amd64",
                "topology.kubernetes.io/zone": zone,
            }
            yield {
                "apiVersion": "v1",
                "kind": "Node",
                "metadata": {"name": name, "labels": labels},
                "status": {"allocatable": _SIZE, "capacity": _SIZE},
            }


def disks() -> Iterator[Object]:
    """For claims that name no class."""
    for number in range(DISKS):
        yield {
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {"name": f"disk-{number}"},
            "spec": {
                "capacity": {"storage": "10Gi"},
                "accessModes": ["ReadWriteOnce"],
                "hostPath": {"path": f"/disks/{number}"},
            },
        }
