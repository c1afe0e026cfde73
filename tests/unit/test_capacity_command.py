"""`lacak capacity` as a person or a program calls it, and the page that quotes it."""

import json
import re
from pathlib import Path

import pytest
from prometheus_client import REGISTRY
from typer.testing import CliRunner

import streams.metrics  # noqa: F401  # registers them
from capacity import prices
from cli.edge import Failed
from cli.main import app

PAGE = Path(__file__).parents[2] / "docs" / "operations" / "capacity.md"


def called(*words: str) -> str:
    done = CliRunner().invoke(app, ["capacity", *words])
    if isinstance(done.exception, Failed):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done.stdout


def test_the_table_has_what_a_load_needs_and_what_it_costs() -> None:
    shown = {line.split()[0]: line.split()[1] for line in called().splitlines() if line.startswith("  ")}
    assert shown["peak_events"] == "4,630/s"
    assert shown["partitions"] == "48"
    assert {"track_workers", "notify_workers", "apis", "gateways", "brokers", "cassandra_nodes"} <= shown.keys()
    assert re.search(r"total_cost +[\d,]+ USD a month", called())


def test_programs_get_the_replicas_of_each_process() -> None:
    told = json.loads(called("--json", "--orders-per-day", "1e6", "--connections", "0"))
    assert told["inputs"]["orders_per_day"] == 1e6
    assert told["replicas"] == {
        name: told["plan"][step]["value"]
        for name, step in {
            "track": "track_workers",
            "notify": "notify_workers",
            "api": "apis",
            "gateway": "gateways",
        }.items()
    }
    assert told["replicas"]["gateway"] == 3, "one in each zone, for nobody"


def test_the_arithmetic_is_shown_and_where_each_figure_is_from() -> None:
    shown = called("--explain")
    assert "  = orders_per_day * events_per_order / 86400\n  = 10,000,000 × 8 ÷ 86,400\n" in shown
    assert re.search(r"^track_us_per_event = .*µs \(.* to .*\): .*\n  `python bench/figures.py .*`, 20", shown, re.M)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--peak", "0.5"], "--peak: .* greater than or equal to 1"),
        (["--utilisation", "1.2"], "--utilisation: .* less than or equal to 1"),
        (["--utilisation", "0.9"], "--utilisation-in-loss is below --utilisation"),
        (["--peak", "5000"], "no time for clients"),
        (["--prices", "/nowhere.toml"], "/nowhere.toml"),
    ],
)
def test_what_cannot_be_is_one_line(words: list[str], why: str) -> None:
    with pytest.raises(Failed, match=why) as failed:
        called(*words)
    assert failed.value.code == 2
    assert "\n" not in str(failed.value)


def test_own_prices_are_taken_and_must_be_whole(tmp_path: Path) -> None:
    own = tmp_path / "prices.toml"
    own.write_text(
        prices.FILE.read_text().replace('"USD"', '"IDR"').replace("broker_hour = 0.22723", "broker_hour = 3000")
    )
    told = json.loads(called("--json", "--prices", str(own)))
    assert told["currency"] == "IDR"
    assert told["plan"]["broker_cost"]["value"] == pytest.approx(told["plan"]["brokers"]["value"] * 3000 * 730)
    for bad, why in (
        (prices.FILE.read_text().replace("broker_hour", "broker_our"), "has no broker_hour"),
        (prices.FILE.read_text() + "\nbeer = 2\n", "nobody knows beer"),
        (prices.FILE.read_text().replace("broker_hour = 0.22723", 'broker_hour = "much"'), "not above 0: broker_hour"),
    ):
        own.write_text(bad)
        with pytest.raises(Failed, match=why):
            called("--prices", str(own))


def test_the_page_asks_prometheus_for_metrics_that_there_are() -> None:
    there = {sample.name for metric in REGISTRY.collect() for sample in metric.samples} | {
        metric.name + end for metric in REGISTRY.collect() for end in ("", "_total", "_bucket", "_count", "_sum")
    }
    asked = set(re.findall(r"\b(?:lacak|process)_[a-z_]+\b", PAGE.read_text()))
    assert len(asked) >= 8
    assert asked <= there, asked - there
