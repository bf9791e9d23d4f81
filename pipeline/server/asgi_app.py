"""The ASGI application, and running it: routes, error responses in the contract's form, the queue's start and stop."""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp

from ..core.errors import StorageFailed
from ..core.version import version_text
from . import api_routes, file_routes
from .api_routes import queue_of
from .fault_middleware import AbortableProtocol, FaultMiddleware
from .faults import FaultInjector, FaultPlan
from .http_server import HttpServer
from .job_queue import JobQueue
from .job_store import JobStore, RequestRefused
from .renderers import RENDERERS, Renderer
from .server_options import ServerOptions, require_key, require_server

DESCRIPTION = (
    "React-1's hosted contract in front of the local preview engine, which is not React-1. Nothing is billed: "
    "costs and credits are simulated. Send any key as `x-api-key`, or the one that the server was started with."
)
_PAGE = "<html><head><title>{0}</title></head><body><center><h1>{0}</h1></center></body></html>"


def build_app(queue: JobQueue, faults: FaultInjector) -> ASGIApp:
    """Build the application."""

    @contextlib.asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        queue.store.open()
        try:
            await queue.start()
            yield
            await queue.close()
        finally:
            queue.store.close()

    app = FastAPI(
        title="react1 local server",
        version=version_text(),
        description=DESCRIPTION,
        lifespan=lifespan,
        redoc_url=None,
    )
    app.state.queue = queue
    for router in (api_routes.account_router, file_routes.router, api_routes.model_router):
        app.include_router(router)
    app.add_exception_handler(RequestRefused, _refused)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(StorageFailed, _storage_error)
    app.add_exception_handler(ClientDisconnect, _client_disconnected)
    app.add_exception_handler(Exception, _internal_error)
    return FaultMiddleware(app, faults)


async def _refused(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestRefused)
    return JSONResponse({"error": error.message}, error.status, error.headers)


async def _http_error(_request: Request, error: Exception) -> Response:
    """Respond with 404 or 405; 405 is HTML, as at the provider."""
    assert isinstance(error, HTTPException)
    if error.status_code == 405:
        return HTMLResponse(_PAGE.format("405 Not Allowed"), 405, error.headers)
    message = "not found: there is no such endpoint" if error.status_code == 404 else str(error.detail)
    return JSONResponse({"error": message}, error.status_code)


async def _storage_error(_request: Request, error: Exception) -> Response:
    return JSONResponse({"error": f"{error}; no request was created"}, 500)


async def _client_disconnected(_request: Request, _error: Exception) -> Response:
    return Response(status_code=400)


async def _internal_error(request: Request, error: Exception) -> Response:
    place = f"{request.method} {request.url.path}"
    queue_of(request).report(f"internal error (please report): {place}: {type(error).__name__}: {error}")
    return JSONResponse({"error": "internal server error"}, 500)


BACKLOG = 1024
MAX_CONNECTIONS = 1000
"""Further requests get 503."""


class LocalServer(HttpServer):
    """The server of the contract; `run` raises PresetError if another one uses its home."""

    def __init__(
        self,
        options: ServerOptions,
        plan: FaultPlan | None = None,
        *,
        renderer: Renderer | None = None,
        ready: Callable[[str], None] = lambda _: None,
        report: Callable[[str], None] = lambda _: None,
        now: Callable[[], float] = time.time,
    ) -> None:
        """Bind the port.

        Args:
            options: where it listens, and its limits.
            plan: faults to inject.
            renderer: renders takes; by default the one that the plan names.
            ready: called with the server's URL once it accepts connections.
            report: called with a line for each request that has ended.
            now: returns seconds since 1970.

        Raises:
            PresetError: the port is in use, or the server would be open to other machines without a key.
            MissingExtra: a library is missing.
        """
        require_server()
        require_key(options)
        plan = plan or FaultPlan()
        if plan.credits is not None:
            options = replace(options, credits=plan.credits)
        super().__init__(options.host, options.port, ready)
        self.options = replace(options, port=self.port)
        self._plan, self._renderer = plan, renderer or RENDERERS[plan.engine]
        self._report, self._now = report, now

    async def _serve(self) -> None:
        store = JobStore(self.options.home)
        store.open()  # raises here; inside the application uvicorn would only log the error
        queue = JobQueue(store, self.options, self._renderer, self._report, self._now)
        app = build_app(queue, FaultInjector(self._plan))
        await self._serve_app(
            app, graceful_s=2, http=AbortableProtocol, backlog=BACKLOG, limit_concurrency=MAX_CONNECTIONS
        )
