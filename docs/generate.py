"""Writes the pages that are made from code: `python docs/generate.py` (tests fail when a page is older than its code)."""

import json
import re
import shlex
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import yaml
from prometheus_client.core import Metric
from prometheus_client.metrics import MetricWrapperBase
from typer.testing import CliRunner

from api.asyncapi import document
from cli.main import app
from streams import metrics
from streams.order import CORRECTIONS, STATUSES, TERMINAL, TRANSITIONS, WAY
from streams.settings import Settings
from streams.tally import Ages, Distribution, Tallies
from tables.access import GROUPS, SERVICES, TABLES, TOPICS, Operations, Service

DOCS = Path(__file__).parent
RULES = DOCS.parent / "deploy" / "observability" / "rules"


def diagram() -> str:
    """The way of an order, and what leaves it, as a Mermaid state diagram. Forward jumps are left out."""
    lines = ["stateDiagram-v2", "    [*] --> placed"]
    lines += [f"    {a} --> {b}" for a, b in pairwise(WAY) if b in TRANSITIONS[a]]
    beside = [status for status in STATUSES if status not in WAY]
    lines += [f"    {a} --> {b}" for a in WAY for b in beside if b in TRANSITIONS[a]]
    lines += [f"    {a} --> {b}" for a in beside for b in STATUSES if b in TRANSITIONS[a]]
    return "\n".join([*lines, *(f"    {status} --> [*]" for status in STATUSES if status in TERMINAL)])


def leads(table: Mapping[str, Collection[str]]) -> str:
    """A row a status: where it may lead."""
    rows = [
        f"| `{status}` | {' '.join(f'`{to}`' for to in STATUSES if to in table[status]) or '(terminal)'} |"
        for status in STATUSES
        if status in table
    ]
    return "\n".join(["| from | to |", "|---|---|", *rows])


def lifecycle() -> str:
    """The order's life."""
    way = " → ".join(f"`{status}`" for status in WAY)
    return f"""# The order's life

Made from the table in `streams/order.py` by `docs/generate.py`; change the table, then run it.

The way is {way}. Forward jumps on it are legal, since couriers miss scans; the diagram leaves them out, the table has them.

```mermaid
{diagram()}
```

{leads(TRANSITIONS)}

No update of a courier's or a shop's leaves a terminal status. An operator [corrects](rest.md#corrected-by-an-operator) one that is a mistake, naming the version that it takes
back; it must be the order's current one. Then the order goes on from there, by the table above.

{leads(CORRECTIONS)}

What becomes of each update (applied, late, duplicate, rejected) is told in [architecture.md](architecture.md#2-judging).
"""


def settings() -> str:
    """Every setting."""
    usual = Settings.model_construct()  # the defaults alone: no environment, no .env
    rows = [
        f"| `LACAK_{name.upper()}` | {f'`{value}`' if str(value := getattr(usual, name)) not in ('', 'None') else ''} "
        f"| {field.description or ''} |"
        for name, field in Settings.model_fields.items()
    ]
    table = "\n".join(["| variable | default | |", "|---|---|---|", *rows])
    return f"""# Settings

Made from `streams/settings.py` by `docs/generate.py`. Each is a variable of the environment or a line of a `.env` file in the working directory.
Times are in seconds unless the name says otherwise. `LACAK_KAFKA_BOOTSTRAP` and `LACAK_CASSANDRA_HOSTS` also tell the local stack to use those servers and
to start none of its own; the [local stack](../deploy/local/README.md) has a few settings more. An empty value counts as absent.

{table}
"""


def access() -> str:
    """Who may do what inside."""
    return f"""# Who may do what at Kafka and Cassandra

Made from `tables/access.py` by `docs/generate.py`. What is not here is refused; `tests/e2e/test_secure.py` tries it, for each service. How the users are made, and
their secrets changed, is told in [security.md](security.md#inside-kafka-and-cassandra).

A service's user is called `lacak-` and its name (with `LACAK_TOPIC_PREFIX` before it), at Kafka as at Cassandra. Whoever may read or write a topic may describe it.

{_services()}

## Topics

{_matrix("topic", TOPICS, lambda service: service.topics)}

## Groups

{_matrix("group", GROUPS, lambda service: service.groups)}

`data` may be in any group whose name begins with its user's.

## Tables

{_matrix("table", TABLES, lambda service: service.tables)}

`deploy` may also CREATE and ALTER in the keyspace. A service without a table has no role at Cassandra at all.
"""


def _services() -> str:
    rows = [f"| `{service.name}` | {service.what} |" for service in SERVICES.values()]
    return "\n".join(["| service | |", "|---|---|", *rows])


def _matrix(thing: str, names: Sequence[str], of: Callable[[Service], Operations]) -> str:
    """A row a thing: who may do what with it."""
    rows = [
        f"| `{name}` | "
        + " · ".join(
            f"`{each.name}` {', '.join(of(each)[name]).lower()}" for each in SERVICES.values() if name in of(each)
        )
        + " |"
        for name in names
    ]
    return "\n".join([f"| {thing} | who |", "|---|---|", *rows])


def measured() -> str:
    """Every metric."""
    rows = [
        f"| `{family.name}{'_total' if family.type == 'counter' else ''}` | {family.type} "
        f"| {' '.join(f'`{label}`' for label in labels)} | {family.documentation} |"
        for family, labels in _families()
    ]
    table = "\n".join(["| metric | | labels | |", "|---|---|---|---|", *rows])
    return f"""# Metrics

Made from `streams/metrics.py` by `docs/generate.py`. Times are in seconds. Each process tells them at `/metrics`: an API and a gateway on their HTTP port, the workers on 8101 (order tracking) and 8102 (notification).
Every process has all names, and those that are not its own stand at 0 or have no labels' values. Beside them are `process_…` and `python_…`, from the Prometheus client.

{table}

What to make of them: [watch.md](watch.md).
"""


def _families() -> Iterator[tuple[Metric, Sequence[str]]]:
    """Each metric with its labels, in the order of the file."""
    for each in vars(metrics).values():
        if isinstance(each, MetricWrapperBase):
            yield from ((family, each._labelnames) for family in each.describe())
        elif isinstance(each, Ages | Distribution | Tallies):
            family = each._collect()
            yield family, family._labelnames


def alerts() -> str:
    """Every alert, by the file that it is in."""
    return f"""# Alerts

Made from `deploy/observability/rules` by `docs/generate.py`. A *page* wakes whoever is on call, a *ticket* is for the morning ([watch.md](watch.md)). What none of them tells is [there too](watch.md#what-no-alert-tells).

| alert | | it means | page |
|---|---|---|---|
{chr(10).join(_alerts())}
"""


def _alerts() -> Iterator[str]:
    """A row an alert: its name, whom it tells, what is the matter, what to do."""
    for file in sorted(RULES.iterdir()):
        groups = yaml.safe_load(file.read_text())["groups"]
        for rule in (rule for group in groups for rule in group["rules"] if "alert" in rule):
            says = rule["annotations"]
            where = says["runbook_url"].removeprefix("docs/operations/")
            title = where.replace(".md#", ": ").replace("-", " ")
            means = f"{_in_words(says['summary'])}. {says['description']}"
            yield f"| `{rule['alert']}` | {rule['labels']['severity']} | {means} | [{title}]({where}) |"


def _in_words(summary: str) -> str:
    """With the name of a label in the place of its value, and … for a figure."""
    return re.sub(r"\{\{ \$value.*?\}\}", "…", re.sub(r"\{\{ \$labels\.(\w+) \}\}", r"*\1*", summary))


def asyncapi() -> str:
    """Topics and live push."""
    return json.dumps(document(), indent=2) + "\n"


def capacity() -> str:
    """The page as it is, with what `lacak capacity` prints now in the blocks that quote it."""
    page = (DOCS / "operations" / "capacity.md").read_text()
    quoted = re.compile(r"^(\$ lacak (capacity.*)\n)(?:.*\n)*?(?=```)", re.MULTILINE)
    return quoted.sub(lambda found: found[1] + CliRunner().invoke(app, shlex.split(found[2])).stdout, page)


PAGES = {
    "lifecycle.md": lifecycle,
    "settings.md": settings,
    "access.md": access,
    "asyncapi.json": asyncapi,
    "operations/metrics.md": measured,
    "operations/alerts.md": alerts,
    "operations/capacity.md": capacity,
}

if __name__ == "__main__":
    for name, page in PAGES.items():
        (DOCS / name).write_text(page())
