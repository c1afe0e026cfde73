"""The production overlay has as much of everything as the capacity model says."""

from pathlib import Path

import yaml

from capacity import figures, prices
from capacity.inputs import Inputs
from capacity.size import size

SIZE = Path(__file__).parents[2] / "deploy" / "kubernetes" / "overlays" / "production" / "size.yaml"


def test_production_is_as_large_as_ten_million_orders_a_day_need() -> None:
    measured = {name: figure.value for name, figure in figures.read().items()}
    wanted = size(Inputs(), measured, prices.read().by_name)
    assert yaml.safe_load(SIZE.read_text())["spec"] == wanted, "take them from: lacak capacity --json | jq .size"
