"""compose.yaml says what the code says: settings that exist, files that are there, health commands of that service."""

import re
from typing import Any

import pytest
import yaml

from deploy.release import ROOT
from streams.settings import Settings

COMPOSE = ROOT / "deploy" / "compose"
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load((COMPOSE / "compose.yaml").read_text())["services"]
OURS = {name: service for name, service in SERVICES.items() if "build" in service}
SERVING = {name: service for name, service in OURS.items() if service["command"][0] == "serve"}
SECRET = {"edge.pem"}  # secrets.sh makes it


def test_all_of_lacak_is_there() -> None:
    kinds = sorted(service["command"][1] for service in SERVING.values())
    assert kinds == ["api", "api", "gateway", "gateway", "notify", "track", "track"]


@pytest.mark.parametrize("name", OURS)
def test_a_service_is_told_only_settings_that_there_are(name: str) -> None:
    known = {f"LACAK_{field.upper()}" for field in Settings.model_fields}
    assert OURS[name]["environment"].keys() <= known


def test_the_edge_is_told_only_variables_that_it_reads() -> None:
    read = set(re.findall(r"LACAK_[A-Z_0-9]+", (ROOT / "deploy" / "gateway" / "haproxy.cfg").read_text()))
    assert SERVICES["edge"]["environment"].keys() <= read


@pytest.mark.parametrize("name", SERVING)
def test_a_service_asks_itself_whether_it_is_healthy_and_has_the_time_to_stop(name: str) -> None:
    kind = SERVING[name]["command"][1]
    assert SERVING[name]["healthcheck"]["test"] == ["CMD", "lacak", "healthy", kind]
    grace = int(SERVING[name]["stop_grace_period"].removesuffix("s"))
    assert grace >= (Settings.model_fields["drain_seconds"].default + 5 if kind == "gateway" else 10)


@pytest.mark.parametrize("name", OURS)
def test_a_service_runs_with_a_root_that_cannot_be_written_and_no_rights(name: str) -> None:
    service = OURS[name]
    assert service["read_only"] and service["cap_drop"] == ["ALL"] and service["mem_limit"]
    assert any("/var/lib/lacak" in place for place in [*service["tmpfs"], *service.get("volumes", [])])


def test_what_is_mounted_is_there() -> None:
    mounted = {
        source
        for service in SERVICES.values()
        for source in (volume.partition(":")[0] for volume in service.get("volumes", []))
        if source.startswith(".")
    }
    missing = {source for source in mounted if not (COMPOSE / source).exists()}
    assert {source.removeprefix("./") for source in missing} <= SECRET


def test_prometheus_asks_every_process_by_the_job_that_its_rules_know() -> None:
    asked = {
        target.partition(":")[0]: group["labels"]["job"]
        for group in yaml.safe_load((COMPOSE / "targets.yaml").read_text())
        for target in group["targets"]
    }
    assert {name: service["command"][1] for name, service in SERVING.items()} == {
        name: job for name, job in asked.items() if name != "edge"
    }
