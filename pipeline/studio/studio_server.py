"""The studio's server: the page, the endpoints, errors in the page's words, and running it on loopback."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any
from urllib.parse import quote

import uvicorn
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp

from ..core.errors import InputMediaError, PresetError, React1Error, StorageFailed
from ..core.version import version_text
from ..server.asgi_app import NotifyingServer, bind_socket, server_url
from .answers.general_answers import ErrorAnswer
from .page_words import page_message
from .projects.job_file import EditConflict
from .routes import film_routes, media_routes, project_routes
from .routes.security import Guard
from .studio import Studio
from .studio_options import StudioOptions, kept_token, require_safe_host, require_studio

_PAGE_TYPES = {".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}


def build_app(studio: Studio) -> FastAPI:
    """Build the application without its guard."""

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        studio.events.bind(asyncio.get_running_loop())
        app.state.render_threads = ThreadPoolExecutor(4, thread_name_prefix="react1-studio-render")
        app.state.card_threads = ThreadPoolExecutor(1, thread_name_prefix="react1-studio-cards")
        watching = asyncio.create_task(studio.watch_jobs())
        try:
            yield
        finally:
            watching.cancel()
            studio.events.close()
            for threads in (app.state.render_threads, app.state.card_threads):
                threads.shutdown(wait=True, cancel_futures=True)
            await asyncio.to_thread(studio.close)

    app = FastAPI(
        title="react1 studio", version=version_text(), lifespan=lifespan, redoc_url=None, docs_url=None,
        openapi_url="/api/openapi.json",
    )  # fmt: skip
    app.state.studio = studio
    for routes in (project_routes, film_routes, media_routes):
        app.include_router(routes.router)
    app.add_api_route("/", _page_file, methods=["GET"], include_in_schema=False)
    app.add_api_route("/page/{name}", _page_file, methods=["GET"], include_in_schema=False)
    app.add_exception_handler(React1Error, _known_error)
    app.add_exception_handler(RequestValidationError, _invalid_request)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(Exception, _internal_error)
    return app


def guarded(app: ASGIApp, options: StudioOptions, token: str, port: int) -> ASGIApp:
    """Return the application behind its guard."""
    names = {options.host, "localhost", "127.0.0.1", "[::1]"}
    host_names = {f"[{name}]" if ":" in name and not name.startswith("[") else name for name in names}
    hosts = frozenset({f"{name}:{port}" for name in host_names} | (host_names if port == 80 else set()))
    return Guard(app, token, hosts, f"react1_studio_{port}")


def _page_file(name: str = "index.html") -> Response:
    """Return a file of the page; the player comes from the report."""
    source = files(__package__).joinpath("page", name)
    if name in ("player.js", "player.css"):
        from .. import report

        source = files(report).joinpath(name)
    suffix = Path(name).suffix
    if suffix not in _PAGE_TYPES or "/" in name or not source.is_file():
        raise HTTPException(404)
    with as_file(source) as path:
        return FileResponse(path, media_type=_PAGE_TYPES[suffix], headers={"Cache-Control": "no-cache"})


async def _known_error(_request: Request, error: Exception) -> Response:
    status = 500
    if isinstance(error, EditConflict):
        status = 409
    elif isinstance(error, (PresetError, InputMediaError)):
        status = 422
    elif isinstance(error, StorageFailed):
        status = 507
    return _refused(page_message(error), status)


async def _invalid_request(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    detail = error.errors()[0]
    place = ".".join(str(part) for part in detail["loc"][1:])
    return _refused(f"{place}: {detail['msg']}", 422)


async def _http_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return _refused("not found" if error.status_code == 404 else str(error.detail), error.status_code)


async def _internal_error(_request: Request, error: Exception) -> Response:
    return _refused(page_message(error), 500)


def _refused(text: str, status: int) -> Response:
    return JSONResponse(ErrorAnswer(error=text).model_dump(), status)


class StudioServer:
    """One studio; its port is bound as soon as this object exists."""

    def __init__(self, options: StudioOptions, *, ready: Callable[[str], None] = lambda _: None) -> None:
        """Bind the port.

        Args:
            options: what it serves, and where.
            ready: called with the address of the page once it accepts connections.

        Raises:
            PresetError: the port is in use, or the host is not safe.
            MissingExtra: a library is missing.
        """
        require_studio()
        require_safe_host(options, own_token=bool(options.token))
        self.token = options.token or kept_token(options.home)
        self._socket = bind_socket(options.host, options.port)
        self.port: int = self._socket.getsockname()[1]
        self._options, self._ready = options, ready
        self._stop: Callable[[], None] | None = None

    @property
    def url(self) -> str:
        """The address of the page, with its token."""
        return f"{server_url(self._options.host, self.port)}/?token={quote(self.token)}"

    def run(self) -> None:
        """Serve until a signal or `stop` ends it."""
        try:
            asyncio.run(self._serve())
        finally:
            self._socket.close()

    def stop(self) -> None:
        """End `run`, from any thread."""
        if self._stop is not None:
            self._stop()

    async def _serve(self) -> None:
        studio = Studio(self._options)
        app = guarded(build_app(studio), self._options, self.token, self.port)
        quiet: dict[str, Any] = {"log_config": None, "log_level": "critical", "access_log": False}
        config = uvicorn.Config(
            app,
            ws="none",
            lifespan="on",
            server_header=False,
            timeout_graceful_shutdown=1,
            timeout_keep_alive=75,
            **quiet,
        )
        server = NotifyingServer(config, lambda: self._ready(self.url))

        def stop() -> None:
            studio.events.close()
            server.should_exit = True

        self._stop = stop
        await server.serve(sockets=[self._socket])
