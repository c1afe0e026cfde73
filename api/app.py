"""The composition root of the HTTP side: three factories, each an app that is not connected to anything yet.

The order-tracking API and the push gateway are deployed and scaled each by itself; `create_web` is both on one port,
and the page.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI

from api import (
    about,
    cancel,
    correct,
    event_docs,
    fates,
    header_docs,
    ingest,
    lifecycle,
    local,
    page,
    problems,
    queries,
    sharing,
    updates,
)
from api.cookies import PlainCookies
from api.health import health_routes
from api.identity import Identity
from api.limits import UNLIMITED, Limit, Limits
from api.live.gateway import Gateway
from api.live.routes import live_routes
from api.local_traces import trace_routes
from api.plain_path import PlainPath
from api.registry import RegistryError, registry_routes
from api.requests import BodyLimit, Measure
from api.services import Services, wall_clock
from api.store import Store
from streams.settings import Settings
from streams.spans import Spans
from tables.cassandra_orders import CassandraOrders

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


class App(FastAPI):
    """FastAPI whose description is true: errors are problems, also where FastAPI supposes its own form."""

    gateway: Gateway | None = None  # of live push, where this app has it
    leaving = False  # told to end: whoever asks shall send nothing more
    _described: dict[str, Any] | None = None

    def openapi(self) -> dict[str, Any]:
        document = super().openapi()
        if document is not self._described:  # FastAPI keeps what it made, and is asked each time
            problems.describe(document, UNLIMITED)
            event_docs.describe(document)
            header_docs.describe(document)
            self._described = document
        return document


def create_api(settings: Settings) -> App:
    """The order-tracking API: ingest, queries, lifecycle, registry."""
    services, spans = Services.of(settings), Spans(settings, "api")

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        spans.start()
        await services.start()
        yield
        await services.stop()
        spans.stop()

    app = _app(services.limits, services.identity, spans, lifespan)
    _add_api(app, settings, services)
    app.include_router(health_routes(services.checks, lambda: services.failed, lambda: app.leaving))
    return app


def create_gateway(settings: Settings) -> App:
    """The push gateway: live push, and nothing that writes."""
    store = Store(lambda: CassandraOrders.connect(settings))
    identity = Identity(settings, wall_clock, None)
    spans = Spans(settings, "gateway")
    gateway = Gateway(settings, store.orders, identity.authenticator, spans)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        spans.start()
        await store.start()
        await identity.start()
        await gateway.start()
        yield
        await gateway.stop()
        await identity.stop()
        await store.stop()
        spans.stop()

    app = _app(Limits(settings), identity, spans, lifespan)
    _add_live(app, gateway)
    checks = {"live": lambda: gateway.ready, **identity.checks}
    app.include_router(
        health_routes(checks, lambda: gateway.failed or store.failed or identity.failed, lambda: app.leaving)
    )
    return app


def create_web(settings: Settings) -> App:
    """Both on one port, and the page."""
    services, spans = Services.of(settings), Spans(settings, "web")
    gateway = Gateway(settings, services.store.orders, services.identity.authenticator, spans)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        spans.start()
        await services.start()
        await gateway.start()
        yield
        await gateway.stop()
        await services.stop()
        spans.stop()

    app = _app(services.limits, services.identity, spans, lifespan)
    _add_api(app, settings, services)
    _add_live(app, gateway)
    checks = {**services.checks, "live": lambda: gateway.ready}
    app.include_router(health_routes(checks, lambda: services.failed or gateway.failed, lambda: app.leaving))
    page.add_page(app)
    return app


FACTORIES: dict[str, Callable[[Settings], App]] = {"api": create_api, "gateway": create_gateway, "web": create_web}


def _app(limits: Limits, identity: Identity, spans: Spans, lifespan: Lifespan) -> App:
    app = App(
        title="Lacak",
        summary=about.SUMMARY,
        description=about.DESCRIPTION,
        license_info=about.LICENSE,
        servers=[{"url": "/", "description": "wherever this description was read"}],
        version=version("lacak"),
        openapi_tags=about.TAGS,
        docs_url=None,  # its pages load scripts from a CDN
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
    )
    app.state.authenticator = identity.authenticator
    app.state.limits = limits
    app.add_middleware(PlainCookies)
    app.add_middleware(BodyLimit)
    app.add_middleware(PlainPath)
    app.add_middleware(Limit, limits=limits)
    app.add_middleware(Measure, spans=spans)
    problems.install(app)
    return app


def _add_api(app: App, settings: Settings, services: Services) -> None:
    app.state.services = services
    for router in (
        ingest.router,
        updates.router,
        cancel.router,
        correct.router,
        fates.router,
        queries.router,
        sharing.router,
        sharing.opened,
        lifecycle.router,
        registry_routes(settings),
    ):
        app.include_router(router)
    if settings.local_stack:
        app.include_router(local.reads)
        app.include_router(local.router)
        if settings.traces_url:
            app.include_router(trace_routes(settings.traces_url))

    async def on_registry(_: object, error: Exception) -> Any:
        assert isinstance(error, RegistryError)
        return error.response()

    app.add_exception_handler(RegistryError, on_registry)


def _add_live(app: App, gateway: Gateway) -> None:
    app.include_router(live_routes(gateway))
    app.gateway = gateway
