"""A provider's API as a server on loopback: what the host documents, with failures where a test wants them.

    class AcmeHost(ScriptedHost):
        auth = ("x-api-key", "{key}")
        routes = {"submit": ("POST", "/jobs"), "status": ("GET", "/jobs/([^/]+)"), "history": ("GET", "/jobs")}

        def submit(self, request):
            return HostReply(201, {"id": self.create_job(request.json()).request_id})

        def status(self, request, request_id):
            state = self.state_of(request_id)
            if state == "unknown":
                return HostReply(404)
            return HostReply(200, {"state": state, "url": self.output_url(request_id) if state == "done" else None})
        …

A route is the name of a method of the host. `submit` is the one that creates a job and costs money. Every server has
the routes `put` and `file` (`PUT` and `GET /files/NAME`) and `output` (`GET /output/ID`), which must not get the key.
"""

from __future__ import annotations

import contextlib
import json
import re
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar, Literal
from urllib.parse import parse_qsl, unquote, urlsplit

State = Literal["unknown", "waiting", "done", "failed", "expired"]
COMMON_ROUTES = {
    "put": ("PUT", "/files/([^/]+)"),
    "file": ("GET", "/files/([^/]+)"),
    "output": ("GET", "/output/([^/]+)"),
}
MAX_BODY_BYTES = 64 << 20


@dataclass(frozen=True)
class HostRequest:
    """A request that the server received."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    """By lower-case name."""
    body: bytes

    def json(self) -> Any:
        """Return the JSON value of the body."""
        return json.loads(self.body)


@dataclass(frozen=True)
class HostReply:
    """A response: bytes, or a value that is sent as JSON."""

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass
class HostJob:
    """A job that a submit created."""

    request_id: str
    sent: dict[str, Any]
    """Its input, as submitted."""
    created_at: datetime
    polls: int = 0


@dataclass(frozen=True)
class Failure:
    """What goes wrong at a route, once.

    reset      the connection is closed without a response
    status     the response has this status, and an error as its body
    redirect   to another path of the same host, or to the `location` of its headers
    garbage    200 with a web page
    truncate   the body ends half-way
    """

    route: str
    do: Literal["reset", "status", "redirect", "garbage", "truncate"]
    when: Literal["before", "after"] = "after"
    """Whether the host has carried the request out."""
    status: int = 500
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    """Of a `status`; default: an object with an `error`."""


class ScriptedHost:
    """The state of the server; subclass it with the routes of your provider.

    Attributes:
        url: the base URL while it is served.
        jobs: by request id, in the order of creation.
        requests: every request with the name of its route.
        failures: those still to come; `pick_failure` may be replaced by a function of the route.
        leaks: the paths that got the key and must not.
        outcome: how jobs end.
        polls_until_done: how often a job says that it waits.
        hide_inputs: whether the history leaves the inputs of jobs out; it is up to your `history` to obey it.
        decorate: changes the bytes of an output.
    """

    key = "test-key-0123456789"
    auth: ClassVar[tuple[str, str]] = ("x-api-key", "{key}")
    """The header that has the key, and its form."""
    routes: ClassVar[Mapping[str, tuple[str, str]]] = {}
    """Name → method and pattern of the path; the groups of the pattern are arguments of the method of this name."""
    video_parameter: ClassVar[str] = "video_url"
    """The parameter of a job whose value is the URL of the video, of which the output is made."""

    def __init__(self) -> None:
        self.url = ""
        self.jobs: dict[str, HostJob] = {}
        self.files: dict[str, bytes] = {}
        self.requests: list[tuple[str, HostRequest]] = []
        self.failures: list[Failure] = []
        self.leaks: list[str] = []
        self.outcome: Literal["done", "failed", "expired"] = "done"
        self.polls_until_done = 1
        self.hide_inputs = False
        self.decorate: Callable[[HostJob, bytes], bytes] = lambda _job, content: content
        self.pick_failure: Callable[[str], Failure | None] = self._next_failure
        self.lock = threading.RLock()

    def received(self, route: str) -> list[HostRequest]:
        """Return the requests of a route, in order."""
        return [request for name, request in self.requests if name == route]

    def create_job(self, sent: Mapping[str, Any]) -> HostJob:
        """Create a job with this input."""
        job = HostJob(f"job-{len(self.jobs) + 1:04}", dict(sent), datetime.now(UTC))
        self.jobs[job.request_id] = job
        return job

    def state_of(self, request_id: str) -> State:
        """Return the state of a job, and count a poll."""
        job = self.jobs.get(request_id)
        if job is None:
            return "unknown"
        job.polls += 1
        return "waiting" if job.polls <= self.polls_until_done else self.outcome

    def output_url(self, request_id: str) -> str:
        """Return where the output of a job can be downloaded."""
        return f"{self.url}/output/{request_id}"

    def file_url(self, name: str) -> str:
        """Return where a file is uploaded to by `PUT`, and read."""
        return f"{self.url}/files/{name}"

    def put(self, request: HostRequest, name: str) -> HostReply:
        """Store a file."""
        self.files[name] = request.body
        return HostReply(200, {})

    def file(self, request: HostRequest, name: str) -> HostReply:
        """Return a file."""
        del request
        return HostReply(200, self.files[name]) if name in self.files else HostReply(404)

    def output(self, request: HostRequest, request_id: str) -> HostReply:
        """Return the output of a job: the video that was sent."""
        del request
        job = self.jobs.get(request_id)
        if job is None:
            return HostReply(404)
        name = urlsplit(str(job.sent[self.video_parameter])).path.rsplit("/", 1)[-1]
        return HostReply(200, self.decorate(job, self.files[name]), {"content-type": "video/mp4"})

    @contextlib.contextmanager
    def serve(self) -> Iterator[str]:
        """Serve on loopback; yield the base URL."""
        handler = type("Handler", (_Handler,), {"host": self})
        with _Server(("127.0.0.1", 0), handler) as server:
            threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
            self.url = f"http://127.0.0.1:{server.server_port}"
            try:
                yield self.url
            finally:
                server.shutdown()

    def answer(self, request: HostRequest) -> tuple[HostReply | None, Failure | None]:
        """Carry a request out; return its response, None for a closed connection, and the failure that it met."""
        for name, (method, pattern) in {**self.routes, **COMMON_ROUTES}.items():
            match = re.fullmatch(pattern, request.path)
            if match is not None and method == request.method:
                with self.lock:
                    return self._answer(name, request, [unquote(group) for group in match.groups()])
        return HostReply(404, {"error": f"no route {request.method} {request.path}"}), None

    def _answer(self, name: str, request: HostRequest, groups: list[str]) -> tuple[HostReply | None, Failure | None]:
        self.requests.append((name, request))
        header, form = self.auth
        if name in COMMON_ROUTES:
            if any(self.key in value for value in request.headers.values()):
                self.leaks.append(request.path)
        elif request.headers.get(header) != form.format(key=self.key):
            return HostReply(401, {"error": f"no valid key in {header}"}), None
        failure = self.pick_failure(name)
        reply: HostReply | None = None
        if failure is None or failure.when == "after":
            reply = getattr(self, name)(request, *groups)
        if failure is None or failure.do == "truncate":
            return reply, failure
        if failure.do == "reset":
            return None, failure
        if failure.do == "garbage":
            return HostReply(200, b"<html><title>It works</title></html>", {"content-type": "text/html"}), failure
        if failure.do == "redirect":
            return HostReply(307, None, {"location": f"{self.url}/elsewhere", **failure.headers}), failure
        body = {"error": "scripted"} if failure.body is None else failure.body
        return HostReply(failure.status, body, failure.headers), failure

    def _next_failure(self, route: str) -> Failure | None:
        for failure in self.failures:
            if failure.route == route:
                self.failures.remove(failure)
                return failure
        return None


class OtherHost(ScriptedHost):
    """A host that no request may give the key to, whatever its method and path."""

    def answer(self, request: HostRequest) -> tuple[HostReply | None, Failure | None]:
        """Note the key, and know nothing."""
        if any(self.key in value for value in request.headers.values()):
            self.leaks.append(request.path)
        return HostReply(404), None


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print nothing for a client that has gone; any other error is the test's to see."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    host: ClassVar[ScriptedHost]
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Log nothing."""

    def _serve(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(min(length, MAX_BODY_BYTES))
        if len(body) < length:  # the client has gone
            self.close_connection = True
            return
        parts = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = HostRequest(self.command, parts.path, dict(parse_qsl(parts.query)), headers, body)
        reply, failure = self.host.answer(request)
        if reply is None:
            self.close_connection = True
            return
        self._send(reply, truncated=failure is not None and failure.do == "truncate")

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = _serve  # noqa: N815

    def _send(self, reply: HostReply, *, truncated: bool) -> None:
        is_bytes = isinstance(reply.body, bytes)
        content = reply.body if is_bytes else b"" if reply.body is None else json.dumps(reply.body).encode()
        self.send_response(reply.status)
        names = {name.lower() for name in reply.headers}
        if "content-type" not in names:
            self.send_header("Content-Type", "application/octet-stream" if is_bytes else "application/json")
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        with contextlib.suppress(OSError):  # the client has gone
            self.wfile.write(content[: len(content) // 2] if truncated else content)
        self.close_connection = self.close_connection or truncated
