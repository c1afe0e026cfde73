"""All four services as containers of one image, on a Kafka and a Cassandra of the tests' own."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

import stack
from containers import SERVICES, System, run, serving
from fresh import drop, fresh_settings
from processes import free_port, until


@pytest.fixture(scope="module")
def system(servers: stack.Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """Ready, as each one's own health command says."""
    folder = tmp_path_factory.mktemp("containers")
    common = fresh_settings(servers, folder, http_host="127.0.0.1", drain_seconds=2.0)
    ports = {"track_metrics_port": free_port(), "notify_metrics_port": free_port()}
    settings = {each: common.model_copy(update={**ports, "http_port": free_port()}) for each in SERVICES}
    run("topics", settings=common)
    run("migrate", settings=common)
    with ExitStack() as held:
        containers = {each: held.enter_context(serving(each, settings[each], folder)) for each in SERVICES}
        for service, container in containers.items():
            until(lambda: container.execute("lacak", "healthy", service) == 0, 120, f"{service} is healthy")  # noqa: B023
        yield System(settings, containers)
    drop(common)
