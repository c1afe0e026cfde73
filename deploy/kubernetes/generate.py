"""Writes the manifests that are made from code: `PYTHONPATH=. python deploy/kubernetes/generate.py`.

A test fails when one is older than its code.
"""

from collections.abc import Callable, Iterable, Mapping
from itertools import groupby
from pathlib import Path
from typing import Any

import yaml

from streams import topics
from streams.settings import Settings
from tables.access import SERVICES, WEB, Service

HERE = Path(__file__).parent
OBSERVABILITY = HERE.parent / "observability"
Manifest = Mapping[str, Any]

CLUSTER = {"strimzi.io/cluster": "lacak"}
# After the brokers and before whoever needs them, where Argo CD applies them.
WAVE = {"argocd.argoproj.io/sync-wave": "-2"}
PLAIN = Settings.model_construct(topic_prefix="")


def kafka_topics() -> list[Manifest]:
    """Each topic; its partitions are those of the overlay's size."""
    return [_strimzi("KafkaTopic", topic.name, _topic(topic)) for topic in topics.ALL]


def _topic(topic: topics.Topic) -> Manifest:
    config = {"min.insync.replicas": "2", **topic.config}
    return {"partitions": Settings.model_fields["partitions"].default, "replicas": 3, "config": config}


def kafka_users() -> list[Manifest]:
    """Each service's user with what tables/access.py gives it. `web` is of one machine only."""
    return [
        _strimzi("KafkaUser", service.user(PLAIN), _user(service))
        for service in SERVICES.values()
        if service is not WEB and (service.topics or service.groups)
    ]


def _user(service: Service) -> Manifest:
    acls = sorted(service.acls(PLAIN, service.user(PLAIN)))
    return {
        "authentication": {"type": "scram-sha-512"},
        "authorization": {
            "type": "simple",
            "acls": [
                {"resource": _resource(*resource), "operations": [acl.operation for acl in same]}
                for resource, same in groupby(acls, key=lambda acl: acl[:3])
            ],
        },
    }


def _resource(kind: str, name: str, pattern: str) -> Manifest:
    return {"type": kind.lower(), "name": name, "patternType": {"prefixed": "prefix"}.get(pattern, pattern)}


def _strimzi(kind: str, name: str, spec: Manifest) -> Manifest:
    metadata = {"name": name, "labels": CLUSTER, "annotations": WAVE}
    return {"apiVersion": "kafka.strimzi.io/v1", "kind": kind, "metadata": metadata, "spec": spec}


def prometheus_rules() -> list[Manifest]:
    """Each file of deploy/observability/rules, as the Prometheus operator takes it, and k8ssandra.yaml."""
    return [
        {
            "apiVersion": "monitoring.coreos.com/v1",
            "kind": "PrometheusRule",
            "metadata": {"name": file.stem},
            "spec": yaml.safe_load(file.read_text()),
        }
        for file in (*sorted(OBSERVABILITY.glob("rules/*.yaml")), OBSERVABILITY / "k8ssandra.yaml")
    ]


def kafka_metrics() -> list[Manifest]:
    """What a broker tells: as on one machine, so that rules and dashboards fit."""
    metadata = {"name": "kafka-metrics", "annotations": {"argocd.argoproj.io/sync-wave": "-4"}}
    files = {file.name: file.read_text() for file in OBSERVABILITY.glob("jmx/kafka.yaml")}
    return [{"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": files}]


FILES: Mapping[str, tuple[str, Callable[[], Iterable[Manifest]]]] = {
    "components/kafka/metrics.yaml": ("deploy/observability/jmx", kafka_metrics),
    "components/kafka/topics.yaml": ("streams/topics.py", kafka_topics),
    "components/kafka/users.yaml": ("tables/access.py", kafka_users),
    "components/monitoring/rules.yaml": ("deploy/observability", prometheus_rules),
}


class _Plain(yaml.SafeDumper):
    """Writes what occurs twice twice, since kustomize has no use for anchors."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _lines(dumper: _Plain, text: str) -> yaml.Node:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Plain.add_representer(str, _lines)


def text(name: str) -> str:
    """What the file should hold."""
    source, manifests = FILES[name]
    body = yaml.dump_all(manifests(), Dumper=_Plain, sort_keys=False, width=1000, allow_unicode=True)
    return f"# Made from {source} by deploy/kubernetes/generate.py.\n{body}"


if __name__ == "__main__":
    for name in FILES:
        (HERE / name).write_text(text(name))
