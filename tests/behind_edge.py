"""All of Lacak behind the API gateway: two APIs, two push gateways and a worker, each a process."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import edge as edges
from edge import HOST, Edge
from lacak import ready
from processes import Process, free_port, running, until
from rest import Rest
from streams.settings import Settings

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class Behind:
    """A running one. `rest` is a client that comes through the gateway, over HTTP/1.1."""

    settings: Settings
    track: Process
    apis: tuple[Process, Process]
    gateways: tuple[Process, Process]
    edge: Edge
    rest: Rest

    def ready(self) -> bool:
        """Whether all of them take traffic."""
        return all(ready(url(process)) for process in (*self.apis, *self.gateways))


def url(process: Process) -> str:
    """Where a process listens, for those inside."""
    return f"http://{LOOPBACK}:{process.settings.http_port}"


@contextmanager
def lacak(settings: Settings, folder: Path, **variables: object) -> Iterator[Behind]:
    """Ready when this begins. `variables` are the gateway's own."""
    ours = {"http_host": LOOPBACK, "secure_cookies": True, "trusted_proxies": f"{LOOPBACK}/32"}
    apis, gateways = (
        [Process(kind, settings.model_copy(update={**ours, "http_port": free_port()}), f"{kind}-{n}") for n in (1, 2)]
        for kind in ("api", "gateway")
    )
    addresses = [[url(each).removeprefix("http://") for each in two] for two in (apis, gateways)]
    variables = {"LACAK_JWT_SECRET": settings.jwt_secret, **variables}
    with ExitStack() as held:
        track = Process("track", settings)
        held.enter_context(running(track, *apis, *gateways))
        edge = held.enter_context(edges.running(folder, addresses[0], addresses[1], **variables))
        client = held.enter_context(edge.client())
        outside = settings.model_copy(update={"http_host": HOST, "http_port": edge.port})
        behind = Behind(outside, track, (apis[0], apis[1]), (gateways[0], gateways[1]), edge, Rest(outside, client))
        until(behind.ready, 120, "all of them are ready")
        until(lambda: _lets_in(behind), what="the gateway lets requests in")
        yield behind


def _lets_in(behind: Behind) -> bool:
    """It has seen that each backend is ready."""
    ops = behind.rest.headers("ops")
    found = [behind.rest.get("/v1/orders/1", ops), behind.rest.get("/v1/live/sse")]
    return [answer.status_code for answer in found] == [404, 401]
