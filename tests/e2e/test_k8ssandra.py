"""Where K8ssandra runs Cassandra, the alerts and the dashboard see it as they do elsewhere.

What its nodes tell is played back (k8ssandra-metrics.txt); the relabels that made it so short are the manifest's."""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path

import yaml

import prometheus
from processes import until
from prometheus import FOLDER, SELECTOR, queries

TOLD = (Path(__file__).parents[1] / "k8ssandra-metrics.txt").read_text()
COUNTER = re.compile(r"^(\w+_(?:bucket|count|total|sum){.*}) (\S+)$", re.M)
MANIFEST = Path(__file__).parents[2] / "deploy" / "kubernetes" / "components" / "cassandra" / "cassandra.yaml"


@contextmanager
def node() -> Iterator[str]:
    """Its host:port. What it counts grows with each scrape."""
    scrapes = count(1)

    class Node(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            n = next(scrapes)
            told = COUNTER.sub(lambda found: f"{found[1]} {float(found[2]) * n}", TOLD).encode()
            self.send_response(200)
            self.end_headers()
            self.wfile.write(told)

        def log_message(self, format: str, *args: object) -> None:
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Node) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield "{}:{}".format(*server.server_address)
        finally:
            server.shutdown()
            thread.join()


def asked() -> set[str]:
    """By the dashboard and by the alerts, of Cassandra itself."""
    panels = {each for each, _ in queries(FOLDER / "dashboards" / "cassandra.json") if "lacak_" not in each}
    groups = yaml.safe_load((FOLDER / "rules" / "dependencies.yaml").read_text())["groups"]
    [alerts] = [group["rules"] for group in groups if group["name"] == "lacak-cassandra"]
    return panels | {"".join(found) for rule in alerts for found in SELECTOR.findall(rule["expr"])}


def test_alerts_and_dashboard_see_a_cassandra_that_k8ssandra_runs(tmp_path: Path) -> None:
    with ExitStack() as stack, ExitStack() as lost:
        nodes = [stack.enter_context(node()), lost.enter_context(node())]
        watching = stack.enter_context(prometheus.running(tmp_path, {}, FOLDER / "k8ssandra.yaml"))
        pods = [
            {"targets": [at], "labels": {"job": "cassandra", "pod": f"lacak-dc1-r{n}-sts-0"}}
            for n, at in enumerate(nodes)
        ]
        (tmp_path / "targets" / "cassandra.yaml").write_text(json.dumps(pods))
        assert len(asked()) > 25
        assert watching.unanswered(asked()) == set()
        assert "CassandraNodeDown" not in watching.firing()
        lost.close()
        until(lambda: "CassandraNodeDown" in watching.firing(), what="a node is down")
        assert watching.query('max(cassandra_nodes{state="Up"})') == [({}, 1)]


def test_a_node_tells_what_is_asked_for_and_little_else() -> None:
    """What the manifest's relabels keep is what was told, and all of it is used."""
    cluster = next(each for each in yaml.safe_load_all(MANIFEST.read_text()) if each["kind"] == "K8ssandraCluster")
    [keep, drop] = cluster["spec"]["cassandra"]["telemetry"]["cassandra"]["relabels"]
    assert (keep["action"], drop["action"], drop["sourceLabels"]) == ("keep", "drop", ["keyspace"])
    families = set(re.findall(r"^(org_\w+?)(?:_bucket|_count|_total)?{", TOLD, re.M))
    assert {each for each in families if not re.fullmatch(keep["regex"], each)} == set()
    rules = (FOLDER / "k8ssandra.yaml").read_text()
    assert {each for each in families if each not in rules} == set()
    assert re.fullmatch(drop["regex"], "system_schema") and not re.fullmatch(drop["regex"], "lacak")
