"""The plan as a deployment has it: deploy/kubernetes/overlays/production/size.yaml."""

import math
from collections.abc import Mapping
from typing import Any

from capacity.inputs import Inputs
from capacity.plan import REPLICAS, Plan, plan

WORKERS = ("track", "notify")
STEP_GIB = 50
"""Disks are ordered in steps."""


def size(inputs: Inputs, figures: Mapping[str, float], prices: Mapping[str, float]) -> dict[str, Any]:
    """How much of everything. Of processes at least what the average second needs, and at most what the peak does; of
    workers at most as many as partitions, since all of them together catch up fastest. Raises `Impossible`."""
    busy, average = (plan(each, figures, prices) for each in (inputs, _average(inputs)))
    return {
        "partitions": int(busy["partitions"]),
        **{kind: {"at_least": average.replicas[kind], "at_most": _most(kind, busy)} for kind in REPLICAS},
        "brokers": int(busy["brokers"]),
        "broker_disk": _disk(busy["broker_gib"]),
        "cassandra_nodes": int(busy["cassandra_nodes"]),
        "cassandra_disk": _disk(busy["cassandra_node_gib"]),
    }


def _average(inputs: Inputs) -> Inputs:
    return inputs.model_copy(update={"peak": 1.0, "connections": inputs.connections / inputs.peak})


def _most(kind: str, busy: Plan) -> int:
    return max(busy.replicas[kind], int(busy["partitions"]) if kind in WORKERS else 0)


def _disk(gib: float) -> str:
    return f"{math.ceil(gib / STEP_GIB) * STEP_GIB}Gi"
