"""`make deploy-check`: each manifest by its schema and by a real API server, production's rollout on simulated nodes.

What it builds and fetches is kept in the cache (LACAK_CACHE), once a version. CRDS=FOLDER has the definitions of kinds
that cannot be fetched as modules; without, those manifests are named as not checked.
"""

import os
import signal
import sys
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from deploy.kubernetes.check import cluster, definitions, edge, manifests, programs, rollout, schemas
from deploy.kubernetes.check.kubectl import NAMESPACE, Kubectl, Object, Refused, build, kind
from deploy.kubernetes.check.nodes import disks, nodes
from deploy.local.config import cache_folder, read_variables

OVERLAYS = Path(__file__).parents[1] / "overlays"
TOOLS = Path(__file__).parents[1] / "tools"
GITOPS = Path(__file__).parents[2] / "gitops"
ROLLED = "production"
ZONES = ("zone-a", "zone-b", "zone-c")
NOT_ROLLED = ("Namespace", "HorizontalPodAutoscaler")  # it is there; nobody scales while we count
WORK = Path(".lacak/deploy-check")
ENVOY = Path(".venv/images/bin/envoy")  # make images-check brings it


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that what was started is stopped
    cache = cache_folder(read_variables()) / "kubernetes"
    more = Path(os.environ["CRDS"]) if os.environ.get("CRDS") else None
    built = programs.ensure(cache)
    defined = definitions.ensure(cache, more)
    overlays = {each.name: build(built / "kubectl", each) for each in sorted(OVERLAYS.iterdir())}
    overlays |= {f"gitops/{name}": build(built / "kubectl", GITOPS / name) for name in ("production", "back")}
    overlays["tools"] = build(built / "kubectl", TOOLS)
    try:
        with cluster.control_plane(WORK, built) as kubectl:
            check(kubectl, built, defined, overlays)
    except (Refused, rollout.Broken) as error:
        sys.exit(f"deploy-check: {error}")


def check(
    kubectl: Kubectl, built: Path, defined: Sequence[definitions.Definition], overlays: dict[str, list[Object]]
) -> None:
    """Raises SystemExit where a manifest is wrong, Refused and Broken where a rollout is."""
    used = {kind(each) for objects in overlays.values() for each in objects}
    ours = [each for each in defined if definitions.kinds([each]) & used]
    description = cluster.openapi(WORK)
    schemas.write(WORK / "schemas", description, ours)
    kubectl.define(ours)
    kubectl.run("create", "namespace", NAMESPACE)
    own = _own(description["definitions"].values())
    judged = {name: manifests.known(objects, own, definitions.kinds(ours)) for name, objects in overlays.items()}
    for name, objects in overlays.items():
        _say_unknown(name, objects, judged[name])
    wrong = [
        f"{name}: {line}"
        for name, objects in judged.items()
        for line in (
            *manifests.conform(built / "kubeconform", WORK / "schemas", objects),
            *manifests.dry_run(kubectl, objects),
            *edge.refused(built / "egctl", ENVOY, WORK, objects),
        )
    ]
    if wrong:
        sys.exit("\n".join(wrong))
    for name, objects in judged.items():
        print(f"{name}: {len(objects)} manifests fit their schemas; the API server, Envoy Gateway and Envoy take them")
    _roll(kubectl, judged[ROLLED])


def _own(schemas_: Iterable[Object]) -> set[definitions.Kind]:
    return {
        (each["group"], each["kind"])
        for schema in schemas_
        for each in schema.get("x-kubernetes-group-version-kind", ())
    }


def _say_unknown(name: str, objects: Collection[Object], judged: Collection[Object]) -> None:
    kinds = sorted({each["kind"] for each in objects} - {each["kind"] for each in judged})
    if kinds:
        print(f"{name}: NOT CHECKED, since nobody here defines them (CRDS=FOLDER): {', '.join(kinds)}")


def _roll(kubectl: Kubectl, objects: Sequence[Object]) -> None:
    kubectl.apply([*nodes(ZONES), *disks()])
    kubectl.run("label", "namespace", NAMESPACE, "pod-security.kubernetes.io/enforce=restricted", "--overwrite")
    kubectl.apply(each for each in objects if each["kind"] not in NOT_ROLLED)
    all_ = rollout.workloads(objects)
    rollout.start(kubectl, all_)
    print(f"on nodes in {', '.join(ZONES)}, with the pod security standard `restricted`:")
    for each in all_:
        print(f"  {each}: available, by zone {sorted(rollout.spread(kubectl, each, ZONES).values())}")
    print(f"  jobs that ended: {', '.join(rollout.jobs(kubectl))}")
    for each in all_:
        print(f"  {each}: {rollout.budget(kubectl, each).splitlines()[-1]}")
    for name, fewest in rollout.roll(kubectl, all_, "lacak:next").items():
        print(f"  {name}: at least {fewest} available while it rolled out")
    rollout.lose(kubectl, all_, ZONES[0], ZONES)
    print(f"  {ZONES[0]} lost: all are back in the others, evenly")


if __name__ == "__main__":
    main()
