"""What deploy/observability holds is what the programs that read it take, and says what is there."""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import REGISTRY

from deploy.local.debian import where
from streams import metrics

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy" / "observability"
RULES = {file.name: yaml.safe_load(file.read_text()) for file in (FOLDER / "rules").iterdir()}
TESTS = sorted((FOLDER / "tests").iterdir())
DASHBOARDS = sorted((FOLDER / "dashboards").iterdir())
WINDOWS = ("5m", "30m", "1h", "2h", "6h", "1d", "3d", "30d")
ALERTS = {
    rule["alert"]: rule
    for content in RULES.values()
    for group in content["groups"]
    for rule in group["rules"]
    if "alert" in rule
}
assert metrics


def ran(program: str, *arguments: object) -> None:
    done = subprocess.run([where(program) or program, *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_prometheus_takes_the_configuration_and_the_rules() -> None:
    ran("promtool", "check", "config", FOLDER / "prometheus.yml")


def test_alertmanager_takes_the_example() -> None:
    ran("amtool", "check-config", FOLDER / "alertmanager.yml")


@pytest.mark.parametrize("file", TESTS, ids=lambda file: file.stem)
def test_the_rules_do_what_their_own_tests_say(file: Path) -> None:
    ran("promtool", "test", "rules", file)


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_says_who_is_woken_what_is_and_what_to_do(name: str) -> None:
    alert = ALERTS[name]
    assert alert["labels"]["severity"] in ("page", "ticket")
    assert alert["annotations"].keys() == {"summary", "description", "runbook_url"}
    page, _, section = alert["annotations"]["runbook_url"].partition("#")
    assert section in anchors((ROOT / page).read_text())
    if not re.match(r"\d", section):
        assert name in (ROOT / page).read_text(), "the page tells of it by its name"


def anchors(page: str) -> set[str]:
    """As GitHub makes them of the headings."""
    headings = re.findall(r"^#+ (.*)$", page, re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_alert_has_a_test_in_which_it_fires() -> None:
    assert ALERTS.keys() == {name for file in TESTS for name in fired(yaml.safe_load(file.read_text()))}


def fired(content: Any) -> Iterator[str]:
    for test in content["tests"]:
        for asked in test.get("promql_expr_test", []):
            yield from (
                name for each in asked["exp_samples"] for name in re.findall('alertname="(.*?)"', each["labels"])
            )
        yield from (each["alertname"] for each in test.get("alert_rule_test", []) if each["exp_alerts"])


def test_all_windows_have_the_same_rules() -> None:
    rules = [rule for group in RULES["service-levels.yaml"]["groups"] for rule in group["rules"] if "record" in rule]
    by_window = {
        window: [
            {**rule, "record": rule["record"].removesuffix(window), "expr": rule["expr"].replace(window, "WINDOW")}
            for rule in rules
            if re.fullmatch(rf".*rate{window}", rule["record"])
        ]
        for window in WINDOWS
    }
    assert len(by_window["5m"]) == 4
    assert all(those == by_window["5m"] for those in by_window.values())


def test_every_metric_of_ours_that_is_asked_for_is_there() -> None:
    text = "".join(file.read_text() for file in (*(FOLDER / "rules").iterdir(), *DASHBOARDS))
    known = {re.sub("_total$", "", family.name) for family in REGISTRY.collect()}
    asked = {re.sub("_(total|bucket|count)$", "", name) for name in re.findall(r"\blacak_[a-z_]+", text)}
    assert len(asked) > 30
    assert asked - known == set()


def test_every_metric_of_kafka_and_cassandra_that_is_asked_for_is_told() -> None:
    for server in ("kafka", "cassandra"):
        told = [
            rule["name"].lower() for rule in yaml.safe_load((FOLDER / "jmx" / f"{server}.yaml").read_text())["rules"]
        ]
        forms = [re.compile(re.sub(r"\$\d", "[a-z]+", name)) for name in told]
        text = "".join(file.read_text() for file in (*(FOLDER / "rules").iterdir(), *DASHBOARDS))
        asked = set(re.findall(rf"\b{server}_[a-z_]+(?=[{{\[) ])", text))
        assert len(asked) > 3
        assert [name for name in asked if not any(form.fullmatch(name) for form in forms)] == []


@pytest.mark.parametrize("file", DASHBOARDS, ids=lambda file: file.stem)
def test_a_dashboard_is_whole(file: Path) -> None:
    content = json.loads(file.read_text())
    assert content["uid"] == f"lacak-{file.stem}" and content["schemaVersion"] >= 36
    panels = content["panels"]
    assert len({panel["id"] for panel in panels}) == len({panel["title"] for panel in panels}) == len(panels)
    places = [cell for panel in panels for cell in cells(panel["gridPos"])]
    assert len(set(places)) == len(places), "panels lie upon each other"
    assert max(x for x, _ in places) < 24
    for panel in panels:
        assert panel["targets"]
        assert all(target["datasource"]["uid"] == "${datasource}" for target in panel["targets"])


def cells(place: dict[str, int]) -> Iterator[tuple[int, int]]:
    yield from ((place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"]))
