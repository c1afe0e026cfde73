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

# An API that goes serves on until the proxies in front have seen that it is not ready, which the API gateway does in
# 0.7 s: a connection that is closed just when a POST is sent on it leaves its sender without an answer.
LEAVE_SECONDS = 1.0
# For requests under way after that, or after live connections have said goodbye. A POST takes up to produce_timeout,
# 5 s; with what closing takes, an API ends in 10 s. A gateway takes no POSTs of records: its drain, and 5 s.
GRACE_SECONDS = 5
GATEWAY_GRACE_SECONDS = 3
BACKLOG = 4096  # a gateway's clients all come back at once


class Server(uvicorn.Server):
    """Says goodbye before it shuts down: uvicorn itself closes every connection at once, and all come back at once."""

    def __init__(self, config: uvicorn.Config, app: App) -> None:
        super().__init__(config)
        self.app = app

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        settle()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self.app.leaving = True
        gateway = self.app.gateway
        going = asyncio.ensure_future(self._leave() if gateway is None else gateway.drain())
        # A second signal means now.
        while not going.done() and not self.force_exit:
            await asyncio.wait({going}, timeout=0.1)
        going.cancel()
        await super().shutdown(sockets)

    async def _leave(self) -> None:
        """While anybody is connected; whose next request is the last one on that connection."""
        self.server_state.default_headers.append((b"connection", b"close"))
        for _ in range(round(LEAVE_SECONDS / 0.05)):
            if self.server_state.connections:
                await asyncio.sleep(0.05)


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
