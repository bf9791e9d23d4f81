"""Who may talk to the studio: the page that the printed address opened, and nobody else.

The token of the address becomes a cookie that scripts cannot read and other sites cannot send. The Host of every
request must be the server's own (against DNS rebinding), and the Origin of every change too (against other sites).
"""

from __future__ import annotations

import hmac
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

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
    """Check every request before the application sees it, and add the headers that protect the page."""

    def __init__(self, app: ASGIApp, token: str, hosts: frozenset[str], cookie: str) -> None:
        """Guard an application.

        Args:
            app: the application.
            token: the secret of the address.
            hosts: the values of Host that are the server's own.
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
        if headers.get("host", "").lower() not in self._hosts:
            return PlainTextResponse("This host name is not the studio's own.", 421)
        if not self._is_same_site(scope["method"], headers):
            return PlainTextResponse("Other sites may not use the studio.", 403)
        offered = parse_qs(scope.get("query_string", b"").decode("latin-1")).get("token", [""])[0]
        if scope["path"] == "/" and offered and self._matches(offered):
            response = RedirectResponse("/", 303)
            response.set_cookie(self._cookie, self._token, max_age=30 * 86400, httponly=True, samesite="strict")
            return response
        if not self._matches(self._cookie_value(headers)):
            return PlainTextResponse(_CLOSED, 401)
        return None

    def _is_same_site(self, method: str, headers: Headers) -> bool:
        origin, site = headers.get("origin"), headers.get("sec-fetch-site", "none")
        if method not in _READS:
            return origin is not None and origin.partition("://")[2].lower() in self._hosts
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
