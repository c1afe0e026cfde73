"""The programs of `make deploy-check`, built from their projects' Go modules, once a version: a real control plane,
kubectl with kustomize, kubeconform, kwok, which plays the nodes, and egctl, Envoy Gateway's translator."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

KUBERNETES = "v1.36.3"
GO = (1, 26)


@dataclass(frozen=True)
class Program:
    """A command and where it comes from."""

    name: str
    module: str
    version: str
    package: str
    link: str = "-s -w"


def _of_kubernetes(name: str) -> Program:
    # It tells clients its version, and refuses to start without one.
    major, minor, _ = KUBERNETES.removeprefix("v").split(".")
    told = {"gitVersion": KUBERNETES, "gitMajor": major, "gitMinor": minor}
    stamped = " ".join(f"-X k8s.io/component-base/version.{key}={value}" for key, value in told.items())
    module = "k8s.io/kubernetes"
    return Program(name, module, KUBERNETES, f"{module}/cmd/{name}", f"{stamped} -s -w")


ENVOY_GATEWAY = "github.com/envoyproxy/gateway"
KWOK = Program("kwok", "sigs.k8s.io/kwok", "v0.8.0", "sigs.k8s.io/kwok/cmd/kwok")
PROGRAMS = (
    *map(_of_kubernetes, ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl")),
    Program("etcd", "go.etcd.io/etcd/server/v3", "v3.6.16", "go.etcd.io/etcd/server/v3"),
    KWOK,
    Program("kubeconform", "github.com/yannh/kubeconform", "v0.8.0", "github.com/yannh/kubeconform/cmd/kubeconform"),
    Program("egctl", ENVOY_GATEWAY, "v1.9.1", f"{ENVOY_GATEWAY}/cmd/egctl"),
)


def ensure(cache: Path) -> Path:
    """The folder with all of them, built where they are missing. Raises SystemExit where Go is missing or too old."""
    folder = cache / "bin"
    stamp = folder / "versions.json"
    built = dict(json.loads(stamp.read_text())) if stamp.is_file() else {}
    for program in PROGRAMS:
        if built.get(program.name) != program.version:
            _check_go()
            print(f"building {program.name} {program.version}", flush=True)
            _build(program, cache / "build", folder / program.name)
            built[program.name] = program.version
            stamp.write_text(json.dumps(list(built.items())))
    return folder


def download(module: str, version: str) -> Path:
    """A module's files."""
    return Path(_told(["mod", "download", "-json", f"{module}@{version}"])["Dir"])


def _check_go() -> None:
    needed = ".".join(map(str, GO))
    if not shutil.which("go"):
        raise SystemExit(f"go is missing: `make deploy-check` builds Kubernetes' programs with Go {needed} or newer")
    told = subprocess.run(["go", "env", "GOVERSION"], capture_output=True, text=True, check=True).stdout.strip()
    numbers = re.match(r"go(\d+)\.(\d+)", told)
    if not numbers or (int(numbers[1]), int(numbers[2])) < GO:
        raise SystemExit(f"go is {told}; Kubernetes {KUBERNETES} needs Go {needed} or newer")


def _build(program: Program, work: Path, target: Path) -> None:
    """In a module of its own, since some of them replace modules, which `go install` refuses."""
    folder = work / program.name
    folder.mkdir(parents=True, exist_ok=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    if program.module == "k8s.io/kubernetes":
        _as_kubernetes_does(program, folder)
    else:
        needs = f"require {program.module} {program.version}"
        (folder / "go.mod").write_text(f"module local\n\ngo {GO[0]}.{GO[1]}.0\n\n{needs}\n")
    command = ["nice", "go", "build", "-mod=mod", "-buildvcs=false", "-ldflags", program.link, "-o", str(target)]
    subprocess.run([*command, program.package], cwd=folder, env=_environment(), check=True)


def _as_kubernetes_does(program: Program, folder: Path) -> None:
    """Its own go.mod: the versions that it is released with; its staging folders are modules of their own."""
    text = (download(program.module, program.version) / "go.mod").read_text()
    text = re.sub(r"^module .*$", "module local", text, count=1, flags=re.MULTILINE)
    staged = program.version.replace("v1.", "v0.", 1)
    text = re.sub(r"=> \./staging/src/(\S+)", rf"=> \1 {staged}", text)
    (folder / "go.mod").write_text(f"{text}\nrequire {program.module} {program.version}\n")


def _told(command: Sequence[str]) -> dict[str, Any]:
    done = subprocess.run(["go", *command], env=_environment(), capture_output=True, text=True)
    told: dict[str, Any] = json.loads(done.stdout or "{}")
    if done.returncode:
        raise SystemExit(f"go {' '.join(command)}: {told.get('Error') or done.stderr}")
    return told


def _environment() -> dict[str, str]:
    return {**os.environ, "CGO_ENABLED": "0", "GOFLAGS": ""}
