"""The image: one courier's update through containers of all four services, and what is not in it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from containers import SERVICES, System, inspect, run
from live_clients import bearer, websocket
from processes import until
from rest import Rest
from streams import topics
from topics_reader import messages

ORDER = {"id_user": 42, "id_produk": 7, "harga": 25_000, "jumlah": 2, "produk_nama": "Kopi Gayo"}


@contextmanager
def rest(system: System, service: str) -> Iterator[Rest]:
    """A client of a service."""
    with httpx.Client(base_url=system.url(service), timeout=30) as client:
        yield Rest(system.settings[service], client)


async def test_an_update_goes_through_all_four_services_to_the_customers_socket(system: System) -> None:
    with rest(system, "api") as api, rest(system, "gateway") as gateway:
        await send_and_watch(api, gateway)
    settings = system.settings["notify"]
    told = lambda: messages(settings, topics.NOTIFICATIONS.name, "UserNotification")  # noqa: E731
    until(lambda: [each["status"] for each in told()] == ["picked_up"], what="the customer is told")


async def send_and_watch(api: Rest, gateway: Rest) -> None:
    """A shop's order and a courier's update, as the customer sees them, and as an operator reads them."""
    async with websocket(gateway, headers=bearer(gateway.settings, 42)) as client:
        await client.next("snapshot")
        taken = api.post("/v1/orders", ORDER, api.headers("orders:write", sub="a-shop"))
        assert taken.status_code == 202, taken.text
        path = f"/v1/orders/{taken.json()['id_order']}"
        assert (await client.next("change"))["order"]["status"] == "placed"
        update = {"status": "picked_up", "courier": "jne"}
        assert api.post(f"{path}/status", update, api.headers("status:write", courier="jne")).status_code == 202
        assert (await client.next("change"))["order"]["status"] == "picked_up"
    assert api.get(path, api.headers("ops")).json()["status"] == "picked_up"


@pytest.mark.parametrize("service", SERVICES)
def test_a_health_command_without_an_answer_fails(service: str, system: System) -> None:
    elsewhere = system.settings[service].model_copy(
        update={"http_port": 9, "track_metrics_port": 9, "notify_metrics_port": 9}
    )
    assert f"{service} does not answer" in run("healthy", service, settings=elsewhere, code=1)


def test_it_runs_as_a_number_that_is_not_root(system: System) -> None:
    assert inspect(".Config.User") == "10001:10001"
    assert run("-c", "import os; print(os.getuid(), os.getgid())", entrypoint="python").split() == ["10001", "10001"]


def test_there_is_no_shell_and_no_package_manager() -> None:
    there = "import os; print(*sorted(os.listdir('/usr/bin') + os.listdir('/usr/sbin')))"
    found = run("-c", there, entrypoint="python").split()
    assert [name for name in found if not name.startswith(("python", "py3", "pydoc"))] == []


def test_what_is_compiled_is_compiled_in_it() -> None:
    """Without a compiler the wheel is made all the same, and is slower."""
    compiled = "import api.live.hub, api.live._changes, streams.tally as t; print(api.live.hub.__file__, t.__file__)"
    assert all(name.endswith(".so") for name in run("-c", compiled, entrypoint="python").split())


def test_only_what_the_services_import_is_installed() -> None:
    listing = "import json, importlib.metadata as m; print(json.dumps([d.name.lower() for d in m.distributions()]))"
    there = set(json.loads(run("-c", listing, entrypoint="python")))
    assert "lacak" in there and "faust-streaming" in there
    assert there.isdisjoint({"pip", "setuptools", "mypy", "pytest", "cython"})


@pytest.mark.parametrize("service", SERVICES)
def test_it_ends_when_it_is_told_to(service: str, system: System) -> None:
    """Without a shell before it, the service itself hears SIGTERM. Last of all: it stops the system."""
    assert system.containers[service].stop() == 0
