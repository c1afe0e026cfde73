"""Runs one of the apps: uvicorn on uvloop, and a goodbye before it goes."""

import asyncio
import socket

import uvicorn

from api.app import FACTORIES, App
from api.http_head import BoundedHttp
from api.live.ceiling import raise_file_limit
from api.live.doorstep import Doorsteps
from streams import metrics
from streams.garbage import settle
from streams.settings import Settings

# For requests under way, after the live connections have said goodbye. A POST takes up to produce_timeout, 5 s; with
# what closing takes, an API ends in 10 s, and a gateway, which takes no POSTs of records, in its drain and 5 s.
GRACE_SECONDS = 6
GATEWAY_GRACE_SECONDS = 3
BACKLOG = 4096  # a gateway's clients all come back at once


class Server(uvicorn.Server):
    """Drains before it shuts down: uvicorn itself closes every live connection at once, and all come back at once."""

    def __init__(self, config: uvicorn.Config, app: App) -> None:
        super().__init__(config)
        self.app = app

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        settle()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if self.app.gateway is not None:
            draining = asyncio.ensure_future(self.app.gateway.drain())
            # A second signal means now.
            while not draining.done() and not self.force_exit:
                await asyncio.wait({draining}, timeout=0.1)
            draining.cancel()
        await super().shutdown(sockets)


def make_server(name: str, settings: Settings, portable: bool = False) -> Server:
    """The server of `api`, `gateway` or `web` at http_host:http_port, not running. `portable`: live push as it is on
    any ASGI server, which takes 20 times the memory."""
    app = FACTORIES[name](settings)
    http = BoundedHttp if portable or app.gateway is None else Doorsteps(app.gateway)
    config = uvicorn.Config(
        app,
        host=settings.http_host,
        port=settings.http_port,
        loop="uvloop",
        http=http,  # type: ignore[arg-type]
        ws_per_message_deflate=False,
        ws_max_size=4096,
        ws_ping_interval=25,
        ws_ping_timeout=50,
        lifespan="on",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        backlog=BACKLOG,
        timeout_keep_alive=75,  # longer than the proxies in front, which else meet a connection just closed
        timeout_graceful_shutdown=GATEWAY_GRACE_SECONDS if name == "gateway" else GRACE_SECONDS,
    )
    return Server(config, app)


def serve(name: str, settings: Settings) -> None:
    """Serves `api`, `gateway` or `web` until SIGTERM or SIGINT."""
    raise_file_limit()
    metrics.PARTITIONS.set(settings.partitions)
    make_server(name, settings).run()
