"""Whether Envoy Gateway takes the way in: its own translator, egctl, says of each route and policy what comes of it.
And whether Envoy takes that."""

import base64
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

from deploy.kubernetes.check import envoy
from deploy.kubernetes.check.kubectl import NAMESPACE, Object, Refused
from deploy.local.certificates import make_certificates

_OURS = ("gateway.networking.k8s.io/", "gateway.envoyproxy.io/")
_NEEDED = ("Service", "Namespace")
_JUDGED = ("Accepted", "ResolvedRefs", "Programmed")  # conditions that are to be true


def refused(egctl: Path, program: Path, work: Path, objects: Sequence[Object]) -> list[str]:
    """What Envoy Gateway does not accept of an overlay, a line each; or Envoy, the `program`, of what comes of it.
    Raises Refused where egctl itself fails, or says nothing of a route or a policy."""
    given = [each for each in objects if each["apiVersion"].startswith(_OURS) or each["kind"] in _NEEDED]
    gateways = [each for each in given if each["kind"] == "Gateway"]
    if not gateways:
        return []
    file = work / "edge.yaml"
    file.write_text(yaml.safe_dump_all([*map(_addressed, given), *_secrets(gateways, work / "certificates")]))
    told = [each for kind in _translated(egctl, file, "gateway-api").values() for each in _listed(kind)]
    wrong = list(_wrong(given, told))
    if wrong:
        return wrong
    made = _translated(egctl, file, "xds")["xds"]
    return [line for each in made.values() for line in envoy.refused(program, work, each["configs"])]


def _translated(egctl: Path, file: Path, to: str) -> dict[str, Any]:
    command = [str(egctl), "experimental", "translate", "--to", to, "-f", str(file)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise Refused(done.stderr.strip()[-500:])
    told: dict[str, Any] = yaml.safe_load(done.stdout)
    return told


def _addressed(thing: Object) -> Object:
    """A service with an address, as it has in a cluster."""
    return {**thing, "spec": {**thing["spec"], "clusterIP": "10.0.0.1"}} if thing["kind"] == "Service" else thing


def _wrong(given: Iterable[Object], told: Sequence[Object]) -> Iterator[str]:
    for each in given:
        if each["kind"] in _NEEDED or each["kind"] == "EnvoyProxy":
            continue
        name = f"{each['kind']} {each['metadata']['name']}"
        [answer] = [one for one in told if (one["kind"], one["metadata"]["name"]) == _named(each)] or [{}]
        conditions = [one for one in _conditions(answer.get("status")) if one["type"] in _JUDGED]
        if not conditions:
            raise Refused(f"egctl says nothing of {name}")
        yield from (f"{name}: {one['reason']}: {one['message']}" for one in conditions if one["status"] != "True")


def _named(thing: Object) -> tuple[str, str]:
    return thing["kind"], thing["metadata"]["name"]


def _listed(kind: Any) -> list[Object]:
    return kind if isinstance(kind, list) else [kind]


def _conditions(status: Any) -> Iterator[Object]:
    """All, wherever they are: a listener has its own, a route some for each parent."""
    for name, value in status.items() if isinstance(status, dict) else ():
        if name == "conditions":
            yield from value
        else:
            for each in _listed(value):
                yield from _conditions(each)


def _secrets(gateways: Iterable[Object], folder: Path) -> Iterator[Object]:
    """A certificate made on the spot for each that a gateway names, and cert-manager would make."""
    make_certificates(folder, ())
    key, ends, certificate = (folder / "node.pem").read_text().partition("PRIVATE KEY-----\n-----BEGIN CERT")
    pair = {"tls.key": key + ends.partition("-----BEGIN")[0], "tls.crt": "-----BEGIN CERT" + certificate}
    data = {name: base64.b64encode(text.encode()).decode() for name, text in pair.items()}
    for listener in (one for gateway in gateways for one in gateway["spec"]["listeners"]):
        for reference in listener["tls"]["certificateRefs"]:
            about = {"name": reference["name"], "namespace": NAMESPACE}
            yield {"apiVersion": "v1", "kind": "Secret", "metadata": about, "type": "kubernetes.io/tls", "data": data}
