"""A host on loopback with sync.so's documented contract: idempotent creates, long polls, assets by presigned PUT."""

from __future__ import annotations

import contextlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

GIVE_BACK = object()
"""A generation's end: COMPLETED, with the video that was sent."""


class SyncHost:
    """`generations` holds what was created, by id; `lose` answers are broken off; `refuse` are given first."""

    def __init__(self, key: str) -> None:
        self.key = key
        self.generations: dict[str, dict] = {}
        self.by_key: dict[str, str] = {}
        self.assets: dict[str, bytes] = {}
        self.creates = 0
        self.lose = 0
        self.refuse: list[tuple[int, dict]] = []
        self.end: object = GIVE_BACK
        self.quote: object = None
        self.with_key: list[str] = []
        """The paths that were asked with the key."""
        self.lock = threading.Lock()


class _Handler(BaseHTTPRequestHandler):
    host: SyncHost
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        """Say nothing."""

    def do_POST(self):
        body = json.loads(self._body())
        if not self._may():
            return self._say(401, {"message": "no key"})
        if self.path == "/v2/assets/upload":
            place = f"{self._base()}/assets/{body['fileName']}"
            return self._say(200, {"uploadUrl": f"{place}?signature=s", "url": place})
        host = self.host
        if self.path == "/v2/analyze/cost":
            return self._say(404, {}) if host.quote is None else self._say(200, host.quote)
        with host.lock:
            host.creates += 1
            if host.refuse:
                return self._say(*host.refuse.pop(0))
            key = self.headers["Idempotency-Key"]
            made = host.by_key.setdefault(key, f"g{len(host.by_key) + 1}")
            known = host.generations.setdefault(made, {"id": made, "status": "PENDING", "body": body, "looks": 0})
            if known["body"] != body:
                return self._say(409, {"errorCode": "IDEMPOTENCY_KEY_REUSED", "message": "another body"})
            if host.lose:
                host.lose -= 1
                self.close_connection = True
                self.connection.close()
                return None
        return self._say(201, {"id": made, "status": "PENDING"})

    def do_PUT(self):
        self.host.assets[self.path.partition("?")[0].rsplit("/", 1)[-1]] = self._body()
        self._may()
        self._say(200, {})

    def do_GET(self):
        self._may()
        if self.path.startswith("/assets/"):
            data = self.host.assets[self.path.rsplit("/", 1)[-1]]
            self.send_response(200)
            self.send_header("Content-Type", "video/mp4")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)
            return None
        made = self.host.generations.get(self.path.split("?")[0].rsplit("/", 1)[-1])
        if made is None:
            return self._say(404, {"message": "not found"})
        made["looks"] += 1
        if made["looks"] < 2:
            return self._say(200, {"id": made["id"], "status": "PROCESSING"})
        if self.host.end is GIVE_BACK:
            url = next(one["url"] for one in made["body"]["input"] if one["type"] == "video")
            return self._say(200, {"id": made["id"], "status": "COMPLETED", "outputUrl": url, "outputDuration": 1.0})
        return self._say(200, {"id": made["id"], **self.host.end})

    def _may(self) -> bool:
        given = self.headers.get("x-api-key")
        if given:
            self.host.with_key.append(self.path.partition("?")[0])
        return given == self.host.key

    def _base(self) -> str:
        return f"http://{self.headers['Host']}"

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def _say(self, status: int, told: dict) -> None:
        body = json.dumps(told).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextlib.contextmanager
def sync_host(key: str):
    """Serve on loopback; gives the host and its address."""
    host = SyncHost(key)
    handler = type("Handler", (_Handler,), {"host": host})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield host, f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
