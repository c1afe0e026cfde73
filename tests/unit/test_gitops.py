"""What judges a canary asks for metrics that there are, and the services go out readers first."""

import re
from typing import Any

import pytest
import yaml

from deploy.release import ROOT

PRODUCTION = ROOT / "deploy" / "gitops" / "production"
TEMPLATES = {
    each["metadata"]["name"]: each["spec"] for each in yaml.safe_load_all((PRODUCTION / "analysis.yaml").read_text())
}
CANARIES = ("gateway", "track", "api")
QUERIES = [metric["provider"]["prometheus"]["query"] for spec in TEMPLATES.values() for metric in spec["metrics"]]
ORDER = ["gateway", "notify", "track", "api"]
"""Of docs/operations/upgrade.md."""


def patch(name: str) -> dict[str, Any]:
    """What is said of a service, by the path that it is said of."""
    return {step["path"]: step["value"] for step in yaml.safe_load((PRODUCTION / f"{name}.yaml").read_text())}


@pytest.mark.parametrize("query", QUERIES)
def test_a_canary_is_judged_by_metrics_that_there_are(query: str) -> None:
    ours = (ROOT / "streams" / "metrics.py").read_text()
    rules = "".join(path.read_text() for path in (ROOT / "deploy" / "observability" / "rules").glob("*.yaml"))
    for metric in re.findall(r"\blacak_\w+", query):
        assert re.search(rf'"{re.sub("_(bucket|count|total)$", "", metric)}(_total)?"', ours), metric
    for recorded in re.findall(r"\blacak:[\w:]+", query):
        assert f"record: {recorded}\n" in rules, recorded


@pytest.mark.parametrize("name", CANARIES)
def test_a_canary_is_judged_from_its_first_step_by_all_customers_and_by_itself(name: str) -> None:
    canary = patch(name)["/spec/strategy"]["canary"]
    assert [each["templateName"] for each in canary["analysis"]["templates"]] == ["budget", f"canary-{name}"]
    assert all(f'pod=~"{name}-{{{{args.canary}}}}-.*"' in query for query in of(f"canary-{name}"))
    assert canary["analysis"]["startingStep"] == 1 and canary["steps"][0] == {"setWeight": 10}
    assert canary["maxUnavailable"] == 0


def of(template: str) -> list[str]:
    """Its queries."""
    return [metric["provider"]["prometheus"]["query"] for metric in TEMPLATES[template]["metrics"]]


def test_readers_go_out_before_writers() -> None:
    waves = {name: patch(name)["/metadata/annotations"]["argocd.argoproj.io/sync-wave"] for name in CANARIES}
    [notify] = re.findall(r'name: notify}\n.*\n.*sync-wave: "(\d)"', (PRODUCTION / "kustomization.yaml").read_text())
    assert sorted(ORDER, key=lambda name: int({**waves, "notify": notify}[name])) == ORDER


def test_to_go_back_writers_go_before_readers() -> None:
    back = yaml.safe_load((ROOT / "deploy" / "gitops" / "back" / "kustomization.yaml").read_text())
    waves = {each["target"]["name"]: yaml.safe_load(each["patch"])[0]["value"] for each in back["patches"]}
    assert back["resources"] == ["../production"]
    assert sorted(waves, key=lambda name: int(waves[name])) == ORDER[::-1]
