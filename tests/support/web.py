"""A web server on loopback whose answers a test writes as functions."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Web:
    """`routes` maps a path to a function of the request; `requests` holds what was asked, in order."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.routes: dict[str, Callable[[BaseHTTPRequestHandler], None]] = {}
        self.requests: list[tuple[str, dict[str, str]]] = []

    def asked(self, header: str) -> list[str]:
        """Give the value of a header in each request, empty where it was not sent."""
        return [headers.get(header.lower(), "") for _, headers in self.requests]

    def serve(self, path: str, content: bytes, content_type: str = "video/mp4", **options) -> str:
        """Serve a file and give its address; options as in `give`."""
        self.routes[path] = lambda request: give(request, content, content_type, **options)
        return self.address + path


def give(
    request: BaseHTTPRequestHandler,
    content: bytes,
    content_type: str = "video/mp4",
    *,
    etag: str = '"one"',
    ranges: bool = True,
    cut_after_bytes: int | None = None,
) -> None:
    """Answer with a file, the part asked for where `ranges`; hang up after so many bytes of the body."""
    start = 0
    asked = request.headers.get("Range", "")
    if ranges and asked and request.headers.get("If-Range", etag) == etag:
        start = int(asked.removeprefix("bytes=").partition("-")[0])
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
    """Make a route that answers with a status; `Retry_After` stands for `Retry-After`."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(code)
        for name, value in headers.items():
            request.send_header(name.replace("_", "-"), value)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    return answer


@contextlib.contextmanager
def open_web() -> Iterator[Web]:
    """Run a server for as long as the block lasts."""

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
