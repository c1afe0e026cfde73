"""Whether an overlay's manifests are what Kubernetes and the operators take: by schema, and by the API server."""

import json
import subprocess
from collections.abc import Collection, Sequence
from pathlib import Path

from deploy.kubernetes.check import schemas
from deploy.kubernetes.check.definitions import Kind
from deploy.kubernetes.check.kubectl import Kubectl, Object, Refused, kind


def known(objects: Sequence[Object], own: Collection[Kind], defined: Collection[Kind]) -> list[Object]:
    """Those whose kind somebody here can judge."""
    return [each for each in objects if kind(each) in own or kind(each) in defined]


def conform(kubeconform: Path, folder: Path, objects: Sequence[Object]) -> list[str]:
    """What does not fit its schema, a line each. Raises Refused where kubeconform itself fails."""
    text = "\n---\n".join(map(json.dumps, objects))
    place = f"{folder}/{schemas.PLACE}"
    command = [str(kubeconform), "-strict", "-output", "json", "-summary", "-schema-location", place, "-"]
    done = subprocess.run(command, input=text, capture_output=True, text=True)
    try:
        told = json.loads(done.stdout)
    except ValueError:
        raise Refused(done.stderr or done.stdout) from None
    wrong = [f"{each['kind']} {each['name']}: {each['msg']}" for each in told.get("resources") or ()]
    if not wrong and told["summary"]["valid"] != len(objects):
        raise Refused(f"kubeconform judged {told['summary']} of {len(objects)}")
    return wrong


def dry_run(kubectl: Kubectl, objects: Sequence[Object]) -> list[str]:
    """What the API server refuses or warns of when it is asked to take them, and takes nothing."""
    try:
        return kubectl.apply(objects, dry=True).splitlines()
    except Refused as refused:
        return str(refused).splitlines()
