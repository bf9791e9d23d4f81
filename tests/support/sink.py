"""A server that takes files in parts as S3 does, and keeps none: for films that no test wants to hold."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

BEGUN = b"<InitiateMultipartUploadResult><UploadId>u1</UploadId></InitiateMultipartUploadResult>"
ENDED = b"<CompleteMultipartUploadResult><ETag>e</ETag></CompleteMultipartUploadResult>"


@contextlib.contextmanager
def opened(part_s: float = 0.0) -> Iterator[tuple[str, list[int]]]:
    """Give its address, and the sizes of the parts that came; each is answered after so long, as over a slow line."""
    sizes: list[int] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self._take()
            self._answer(BEGUN if "uploads" in self.path else ENDED)

        def do_PUT(self) -> None:
            sizes.append(self._take())
            time.sleep(part_s)
            self._answer(b"")

        def _take(self) -> int:
            size = left = int(self.headers.get("content-length") or 0)
            while left:
                left -= len(self.rfile.read(min(left, 1 << 16)))
            return size

        def _answer(self, body: bytes) -> None:
            self.send_response(200)
            self.send_header("etag", "e")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", sizes
    finally:
        server.shutdown()
        thread.join(10)
        server.server_close()
