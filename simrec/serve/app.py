"""The application: routes over the release that answers."""

import threading
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import msgspec
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, Router
from starlette.types import ASGIApp

from simrec.files import JsonObject
from simrec.serve.current_release import CurrentRelease
from simrec.serve.door import Door
from simrec.serve.endpoints import JSON, NOT_STORED, Endpoint, Endpoints
from simrec.serve.openapi import openapi_document
from simrec.serve.operations import OPERATIONS
from simrec.serve.pages import PageRoutes
from simrec.serve.rendering import Templates
from simrec.serve.search_slots import SearchSlots
from simrec.serve.serve_metrics import ServeMetrics
from simrec.serve.settings import ServeSettings

METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"
EXPOSED_HEADERS = ("ETag", "X-Request-ID", "Retry-After")


def make_app(settings: ServeSettings, current: CurrentRelease) -> ASGIApp:
    """Return the application; it follows `current` while it runs, and closes it at its end."""
    slots = SearchSlots(settings.max_searches)
    metrics = ServeMetrics(current, slots)
    endpoints = Endpoints(current, slots, settings)
    document = openapi_document(settings.prefix, bool(settings.token))
    routes = [*_api_routes(endpoints), *_server_routes(endpoints, metrics, document)]
    pages = PageRoutes(current, slots, Templates(settings.prefix)) if settings.has_pages else None
    if pages:
        routes += pages.all(document)

    @asynccontextmanager
    async def lifespan(_: object) -> AsyncIterator[None]:
        follower = threading.Thread(target=current.follow, name="follower", daemon=True)
        follower.start()
        yield
        current.close()
        slots.close()

    paths = [route.path for route in routes if isinstance(route, Route)]
    router = Router(routes, redirect_slashes=False, lifespan=lifespan)
    app: ASGIApp = Door(router, settings, metrics, paths, pages)
    if settings.cors:
        app = CORSMiddleware(
            app,
            allow_origins=settings.cors,
            allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "Content-Type", "X-Request-ID"],
            expose_headers=EXPOSED_HEADERS,
        )
    return app


def _api_routes(endpoints: Endpoints) -> list[BaseRoute]:
    """Return a route for each path of the API, for all its methods."""
    by_path: dict[str, dict[str, Endpoint]] = {}
    for operation in OPERATIONS:
        by_path.setdefault(operation.path, {})[operation.method] = endpoints.of(operation)
    return [
        Route(path, _by_method(of_method), methods=list(of_method))
        for path, of_method in by_path.items()
    ]


def _by_method(endpoints: Mapping[str, Endpoint]) -> Endpoint:
    """Return the endpoint of a path, which chooses by the method; HEAD is asked as GET is."""

    async def endpoint(request: Request) -> Response:
        method = "GET" if request.method == "HEAD" else request.method
        return await endpoints[method](request)

    return endpoint


def _server_routes(
    endpoints: Endpoints, metrics: ServeMetrics, document: JsonObject
) -> list[BaseRoute]:
    """Return the routes that tell about the server itself."""
    content = msgspec.json.encode(document)

    async def openapi(_: Request) -> Response:
        return Response(content, media_type=JSON, headers={"Cache-Control": "no-cache"})

    async def measured(_: Request) -> Response:
        text = metrics.as_text()
        return Response(text, media_type=METRICS_TYPE, headers=NOT_STORED)

    return [
        Route("/v1/health", endpoints.health),
        Route("/v1/metrics", measured),
        Route("/v1/openapi.json", openapi),
    ]
