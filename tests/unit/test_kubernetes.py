"""The Kubernetes manifests say what the code says. Whether Kubernetes takes them is `make deploy-check`'s."""

import re
import runpy
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from agents.faust_app import STOP_SECONDS
from api.app import FACTORIES
from api.serve import GATEWAY_GRACE_SECONDS, GRACE_SECONDS
from cli.main import app
from streams import metrics, topics
from streams.settings import Settings
from tables.access import DESCRIBE, SCALER, SERVICES

DEPLOY = Path(__file__).parents[2] / "deploy"
HERE = DEPLOY / "kubernetes"
WORKLOADS = ("track", "notify", "api", "gateway")
SECRET = "0123456789abcdefghijklmnopqrstuvwxyz"
WORKERS_METRICS = {"track": "track_metrics_port", "notify": "notify_metrics_port"}
CLOSING_SECONDS = 4  # what an HTTP process takes to end beside its grace: docs/operations/kubernetes.md
generated = runpy.run_path(str(HERE / "generate.py"))
command = runpy.run_path(str(HERE / "command.py"))
COMMANDS = {each.name or each.callback.__name__ for each in app.registered_commands if each.callback} | {
    each.name for each in app.registered_groups
}


def objects(*folders: str) -> Iterator[dict[str, Any]]:
    for folder in folders:
        for file in sorted((HERE / folder).rglob("*.yaml")):
            for each in yaml.safe_load_all(file.read_text()):
                if isinstance(each, dict) and "metadata" in each:
                    yield each


def one(kind: str, name: str, *folders: str) -> dict[str, Any]:
    [found] = [each for each in objects(*folders) if (each["kind"], each["metadata"]["name"]) == (kind, name)]
    return found


def workload(name: str) -> dict[str, Any]:
    return one("StatefulSet" if name == "notify" else "Deployment", name, "base")


def pod(thing: Mapping[str, Any]) -> dict[str, Any]:
    template = thing["spec"].get("jobTemplate", thing)["spec"]["template"]
    spec: dict[str, Any] = template["spec"]
    return spec


def containers() -> Iterator[tuple[str, dict[str, Any]]]:
    """Each of ours with what it is in."""
    for each in objects("base"):
        if each["kind"] in ("Deployment", "StatefulSet", "Job", "CronJob") and each["metadata"]["name"] != "any":
            yield each["metadata"]["name"], pod(each)["containers"][0]


def env_file(path: Path) -> dict[str, str]:
    return dict(line.split("=", 1) for line in path.read_text().splitlines() if line and not line.startswith("#"))


def variables(container: Mapping[str, Any], *folders: str) -> dict[str, str]:
    """What a process is given: of its ConfigMaps, as these folders have them, and by name; secrets are made up."""
    found: dict[str, str] = {}
    for source in container["envFrom"]:
        for folder in folders:
            if (file := HERE / folder / f"{source['configMapRef']['name']}.env").is_file():
                found |= env_file(file)
    return found | {each["name"]: each.get("value", "x" * 48) for each in container.get("env", ())}


def settings(given: Mapping[str, str], monkeypatch: pytest.MonkeyPatch, folder: Path) -> Settings:
    """As the process reads them, with its secret files in `folder`."""
    for name, value in given.items():
        if value.startswith("/secrets/") and not name.endswith("_CA"):
            path = folder / Path(value).name
            path.write_text("a password")
            value = str(path)
        monkeypatch.setenv(name, "" if name.endswith("_CA") else value)
    return Settings(_env_file=None)  # type: ignore[call-arg]


@pytest.mark.parametrize("name", generated["FILES"])
def test_a_manifest_is_as_new_as_the_code_it_is_made_from(name: str) -> None:
    fresh = generated["text"](name)
    assert (HERE / name).read_text() == fresh, "run: PYTHONPATH=. python deploy/kubernetes/generate.py"


def test_every_setting_that_a_manifest_names_is_one() -> None:
    named = {
        name
        for file in HERE.rglob("*")
        if file.suffix in (".yaml", ".env")
        for name in re.findall(r"\bLACAK_[A-Z_]+", file.read_text())
    }
    assert len(named) > 15
    assert named <= {f"LACAK_{name.upper()}" for name in Settings.model_fields}


@pytest.mark.parametrize(("name", "container"), [*containers()])
def test_what_a_process_is_given_is_whole(
    name: str, container: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    given = variables(container, "base", "components/gateway-api")
    found = settings(given, monkeypatch, tmp_path)
    mounted = {each["mountPath"] for each in container["volumeMounts"]}
    files = {str(Path(value).parent) for value in given.values() if value.startswith("/secrets/")}
    assert files == {path for path in mounted if path.startswith("/secrets/")}
    service = next(each for each in SERVICES.values() if each.user(found) == _user(found))
    if name in WORKLOADS:
        assert service.name == name == pod(workload(name))["serviceAccountName"]
    assert bool(found.cassandra_username) is bool(service.tables) or name == "topics"
    assert f"/{found.data_dir.relative_to('/')}" in mounted or name != "notify"


def _user(found: Settings) -> str:
    return found.kafka_username or found.cassandra_username


@pytest.mark.parametrize("name", WORKLOADS)
def test_probes_and_ports_are_those_that_the_process_serves(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    container = pod(workload(name))["containers"][0]
    assert container["args"] == ["serve", name]
    found = settings(variables(container, "base"), monkeypatch, tmp_path)
    [port] = container["ports"]
    if name in FACTORIES:
        assert (found.http_host, port["containerPort"]) == ("0.0.0.0", found.http_port)
        plain = Settings.model_construct(jwt_secret=SECRET)
        served = set(FACTORIES[name](plain).openapi()["paths"])
    else:
        assert (found.metrics_host, port["containerPort"]) == ("0.0.0.0", getattr(found, WORKERS_METRICS[name]))
        served = {"/healthz", "/metrics"}
    probes = [container[f"{each}Probe"]["httpGet"] for each in ("startup", "liveness", "readiness")]
    assert {each["port"] for each in probes} == {port["name"]}
    assert {each["path"] for each in probes} <= served


def test_a_process_has_the_time_that_it_takes_to_end(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def seconds(name: str) -> int:
        spec = pod(workload(name))
        stop = spec["containers"][0].get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
        left: int = spec["terminationGracePeriodSeconds"] - stop
        return left

    gateway = settings(variables(pod(workload("gateway"))["containers"][0], "base"), monkeypatch, tmp_path)
    assert seconds("track") > STOP_SECONDS < seconds("notify")
    assert seconds("api") > GRACE_SECONDS + CLOSING_SECONDS
    assert seconds("gateway") > gateway.drain_seconds + GATEWAY_GRACE_SECONDS + CLOSING_SECONDS


@pytest.mark.parametrize("worker", WORKERS_METRICS)
def test_a_worker_may_write_where_its_folder_is_made(worker: str) -> None:
    [container] = pod(workload(worker))["containers"]
    given = env_file(HERE / "base" / "settings.env")["LACAK_DATA_DIR"]
    assert given in {mount["mountPath"] for mount in container["volumeMounts"] if not mount.get("readOnly")}


def test_the_way_in_has_the_doors_of_haproxy_and_no_other() -> None:
    haproxy = (DEPLOY / "gateway" / "haproxy.cfg").read_text()
    doors = {path.rstrip("/") for line in re.findall(r"acl open path.*", haproxy) for path in re.findall(r"/\S+", line)}
    live = {path.rstrip("/") for line in re.findall(r"acl live path.*", haproxy) for path in re.findall(r"/\S+", line)}
    found: dict[str, set[str]] = {"api": set(), "gateway": set()}
    for route in objects("components/gateway-api"):
        if route["kind"] == "HTTPRoute":
            for rule in route["spec"]["rules"]:
                [backend] = rule["backendRefs"]
                found[backend["name"]] |= {match["path"]["value"] for match in rule["matches"]}
    assert found == {"api": doors, "gateway": live}


def test_the_way_in_and_the_services_believe_the_same_issuer() -> None:
    env = env_file(HERE / "components/gateway-api/settings.env")
    [provider] = one("SecurityPolicy", "tokens", "components/gateway-api")["spec"]["jwt"]["providers"]
    assert provider["remoteJWKS"]["uri"] == env["LACAK_JWT_KEYS"]
    assert provider["issuer"] == env["LACAK_JWT_ISSUER"]
    assert provider["audiences"] == [Settings.model_fields["jwt_audience"].default]


def test_what_scales_reads_what_there_is_and_may() -> None:
    read = {"topics": set[str](), "groups": set[str]()}
    for each in objects("components/autoscaling"):
        for trigger in each.get("spec", {}).get("triggers", ()):
            if trigger["type"] == "kafka":
                read["topics"].add(trigger["metadata"]["topic"])
                read["groups"].add(trigger["metadata"]["consumerGroup"])
            else:
                assert metrics.CONNECTIONS._name in trigger["metadata"]["query"]
    assert read["groups"] == {topics.TRACK_GROUP, topics.NOTIFY_GROUP}
    assert dict.fromkeys(read["topics"], (DESCRIBE,)) == SCALER.topics
    assert dict.fromkeys(read["groups"], (DESCRIBE,)) == SCALER.groups


def test_production_has_no_more_workers_than_partitions() -> None:
    size = one("Size", "production", "overlays/production")["spec"]
    overlay = (HERE / "overlays/production/kustomization.yaml").read_text()
    assert f"LACAK_PARTITIONS={size['partitions']}]" in overlay
    for worker in ("track", "notify"):
        assert size[worker]["at_least"] <= size[worker]["at_most"] <= size["partitions"]


def made_secrets() -> set[str]:
    made = {
        each["metadata"]["name"] for each in objects("components") if each["kind"] in ("KafkaUser", "ExternalSecret")
    }
    made |= {each["spec"]["secretName"] for each in objects("components") if each["kind"] == "Certificate"}
    return made | {"lacak-cluster-ca-cert"}  # Strimzi's, of the cluster `lacak`


def test_every_secret_that_is_used_is_made_by_somebody() -> None:
    used = set[str]()
    for folder in ("base", "components/cassandra"):
        for file in (HERE / folder).glob("*.yaml"):
            text = file.read_text()
            used |= set(
                re.findall(r"(?:secret: \{name|secretName|SecretRef: \{name|secretKeyRef: \{name): ([\w-]+)", text)
            )
    assert len(used) > 10
    assert used - made_secrets() == {"medusa-bucket"}, "of a bucket that asks for a key: made by hand"


def test_the_schema_job_makes_a_role_for_each_service_that_has_tables() -> None:
    job = one("Job", "migrate", "components/cassandra")["spec"]["template"]["spec"]
    with_tables = {name for name, service in SERVICES.items() if service.tables and name != "web"}
    roles, _migrate = job["initContainers"]
    for container in (roles, *job["containers"]):
        args = container["args"]
        named = {args[at + 1] for at, word in enumerate(args) if word == "--user"}
        assert named == {f"{name}=lacak-{name}" for name in with_tables}
    [passwords] = [each["projected"]["sources"] for each in job["volumes"] if each["name"] == "passwords"]
    assert {each["secret"]["items"][0]["path"] for each in passwords} == {f"lacak-{name}" for name in with_tables}


def test_each_port_of_ours_has_its_guard_in_the_mesh() -> None:
    guarded = {
        (each["spec"]["podSelector"]["matchLabels"]["app.kubernetes.io/name"], each["spec"]["port"])
        for each in objects("components/mesh")
        if each["kind"] == "Server"
    }
    assert guarded == {(name, pod(workload(name))["containers"][0]["ports"][0]["name"]) for name in WORKLOADS}


@pytest.mark.parametrize("user", command["USERS"])
def test_a_command_by_hand_is_the_daily_job_as_another_user(
    user: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    daily = one("CronJob", "waiting-expire", "base")
    job = command["job"](daily, user, ["topics", "--help"])
    container = pod(job)["containers"][0]
    assert container["args"] == ["topics", "--help"]
    given = variables(container, "base")
    found = settings(given, monkeypatch, tmp_path)
    service = SERVICES[user]
    assert found.cassandra_username == service.user(found)
    assert found.kafka_username == (service.user(found) if service.topics else "")
    mounted = {each["mountPath"] for each in container["volumeMounts"]}
    assert {str(Path(value).parent) for value in given.values() if value.startswith("/secrets/")} == mounted
    accounts = {each["metadata"]["name"] for each in objects("base") if each["kind"] == "ServiceAccount"}
    assert pod(job)["serviceAccountName"] in accounts
    used = set(re.findall(r"'secret': \{'name': '([\w-]+)'", str(job)))
    assert used <= made_secrets()
    assert ("-ops" in str(job)) == (user == "ops")
    assert len(used) == 2 * (bool(service.topics) + 1)
    assert daily == one("CronJob", "waiting-expire", "base"), "and the daily job stays as it is"


def test_pages_name_commands_and_users_that_there_are() -> None:
    pages = (DEPLOY.parent / "docs").rglob("*.md")
    named = {each for page in pages for each in re.findall(r"command\.py (\w+) (\w+)", page.read_text())}
    assert len(named) > 3
    assert {user for user, _ in named} <= set(command["USERS"])
    assert {name for _, name in named} <= COMMANDS


def test_kafkas_tools_are_of_the_brokers_version_and_their_administrator_is_nobody_elses() -> None:
    tools = one("Pod", "kafka-tools", "tools")
    [container] = tools["spec"]["containers"]
    version = one("Kafka", "lacak", "components")["spec"]["kafka"]["version"]
    assert container["image"].endswith(f"-kafka-{version}")
    admin = one("KafkaUser", "lacak-admin", "tools")
    users = [each["metadata"]["name"] for each in objects("base", "components") if each["kind"] == "KafkaUser"]
    assert admin["metadata"]["name"] not in users
    assert admin["metadata"]["labels"]["strimzi.io/cluster"] == "lacak"
    properties = env_file(HERE / "tools/client.properties")
    assert properties["ssl.truststore.location"] == "/secrets/kafka/ca.crt"
    assert properties["sasl.jaas.config"] == "${directory:/secrets/kafka:sasl.jaas.config}"
    assert "/secrets/kafka" in {each["mountPath"] for each in container["volumeMounts"]}
