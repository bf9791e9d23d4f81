"""A server that accepts multipart uploads as S3 does and discards them, for films too large to store."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

INITIATED = b"<InitiateMultipartUploadResult><UploadId>u1</UploadId></InitiateMultipartUploadResult>"
COMPLETED = b"<CompleteMultipartUploadResult><ETag>e</ETag></CompleteMultipartUploadResult>"


@contextlib.contextmanager
def open_sink(part_s: float = 0.0) -> Iterator[tuple[str, list[int]]]:
    """Yield the server's URL and the sizes of the received parts; each takes `part_s`, as over a slow connection."""
    sizes: list[int] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self._discard_body()
            self._respond(INITIATED if "uploads" in self.path else COMPLETED)

        def do_PUT(self) -> None:
            sizes.append(self._discard_body())
            time.sleep(part_s)
            self._respond(b"")

        def _discard_body(self) -> int:
            size = left = int(self.headers.get("content-length") or 0)
            while left:
                left -= len(self.rfile.read(min(left, 1 << 16)))
            return size

        def _respond(self, body: bytes) -> None:
            self.send_response(200)
            self.send_header("etag", "e")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_args: object) -> None:
            """Log nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", sizes
    finally:
        server.shutdown()
        thread.join(10)
        server.server_close()
