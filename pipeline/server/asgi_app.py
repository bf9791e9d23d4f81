"""The ASGI application: routes, error responses in the contract's form, and the queue's start and stop."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import AsyncIterator, Callable

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp

from ..core.errors import StorageFailed
from ..core.version import version_text
from . import api_routes, file_routes
from .fault_middleware import FaultMiddleware
from .faults import FaultInjector
from .job_queue import JobQueue
from .server_job import RequestRefused
from .validation import queue_of

DESCRIPTION = (
    "React-1's hosted contract in front of the local preview engine, which is not React-1. Nothing is billed: "
    "costs and credits are simulated. Send any key as `x-api-key`, or the one that the server was started with."
)
_PAGE = "<html><head><title>{0}</title></head><body><center><h1>{0}</h1></center></body></html>"


class NotifyingServer(uvicorn.Server):
    """Calls `ready` once it accepts connections."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start listening, then call `ready`."""
        await super().startup(sockets)
        self._ready()


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
