"""The production overlay has as much of everything as the capacity model says, and its pods ask for what they need."""

import math
from pathlib import Path

import pytest
import yaml

from capacity import figures, prices
from capacity.inputs import Inputs
from capacity.plan import plan
from capacity.size import size

HERE = Path(__file__).parents[2] / "deploy" / "kubernetes"
MIB = {"Mi": 1, "Gi": 1024}
INPUTS, PRICES = Inputs(), prices.read().by_name
MEASURED = {name: figure.value for name, figure in figures.read().items()}
PLAN = plan(INPUTS, MEASURED, PRICES)
LEFT = PLAN["zones_left"] / INPUTS.zones
BUSY = {  # cores of one with a zone lost
    "base/track.yaml": PLAN["track_cores"] / (PLAN["track_workers"] * LEFT),
    "base/notify.yaml": PLAN["notify_cores"] / (PLAN["notify_workers"] * LEFT),
    "base/api.yaml": PLAN["api_cores"] / (PLAN["apis"] * LEFT),
    "base/gateway.yaml": PLAN["gateway_cores_in_loss"],
    "components/kafka/kafka.yaml": PLAN["kafka_cores"] / (PLAN["brokers"] * LEFT),
    "components/cassandra/cassandra.yaml": PLAN["cassandra_cores"] / (PLAN["cassandra_nodes"] * LEFT),
}
FULL = {
    "base/track.yaml": PLAN["track_memory_mib"],
    "base/notify.yaml": MEASURED["notify_mib"],
    "base/api.yaml": MEASURED["api_mib"],
    "base/gateway.yaml": PLAN["gateway_memory_mib"],
}


def resources(file: str) -> dict[str, dict[str, str]]:
    """Those of the process itself: the largest of the file."""
    found: list[dict[str, dict[str, str]]] = []

    def look(at: object) -> None:
        if isinstance(at, dict):
            if "cpu" in at.get("resources", {}).get("requests", {}):
                found.append(at["resources"])
            for each in at.values():
                look(each)
        if isinstance(at, list):
            for each in at:
                look(each)

    for document in yaml.safe_load_all((HERE / file).read_text()):
        look(document)
    return max(found, key=lambda each: cores(each["requests"]["cpu"]))


def cores(text: str) -> float:
    return float(text.removesuffix("m")) / (1000 if text.endswith("m") else 1)


def mib(text: str) -> int:
    return int(text[:-2]) * MIB[text[-2:]]


def test_production_is_as_large_as_ten_million_orders_a_day_need() -> None:
    wanted = size(INPUTS, MEASURED, PRICES)
    found = yaml.safe_load((HERE / "overlays/production/size.yaml").read_text())["spec"]
    assert found == wanted, "take them from: lacak capacity --json | jq .size"


@pytest.mark.parametrize("file", BUSY)
def test_a_pod_asks_for_the_cores_that_it_takes_with_a_zone_lost(file: str) -> None:
    asked = cores(resources(file)["requests"]["cpu"])
    assert BUSY[file] <= asked <= max(1, math.ceil(1.25 * BUSY[file])), f"it takes {BUSY[file]:.2f}"


@pytest.mark.parametrize("file", FULL)
def test_a_pod_asks_for_twice_the_memory_that_it_takes_or_may_take_so_much(file: str) -> None:
    found = resources(file)
    assert FULL[file] <= mib(found["requests"]["memory"])
    assert 2 * FULL[file] <= mib(found["limits"]["memory"])
