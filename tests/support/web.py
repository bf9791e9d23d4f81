"""A web server on loopback whose responses a test writes as functions."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Web:
    """`routes` maps a path to a function of the request; `requests` has path and headers of each request, in order."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.routes: dict[str, Callable[[BaseHTTPRequestHandler], None]] = {}
        self.requests: list[tuple[str, dict[str, str]]] = []

    def sent_headers(self, name: str) -> list[str]:
        """Return the value of a header in each request, "" if it was not sent."""
        return [headers.get(name.lower(), "") for _, headers in self.requests]

    def serve(self, path: str, content: bytes, content_type: str = "video/mp4", **options) -> str:
        """Serve a file and return its URL; options as in `send_file`."""
        self.routes[path] = lambda request: send_file(request, content, content_type, **options)
        return self.url + path


def send_file(
    request: BaseHTTPRequestHandler,
    content: bytes,
    content_type: str = "video/mp4",
    *,
    etag: str = '"one"',
    ranges: bool = True,
    cut_after_bytes: int | None = None,
) -> None:
    """Respond with a file, or the requested range if `ranges`; close the connection after so many bytes of the body."""
    start = 0
    requested = request.headers.get("Range", "")
    if ranges and requested and request.headers.get("If-Range", etag) == etag:
        start = int(requested.removeprefix("bytes=").partition("-")[0])
        request.send_response(206)
        request.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
    else:
        request.send_response(200)
    body = content[start:]
    request.send_header("Content-Type", content_type)
    request.send_header("Content-Length", str(len(body)))
    if etag:
        request.send_header("ETag", etag)
    request.end_headers()
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        request.wfile.write(body[:cut_after_bytes])
    request.close_connection = True


def status(code: int, body: bytes = b"", **headers: str) -> Callable[[BaseHTTPRequestHandler], None]:
    """Return a route that responds with a status; `Retry_After` stands for `Retry-After`."""

    def respond(request: BaseHTTPRequestHandler) -> None:
        request.send_response(code)
        for name, value in headers.items():
            request.send_header(name.replace("_", "-"), value)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    return respond


@contextlib.contextmanager
def open_web() -> Iterator[Web]:
    """Run a server while the block runs."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            web.requests.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
            web.routes.get(self.path, status(404))(self)

        def log_message(self, *_) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    web = Web(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield web
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
