"""A `lacak` command in the cluster: `python3 deploy/kubernetes/command.py ops rejected list --since 1h`.

A Job as the daily one is: of the version that runs, with its settings, behind its NetworkPolicies; only the user is
another. Prints what the command prints, and ends with its exit code. The Job goes an hour after its end; Ctrl-C leaves
it running. Needs kubectl, and a person who may make Jobs in the namespace.
"""

import json
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

NAMESPACE, DAILY = "lacak", "waiting-expire"
USERS = ("ops", "rebuild", "deploy")
NO_KAFKA = ("rebuild",)  # they have no user there
ACCOUNTS = {"deploy": "deploy"}
Object = Mapping[str, Any]


def job(daily: Object, user: str, arguments: Sequence[str]) -> dict[str, Any]:
    """The Job of `lacak` with these arguments as `user`, out of the daily CronJob."""
    text = json.dumps(daily["spec"]["jobTemplate"]["spec"])
    for secret in ("lacak", "cassandra"):
        text = text.replace(f"{secret}-ops", f"{secret}-{user}")
    spec: dict[str, Any] = json.loads(text) | {"backoffLimit": 0, "ttlSecondsAfterFinished": 3600}
    labels = spec["template"]["metadata"]["labels"]
    labels["app.kubernetes.io/name"] = "command"
    pod = spec["template"]["spec"]
    pod["serviceAccountName"] = ACCOUNTS.get(user, "ops")
    pod["containers"][0]["args"] = list(arguments)
    if user in NO_KAFKA:
        _without_kafka(pod)
    metadata = {"generateName": f"lacak-{user}-", "namespace": NAMESPACE, "labels": labels}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": spec}


def _without_kafka(pod: dict[str, Any]) -> None:
    container = pod["containers"][0]
    container["envFrom"] = [each for each in container["envFrom"] if not _of_kafka(each["configMapRef"])]
    container["env"] = [each for each in container.get("env", ()) if "KAFKA" not in each["name"]]
    container["volumeMounts"] = [each for each in container["volumeMounts"] if not _of_kafka(each)]
    pod["volumes"] = [each for each in pod["volumes"] if not _of_kafka(each)]


def _of_kafka(named: Object) -> bool:
    """kustomize puts a hash behind a ConfigMap's name."""
    return str(named["name"]).partition("-")[0] == "kafka"


def kubectl(*arguments: str, text: str | None = None) -> str:
    return subprocess.run(
        ["kubectl", "-n", NAMESPACE, *arguments], input=text, stdout=subprocess.PIPE, text=True, check=True
    ).stdout


def follow(name: str) -> int:
    """Prints what the Job's pod says until it ends; its exit code."""
    said, told = False, ""
    while True:
        state = _state(name)
        if not said and (said := "running" in state or "terminated" in state):
            subprocess.run(["kubectl", "-n", NAMESPACE, "logs", "-f", f"job/{name}", "-c", "lacak"], check=True)
            continue
        if "terminated" in state:
            return int(state["terminated"]["exitCode"])
        if (why := state.get("waiting", {}).get("reason", "")) != told:
            print(f"{name}: {why}", file=sys.stderr)
            told = why
        time.sleep(1)


def _state(name: str) -> dict[str, Any]:
    pods = json.loads(kubectl("get", "pods", "-l", f"batch.kubernetes.io/job-name={name}", "-o", "json"))["items"]
    containers = [each for pod in pods for each in pod["status"].get("containerStatuses", ())]
    states: list[dict[str, Any]] = [each["state"] for each in containers if each["name"] == "lacak"]
    return states[0] if states else {}


def main() -> int:
    if len(sys.argv) < 3 or sys.argv[1] not in USERS:
        sys.exit(f"usage: command.py {'|'.join(USERS)} COMMAND [OPTION...], such as: command.py ops rejected list")
    daily = json.loads(kubectl("get", "cronjob", DAILY, "-o", "json"))
    made = kubectl("create", "-f", "-", "-o", "name", text=json.dumps(job(daily, sys.argv[1], sys.argv[2:])))
    name = made.strip().rpartition("/")[2]
    try:
        return follow(name)
    except KeyboardInterrupt:
        print(f"it goes on: kubectl -n {NAMESPACE} logs -f job/{name}; to end it: delete job/{name}", file=sys.stderr)
        return 130
    except subprocess.CalledProcessError as error:
        return error.returncode


if __name__ == "__main__":
    sys.exit(main())
