"""kubectl, as the checks use it."""

import json
import subprocess
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

Object = Mapping[str, Any]
NAMESPACE = "lacak"
DEFINED_SECONDS = 120.0


class Refused(Exception):
    """What kubectl, or the API server through it, said when it did not do what was asked."""


@dataclass(frozen=True)
class Kubectl:
    """Commands to one control plane."""

    program: Path
    kubeconfig: Path

    def run(self, *arguments: str, stdin: str = "", timeout: float = 300) -> tuple[str, str]:
        """What it printed, and what it warned of. Raises Refused."""
        command = [str(self.program), f"--kubeconfig={self.kubeconfig}", *arguments]
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=timeout)
        if done.returncode:
            raise Refused(done.stderr.strip())
        return done.stdout, done.stderr

    def apply(self, objects: Iterable[Object], *, dry: bool = False) -> str:
        """By the server, with strict fields. Gives its warnings."""
        how = ["--server-side", "--force-conflicts", "--validate=strict", *(["--dry-run=server"] if dry else [])]
        return self.run("apply", *how, "-f", "-", stdin=yaml.safe_dump_all(objects))[1]

    def define(self, definitions: Iterable[Object]) -> None:
        """New kinds, that are there when this returns. Raises Refused."""
        self.apply(definitions)
        end = time.monotonic() + DEFINED_SECONDS
        while waiting := [each["metadata"]["name"] for each in self.get("crd") if not holds(each, "Established")]:
            if time.monotonic() > end:
                raise Refused(f"not established: {', '.join(waiting)}")
            time.sleep(0.5)

    def get(self, what: str, *arguments: str) -> list[dict[str, Any]]:
        """The objects of a kind in our namespace."""
        told = json.loads(self.run("get", what, "-n", NAMESPACE, "-o", "json", *arguments)[0])
        found: list[dict[str, Any]] = told.get("items", [told])
        return found


def holds(thing: Object, condition: str) -> bool:
    """Whether a condition of its status is true."""
    conditions = thing.get("status", {}).get("conditions") or ()
    return any(each["type"] == condition and each["status"] == "True" for each in conditions)


def build(program: Path, overlay: Path) -> list[Object]:
    """An overlay by kustomize. Raises Refused."""
    done = subprocess.run([program, "kustomize", overlay], capture_output=True, text=True)
    if done.returncode:
        raise Refused(done.stderr.strip())
    return [each for each in yaml.safe_load_all(done.stdout) if each]


def kind(thing: Object) -> tuple[str, str]:
    """Its group (empty for Kubernetes' first kinds) and kind."""
    return thing["apiVersion"].rpartition("/")[0], thing["kind"]
