"""A local server on loopback with a stub renderer, and a client of it."""

from __future__ import annotations

import contextlib
import threading
import time

import httpx

from react1.pipeline.net.http_pool import tls_context
from react1.pipeline.server.asgi_app import LocalServer
from react1.pipeline.server.faults import FaultPlan
from react1.pipeline.server.server_options import ServerOptions
from react1.pipeline.server.worker_protocol import WorkerResult

MODEL = "sync.so-react-1"
VIDEO = {"video_url": "https://example.com/a.mp4", "audio_url": "https://example.com/a.wav"}


class StubRenderer:
    """Renders `content` as every take, or fails with `failure`, once `released` is set; records the requests."""

    def __init__(self) -> None:
        self.content, self.failure = b"take" * 5000, {}
        self.released = threading.Event()
        self.released.set()
        self.requests = []

    def __call__(self, request, folder, check, max_s) -> WorkerResult:
        self.requests.append(request)
        while not self.released.wait(0.01):
            check()
        if self.failure:
            return WorkerResult(**self.failure)
        (folder / "take.mp4").write_bytes(self.content)
        return WorkerResult(file="take.mp4", output_s=2.0, notes=("stubbed",))


class ServerClient(httpx.Client):
    """A client of a running server, with an API key."""

    def __init__(self, server: LocalServer, stub: StubRenderer) -> None:
        super().__init__(
            base_url=server.url, headers={"x-api-key": "k"}, timeout=20, trust_env=False, verify=tls_context()
        )
        self.server, self.stub, self.url = server, stub, server.url

    def submit(self, **parameters):
        return self.post(f"/v2/{MODEL}", json=VIDEO | parameters)

    def run_sync(self, **parameters):
        return self.post(f"/v1/{MODEL}", json=VIDEO | parameters)

    def wait_for(self, request_id, *states):
        """Poll until the state is one of these; return the status body."""
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            body = self.get(f"/v2/requests/{request_id}/status").json()
            if body["status"] in states:
                return body
        raise AssertionError(f"{request_id} never was {states}")


@contextlib.contextmanager
def open_server(home, plan=None, renderer=None, now=time.time, **options):
    """Run a server in a thread and yield a client of it; `plan` is the content of a fault file."""
    stub, ready = StubRenderer(), threading.Event()
    server = LocalServer(
        ServerOptions(home, port=0, **options),
        FaultPlan.model_validate(plan or {}),
        renderer=stub if renderer is None else renderer,
        ready=lambda _: ready.set(),
        now=now,
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        assert ready.wait(10)
        with ServerClient(server, stub) as client:
            yield client
    finally:
        server.stop()
        thread.join(10)
        assert not thread.is_alive()
