"""A server on loopback with sync.so's documented contract: idempotent creates, long polls, assets by presigned PUT."""

from __future__ import annotations

import contextlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

RETURN_INPUT = object()
"""A generation's outcome: COMPLETED, with the video that was sent."""


class SyncServer:
    """The server's state: `generations` by id, and what is to go wrong."""

    def __init__(self, key: str) -> None:
        self.key = key
        self.generations: dict[str, dict] = {}
        self.ids_by_key: dict[str, str] = {}
        self.assets: dict[str, bytes] = {}
        self.creates = 0
        self.responses_to_lose = 0
        self.refusals: list[tuple[int, dict]] = []
        """Status and body of the responses to the first creates."""
        self.outcome: object = RETURN_INPUT
        self.quote: object = None
        self.paths_with_key: list[str] = []
        """The paths that were requested with the key."""
        self.lock = threading.Lock()


class _Handler(BaseHTTPRequestHandler):
    sync: SyncServer
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        """Log nothing."""

    def do_POST(self):
        body = json.loads(self._body())
        if not self._is_authorized():
            return self._respond(401, {"message": "no key"})
        if self.path == "/v2/assets/upload":
            url = f"{self._base_url()}/assets/{body['fileName']}"
            return self._respond(200, {"uploadUrl": f"{url}?signature=s", "url": url})
        sync = self.sync
        if self.path == "/v2/analyze/cost":
            return self._respond(404, {}) if sync.quote is None else self._respond(200, sync.quote)
        with sync.lock:
            sync.creates += 1
            if sync.refusals:
                return self._respond(*sync.refusals.pop(0))
            key = self.headers["Idempotency-Key"]
            name = sync.ids_by_key.setdefault(key, f"g{len(sync.ids_by_key) + 1}")
            known = sync.generations.setdefault(name, {"id": name, "status": "PENDING", "body": body, "polls": 0})
            if known["body"] != body:
                return self._respond(409, {"errorCode": "IDEMPOTENCY_KEY_REUSED", "message": "another body"})
            if sync.responses_to_lose:
                sync.responses_to_lose -= 1
                self.close_connection = True
                self.connection.close()
                return None
        return self._respond(201, {"id": name, "status": "PENDING"})

    def do_PUT(self):
        self.sync.assets[self.path.partition("?")[0].rsplit("/", 1)[-1]] = self._body()
        self._is_authorized()
        self._respond(200, {})

    def do_GET(self):
        self._is_authorized()
        if self.path.startswith("/assets/"):
            data = self.sync.assets[self.path.rsplit("/", 1)[-1]]
            self.send_response(200)
            self.send_header("Content-Type", "video/mp4")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)
            return None
        generation = self.sync.generations.get(self.path.split("?")[0].rsplit("/", 1)[-1])
        if generation is None:
            return self._respond(404, {"message": "not found"})
        generation["polls"] += 1
        if generation["polls"] < 2:
            return self._respond(200, {"id": generation["id"], "status": "PROCESSING"})
        if self.sync.outcome is not RETURN_INPUT:
            return self._respond(200, {"id": generation["id"], **self.sync.outcome})
        url = next(item["url"] for item in generation["body"]["input"] if item["type"] == "video")
        result = {"id": generation["id"], "status": "COMPLETED", "outputUrl": url, "outputDuration": 1.0}
        return self._respond(200, result)

    def _is_authorized(self) -> bool:
        key = self.headers.get("x-api-key")
        if key:
            self.sync.paths_with_key.append(self.path.partition("?")[0])
        return key == self.sync.key

    def _base_url(self) -> str:
        return f"http://{self.headers['Host']}"

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def _respond(self, status: int, content: object) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextlib.contextmanager
def open_sync_server(key: str):
    """Serve on loopback; yield the server's state and its URL."""
    sync = SyncServer(key)
    handler = type("Handler", (_Handler,), {"sync": sync})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield sync, f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
