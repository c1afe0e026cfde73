"""Prometheus as deploy/observability has it, before a running system; its time goes 15 times as fast."""

import json
import re
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import yaml

from deploy.local.debian import where
from processes import free_port, until

FOLDER = Path(__file__).parents[1] / "deploy" / "observability"
TIMES = 15
"""15 s, in which it scrapes and judges, are one. All durations of the rules are divided by it, and nothing else."""
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
DURATION = re.compile(r"(?<=\[)(\d+)([smhd])(?=])|(?<=for: )(\d+)([smhd])$|(?<=interval: )(\d+)([smhd])$", re.M)

SELECTOR = re.compile(r"\b((?:lacak|kafka|cassandra)[_:][a-z0-9_:]+|up)\b({[^}]*})?")


Labels = dict[str, str]


@dataclass(frozen=True)
class Prometheus:
    """A running one."""

    url: str

    def get(self, path: str, **params: str) -> Any:
        answer = httpx.get(f"{self.url}/api/v1/{path}", params=params, timeout=30).json()
        assert answer["status"] == "success", (params, answer)
        return answer["data"]

    def query(self, expression: str) -> list[tuple[Labels, float]]:
        """What it answers now: labels and value."""
        found = self.get("query", query=expression)["result"]
        return [(each["metric"], float(each["value"][1])) for each in found]

    def unanswered(self, asked: Iterable[str], seconds: float = 60) -> set[str]:
        """Those of the expressions that have no number for an answer within so many seconds."""
        left, end = set(asked), time.monotonic() + seconds
        while left and time.monotonic() < end:
            left -= {each for each in left if numbers(self.query(each))}
            time.sleep(0.2)
        return left

    def firing(self) -> dict[str, dict[str, Any]]:
        """The alerts that fire, by name."""
        alerts = self.get("alerts")["alerts"]
        return {each["labels"]["alertname"]: each for each in alerts if each["state"] == "firing"}

    def rules(self) -> list[dict[str, Any]]:
        """Every rule that it has read, as it has it."""
        return [rule for group in self.get("rules")["groups"] for rule in group["rules"]]


def faster(rules: str) -> str:
    """The same rules for a time that goes faster."""

    def scaled(found: re.Match[str]) -> str:
        number, unit = filter(None, found.groups())
        return f"{int(number) * SECONDS[unit] * 1000 // TIMES}ms"

    return DURATION.sub(scaled, rules)


@contextmanager
def running(folder: Path, targets: Mapping[str, str], *rules: Path) -> Iterator[Prometheus]:
    """It scrapes these: host:port by job. Servers of others, which take longer to tell, every 5 s. `rules`: more of
    them."""
    (folder / "rules").mkdir(parents=True)
    for file in (*(FOLDER / "rules").iterdir(), *rules):
        (folder / "rules" / file.name).write_text(faster(file.read_text()))
    (folder / "targets").mkdir()
    for job, target in targets.items():
        (folder / "targets" / f"{job}.yaml").write_text(yaml.safe_dump([{"targets": [target], "labels": {"job": job}}]))
    (folder / "prometheus.yml").write_text(yaml.safe_dump(_config()))
    prometheus = Prometheus(f"http://127.0.0.1:{free_port()}")
    command = [where("prometheus") or "prometheus", f"--config.file={folder / 'prometheus.yml'}"]
    command += [f"--storage.tsdb.path={folder / 'data'}", f"--web.listen-address={prometheus.url.partition('//')[2]}"]
    with (folder / "prometheus.log").open("wb") as log:
        child = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        until(lambda: child.poll() is not None or _answers(prometheus), what="Prometheus is there")
        assert child.poll() is None, (folder / "prometheus.log").read_text()
        yield prometheus
    finally:
        child.terminate()
        child.wait()


def _config() -> dict[str, Any]:
    """Ours, faster, and nobody to tell alerts."""
    config: dict[str, Any] = yaml.safe_load((FOLDER / "prometheus.yml").read_text())
    config["global"] = {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"}
    del config["alerting"]
    ours = config["scrape_configs"][0]
    others = {"job_name": "servers", "scrape_interval": "5s", "scrape_timeout": "5s"}
    config["scrape_configs"] = [
        {**ours, "file_sd_configs": [{"files": ["targets/[^kc]*.yaml"]}]},
        {**others, "file_sd_configs": [{"files": ["targets/kafka.yaml", "targets/cassandra.yaml"]}]},
    ]
    return config


def _answers(prometheus: Prometheus) -> bool:
    try:
        return httpx.get(f"{prometheus.url}/-/ready", timeout=5).status_code == 200
    except httpx.HTTPError:
        return False


def substituted(expression: str) -> str:
    """As Grafana asks it, of all there are."""
    return expression.replace("$__rate_interval", "10s").replace("$instance", ".*")


def queries(dashboard: Path) -> Iterator[tuple[str, str]]:
    """What each panel asks, with its title, and each variable."""
    content = json.loads(dashboard.read_text())
    for panel in content["panels"]:
        yield from ((substituted(target["expr"]), panel["title"]) for target in panel["targets"])
    for variable in content["templating"]["list"]:
        if variable["type"] == "query":
            [series] = re.findall(r"label_values\((.*), \w+\)", variable["query"]["query"])
            yield series, variable["name"]


def numbers(found: list[tuple[Labels, float]]) -> bool:
    """Whether there is an answer, and it is no NaN."""
    return any(value == value for _, value in found)
