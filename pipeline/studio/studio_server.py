"""The studio's server: the page, the endpoints, who may use them, errors in the page's words, and running it."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
from collections.abc import AsyncIterator, Callable, Container
from concurrent.futures import ThreadPoolExecutor
from http.cookies import CookieError, SimpleCookie
from importlib.resources import as_file, files
from pathlib import Path
from urllib.parse import parse_qs, quote

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..core.errors import InputMediaError, PresetError, React1Error, StorageFailed
from ..core.version import version_text
from ..server.http_server import HttpServer
from ..server.server_options import is_loopback
from .answers.general_answers import ErrorAnswer
from .page_words import page_message
from .projects.job_file import EditConflict
from .routes import film_routes, media_routes, project_routes
from .studio import Studio
from .studio_options import StudioOptions, kept_token, require_safe_host, require_studio

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; "
    "connect-src 'self'; font-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(self)",
}
_READS = ("GET", "HEAD")
_CLOSED = (
    "This is a React-1 studio. Open the complete address that its terminal shows; it contains the key to this page."
)


class Guard:
    """Check every request before the application sees it, and add the headers that protect the page.

    The token of the address becomes a cookie that scripts cannot read and other sites cannot send. The Host of every
    request must be the server's own (against DNS rebinding), and the Origin of every change too (against other sites).
    A server that other machines reach is called by names that it does not know, also by those of proxies: any Host
    will do there, because the token has been chosen for it, and a change must have the Origin of that Host.
    """

    def __init__(self, app: ASGIApp, token: str, hosts: frozenset[str] | None, cookie: str) -> None:
        """Guard an application.

        Args:
            app: the application.
            token: the secret of the address.
            hosts: the values of Host that are the server's own; None for any.
            cookie: the name of the cookie; it contains the port, because cookies are shared by all ports of a host.
        """
        self._app, self._token, self._hosts, self._cookie = app, token, hosts, cookie

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_protected(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("Content-Security-Policy", POLICY)
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        refusal = self._refusal(scope)
        await (refusal or self._app)(scope, receive, send_protected)

    def _refusal(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        host = headers.get("host", "").lower()
        if self._hosts is not None and host not in self._hosts:
            return PlainTextResponse("This host name is not the studio's own.", 421)
        if not self._is_same_site(scope["method"], headers, self._hosts or {host}):
            return PlainTextResponse("Other sites may not use the studio.", 403)
        offered = parse_qs(scope.get("query_string", b"").decode("latin-1")).get("token", [""])[0]
        if scope["path"] == "/" and offered and self._matches(offered):
            response = RedirectResponse("/", 303)
            response.set_cookie(self._cookie, self._token, max_age=30 * 86400, httponly=True, samesite="strict")
            return response
        if not self._matches(self._cookie_value(headers)):
            return PlainTextResponse(_CLOSED, 401)
        return None

    @staticmethod
    def _is_same_site(method: str, headers: Headers, own: Container[str]) -> bool:
        origin, site = headers.get("origin"), headers.get("sec-fetch-site", "none")
        if method not in _READS:
            return origin is not None and origin.partition("://")[2].lower() in own
        is_page = headers.get("sec-fetch-mode", "") == "navigate"
        return site in ("same-origin", "none") or is_page

    def _cookie_value(self, headers: Headers) -> str:
        try:
            cookies = SimpleCookie(headers.get("cookie", ""))
        except CookieError:
            return ""
        return cookies[self._cookie].value if self._cookie in cookies else ""

    def _matches(self, offered: str) -> bool:
        return hmac.compare_digest(offered.encode("utf-8", "replace"), self._token.encode())


_PAGE_TYPES = {".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}


def build_app(studio: Studio) -> FastAPI:
    """Build the application without its guard."""

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        studio.events.bind(asyncio.get_running_loop())
        app.state.render_threads = ThreadPoolExecutor(4, thread_name_prefix="react1-studio-render")
        app.state.card_threads = ThreadPoolExecutor(1, thread_name_prefix="react1-studio-cards")
        watching = asyncio.create_task(studio.watch_files())
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
    return Guard(app, token, hosts if is_loopback(options.host) else None, f"react1_studio_{port}")


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


class StudioServer(HttpServer):
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
        require_safe_host(options)
        self.token = options.token or kept_token(options.home)
        super().__init__(options.host, options.port, ready)
        self._options = options

    @property
    def url(self) -> str:
        """The address of the page, with its token."""
        return f"{super().url}/?token={quote(self.token)}"

    async def _serve(self) -> None:
        studio = Studio(self._options)
        app = guarded(build_app(studio), self._options, self.token, self.port)
        await self._serve_app(app, graceful_s=1, before_stop=studio.events.close)
