"""A local server on loopback, with an engine that tests write, and a client of it."""

from __future__ import annotations

import contextlib
import threading
import time

import httpx

from react1.pipeline.server.faults import FaultPlan
from react1.pipeline.server.serve import LocalServer
from react1.pipeline.server.server_options import ServerOptions
from react1.pipeline.server.worker_protocol import Told

MODEL = "sync.so-react-1"
VIDEO = {"video_url": "https://example.com/a.mp4", "audio_url": "https://example.com/a.wav"}


class Engine:
    """Gives `content` as every take, once `free` is set; `orders` holds what was asked."""

    def __init__(self) -> None:
        self.content, self.told = b"take" * 5000, {}
        self.free = threading.Event()
        self.free.set()
        self.orders = []

    def __call__(self, order, folder, check, most_s) -> Told:
        self.orders.append(order)
        while not self.free.wait(0.01):
            check()
        if self.told:
            return Told(**self.told)
        (folder / "take.mp4").write_bytes(self.content)
        return Told(file="take.mp4", output_s=2.0, notes=("stubbed",))


class Running(httpx.Client):
    """A client of a running server, with a key."""

    def __init__(self, server: LocalServer, engine: Engine) -> None:
        super().__init__(base_url=server.address, headers={"x-api-key": "k"}, timeout=20, trust_env=False)
        self.server, self.engine, self.address = server, engine, server.address

    def submit(self, **parameters):
        return self.post(f"/v2/{MODEL}", json=VIDEO | parameters)

    def sync(self, **parameters):
        return self.post(f"/v1/{MODEL}", json=VIDEO | parameters)

    def until(self, request_id, *states):
        """Ask for the state until it is one of these."""
        end = time.monotonic() + 20
        while time.monotonic() < end:
            body = self.get(f"/v2/requests/{request_id}/status").json()
            if body["status"] in states:
                return body
        raise AssertionError(f"{request_id} never was {states}")


@contextlib.contextmanager
def opened(home, plan=None, make=None, now=time.time, **options):
    engine, ready = Engine(), threading.Event()
    server = LocalServer(
        ServerOptions(home, port=0, **options),
        FaultPlan.model_validate(plan or {}),
        make=engine if make is None else make,
        ready=lambda _: ready.set(),
        now=now,
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        assert ready.wait(10)
        with Running(server, engine) as client:
            yield client
    finally:
        server.stop()
        thread.join(10)
        assert not thread.is_alive()
