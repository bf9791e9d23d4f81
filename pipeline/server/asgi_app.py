"""The application: routes, errors in the contract's form, and the desk's life."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp

from ..core.errors import StorageFailed
from ..core.version import version_text
from . import account_routes, call_routes, file_routes
from .fault_middleware import Meddler
from .faults import Faults
from .job_queue import Desk
from .refusal import Refused
from .validation import desk_of

ABOUT = (
    "React-1's hosted contract in front of the local preview engine, which is not React-1. Nothing is paid: "
    "costs and credits are rehearsed. Send any key as `x-api-key`, or the one that the server was started with."
)
_PAGE = "<html><head><title>{0}</title></head><body><center><h1>{0}</h1></center></body></html>"


def build_app(desk: Desk, faults: Faults) -> ASGIApp:
    """Put the application together."""

    @contextlib.asynccontextmanager
    async def life(_app: FastAPI) -> AsyncIterator[None]:
        desk.shelf.open()
        try:
            await desk.start()
            yield
            await desk.close()
        finally:
            desk.shelf.close()

    app = FastAPI(title="react1 local server", version=version_text(), description=ABOUT, lifespan=life, redoc_url=None)
    app.state.desk = desk
    for router in (account_routes.router, file_routes.router, call_routes.router):
        app.include_router(router)
    app.add_exception_handler(Refused, _refused)
    app.add_exception_handler(HTTPException, _not_served)
    app.add_exception_handler(StorageFailed, _not_stored)
    app.add_exception_handler(ClientDisconnect, _nobody_there)
    app.add_exception_handler(Exception, _fault)
    return Meddler(app, faults)


async def _refused(_request: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)
    return JSONResponse({"error": error.message}, error.status, error.headers)


async def _not_served(_request: Request, error: Exception) -> Response:
    """Answer what no route does; a wrong method is told as the host tells it, as a page."""
    assert isinstance(error, HTTPException)
    if error.status_code == 405:
        return HTMLResponse(_PAGE.format("405 Not Allowed"), 405, error.headers)
    told = "not found: there is no such endpoint" if error.status_code == 404 else str(error.detail)
    return JSONResponse({"error": told}, error.status_code)


async def _not_stored(_request: Request, error: Exception) -> Response:
    return JSONResponse({"error": f"{error}; no request was made"}, 500)


async def _nobody_there(_request: Request, _error: Exception) -> Response:
    return Response(status_code=400)


async def _fault(request: Request, error: Exception) -> Response:
    desk_of(request).tell(f"a fault of ours: {request.method} {request.url.path}: {type(error).__name__}: {error}")
    return JSONResponse({"error": "internal server error"}, 500)
