"""What becomes of an overlay's pods: on simulated nodes of three zones, with the real scheduler and controllers.

Each function raises `Broken`, which says what was not as it should be.
"""

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from deploy.kubernetes.check import pods
from deploy.kubernetes.check.kubectl import NAMESPACE, Kubectl, Object, Refused

SECONDS = 600.0
ENOUGH = 6  # two in each of three zones; with more the same takes longer


class Broken(Exception):
    """A promise of the manifests that did not hold."""


@dataclass(frozen=True)
class Workload:
    """A Deployment or StatefulSet, and how many pods it shall have."""

    kind: str
    name: str
    replicas: int

    @property
    def always(self) -> int:
        """How many are there in a rollout: a StatefulSet's next pod takes the place of the one before."""
        return self.replicas - (self.kind == "StatefulSet")

    def __str__(self) -> str:
        return f"{self.kind.lower()}/{self.name}"


def workloads(objects: Sequence[Object]) -> list[Workload]:
    """As many pods as they begin with, or as are enough: where something scales them, its least number."""
    least = {
        each["spec"]["scaleTargetRef"]["name"]: each["spec"].get("minReplicaCount", each["spec"].get("minReplicas"))
        for each in objects
        if each["kind"] in ("ScaledObject", "HorizontalPodAutoscaler")
    }
    found = [each for each in objects if each["kind"] in ("Deployment", "StatefulSet")]
    named = [(each["kind"], each["metadata"]["name"], each["spec"].get("replicas", 1)) for each in found]
    return [Workload(kind, name, min(ENOUGH, least.get(name, replicas))) for kind, name, replicas in named]


def start(kubectl: Kubectl, all_: Sequence[Workload]) -> None:
    """Nobody else scales here. All are available, or Broken."""
    for each in all_:
        kubectl.run("scale", str(each), "-n", NAMESPACE, f"--replicas={each.replicas}")
    for each in all_:
        _settled(kubectl, each)


def spread(kubectl: Kubectl, each: Workload, zones: Sequence[str]) -> Mapping[str, int]:
    """Its pods by zone: as many in each, or one more."""
    found = Counter(dict.fromkeys(zones, 0))
    found.update(pods.zones(kubectl, each.name))
    if set(found) != set(zones) or max(found.values()) - min(found.values()) > 1:
        raise Broken(f"{each} is spread unevenly: {dict(found)}")
    return found


def budget(kubectl: Kubectl, each: Workload) -> str:
    """With one pod not ready, no other one is evicted. Gives the API server's refusal."""
    first, second, *_ = pods.ready(kubectl, each.name)
    pods.fail(kubectl, first)
    _until(lambda: _allowed(kubectl, each) == 0, f"{each}: its budget does not see a pod that is not ready")
    try:
        pods.evict(kubectl, second)
    except Refused as refused:
        if "disruption budget" not in str(refused):
            raise
        pods.evict(kubectl, first)  # it serves nobody, and holds up no drain
        _settled(kubectl, each)
        return str(refused)
    raise Broken(f"{each}: a second pod was evicted while one was away")


def roll(kubectl: Kubectl, all_: Sequence[Workload], image: str) -> Mapping[str, int]:
    """To another image, all at once. Gives the fewest pods that were available meanwhile: ready for a while, as each
    workload says how long."""
    for each in all_:
        kubectl.run("set", "image", str(each), "-n", NAMESPACE, f"lacak={image}")
    fewest = {each.name: each.replicas for each in all_}

    def done() -> bool:
        for each in all_:
            if status := _status(kubectl, each):
                fewest[each.name] = min(fewest[each.name], status.get("availableReplicas", 0))
        return all(_is_settled(kubectl, each) for each in all_)

    _until(done, "the rollout does not end")
    for each in all_:
        if fewest[each.name] < each.always:
            raise Broken(f"{each}: in the rollout {fewest[each.name]} of {each.replicas} were available")
        if images := {pod["spec"]["containers"][0]["image"] for pod in pods.ready(kubectl, each.name)} - {image}:
            raise Broken(f"{each} still has {images}")
    return fewest


def lose(kubectl: Kubectl, all_: Sequence[Workload], zone: str, zones: Sequence[str]) -> None:
    """A zone's nodes are gone: what was there comes back in the others, evenly."""
    kubectl.run("taint", "nodes", "-l", f"{pods.ZONE}={zone}", "lost=zone:NoExecute")
    left = [each for each in zones if each != zone]

    def elsewhere() -> bool:
        return all(_is_settled(kubectl, each) and zone not in pods.zones(kubectl, each.name) for each in all_)

    _until(elsewhere, f"what was in {zone} does not come back elsewhere")
    for each in all_:
        spread(kubectl, each, left)


def jobs(kubectl: Kubectl) -> list[str]:
    """Those that have ended well; all of them, or Broken."""

    def done() -> bool:
        return all(each.get("status", {}).get("succeeded") for each in kubectl.get("jobs"))

    _until(done, "a job does not end")
    return [each["metadata"]["name"] for each in kubectl.get("jobs")]


def _settled(kubectl: Kubectl, each: Workload) -> None:
    def settled() -> bool:
        return _is_settled(kubectl, each)

    try:
        _until(settled, f"{each} does not get its {each.replicas} pods")
    except Broken as broken:
        events = kubectl.run("get", "events", "-n", NAMESPACE, "--field-selector=type=Warning")[0]
        raise Broken(f"{broken}\n{events[-3000:]}") from None


def _is_settled(kubectl: Kubectl, each: Workload) -> bool:
    status = _status(kubectl, each)
    numbers = (status.get(name, 0) for name in ("replicas", "updatedReplicas", "availableReplicas"))
    return bool(status) and all(number == each.replicas for number in numbers)


def _status(kubectl: Kubectl, each: Workload) -> Mapping[str, int]:
    """How many pods there are of which sort; nothing while its controller has not seen the last change."""
    [found] = kubectl.get(str(each))
    status: dict[str, int] = found.get("status", {})
    return status if status.get("observedGeneration") == found["metadata"]["generation"] else {}


def _allowed(kubectl: Kubectl, each: Workload) -> int:
    [found] = kubectl.get(f"poddisruptionbudget/{each.name}")
    allowed: int = found.get("status", {}).get("disruptionsAllowed", -1)
    return allowed


def _until(holds: Callable[[], bool], otherwise: str) -> None:
    end = time.monotonic() + SECONDS
    while not holds():
        if time.monotonic() > end:
            raise Broken(otherwise)
        time.sleep(0.3)
