"""A process that pays for takes and is killed at a given point; forked from one that has imported everything already.

Reads orders as lines of JSON from its standard input (see `Order`), one after the other, and prints for each a line of
JSON: the child's exit status (negative: the signal that killed it) and its result.

    python paying_process.py < orders
"""

from __future__ import annotations

import asyncio
import errno
import gc
import importlib
import inspect
import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from react1.pipeline.core.edits.choices import React1Choices
from react1.pipeline.core.errors import React1Error
from react1.pipeline.core.values import Upload
from react1.pipeline.executors.base import StoreContext, to_json
from react1.pipeline.jobs import ledger as ledger_module
from react1.pipeline.jobs import manager, take_download
from react1.pipeline.jobs.budget import SpendingPolicy
from react1.pipeline.jobs.ledger import Ledger
from react1.pipeline.jobs.manager import JobManager
from react1.pipeline.jobs.request import JobRequest
from react1.pipeline.jobs.submit import Submitter
from react1.pipeline.jobs.uploads import Uploads
from react1.pipeline.net.api_client import ApiClient
from react1.pipeline.net.http_pool import tls_context
from react1.pipeline.providers.contract import Done
from react1.pipeline.providers.fal.client import FalClient, fal
from react1.pipeline.providers.provider_settings import segmind
from react1.pipeline.providers.replicate.client import ReplicateClient, replicate
from react1.pipeline.providers.segmind import client as segmind_client
from react1.pipeline.providers.segmind.client import SegmindClient
from react1.pipeline.store import atomic, store_backend
from react1.pipeline.store.store import Store
from react1.testing import ScriptedHost

WIRE_S = 0.01
"""How long a submit has been in flight when its process is killed."""
TIMEOUT_S = 90.0
"""A child that takes longer hangs."""
Action = Literal["before", "during", "after", "fail", "lie"]
DISK_FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@dataclass(frozen=True)
class Point:
    """A call of a function, before, during or after which the process is killed, or which fails or lies."""

    owner: Any
    name: str
    action: Action
    accepts: Callable[..., bool] = lambda *args, **kwargs: True
    """Gets the function's arguments; the first call that it accepts is the point."""
    accepts_result: Callable[[Any], bool] = lambda result: True
    """Gets the function's result, with `after`."""
    error: Exception = DISK_FULL
    """With `fail`: what is raised."""
    lie: Any = None
    """With `lie`: what is returned instead of the result."""

    def install(self) -> None:
        """Wrap the function."""
        real = getattr(self.owner, self.name)
        wrap = self._wrap_async if inspect.iscoroutinefunction(real) else self._wrap_sync
        setattr(self.owner, self.name, wrap(real))

    def _wrap_sync(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            if not self.accepts(*args, **kwargs):
                return real(*args, **kwargs)
            self._enter()
            result = real(*args, **kwargs)
            self._leave(result)
            return self.lie if self.action == "lie" else result

        return call

    def _wrap_async(self, real: Callable[..., Any]) -> Callable[..., Any]:
        async def call(*args: Any, **kwargs: Any) -> Any:
            if not self.accepts(*args, **kwargs):
                return await real(*args, **kwargs)
            self._enter()
            task = asyncio.ensure_future(real(*args, **kwargs))
            if self.action == "during":
                await asyncio.sleep(WIRE_S)
                _kill_self()
            result = await task
            self._leave(result)
            return result

        return call

    def _enter(self) -> None:
        if self.action == "before":
            _kill_self()
        if self.action == "fail":
            raise self.error

    def _leave(self, result: Any) -> None:
        if self.action == "after" and self.accepts_result(result):
            _kill_self()


def _kill_self() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(TIMEOUT_S)


def _recording(state: str, action: Action) -> Point:
    return Point(Ledger, "record", action, lambda ledger, entry, written, record: written == state)


def _linking(state: str, action: Action) -> Point:
    return Point(atomic, "_link_new", action, lambda part, path: path.name.endswith(f"-{state}.json"))


def _record_points(state: str) -> dict[str, Point]:
    """Return the points of recording one state."""
    return {
        f"before «{state}» is written": _recording(state, "before"),
        f"before «{state}» gets its name": _linking(state, "before"),
        f"after «{state}» has its name": _linking(state, "after"),
        f"after «{state}» is on disk": _recording(state, "after"),
    }


def _submitting(action: Action) -> Point:
    return Point(ApiClient, "post", action, lambda api, path, *args, **kwargs: path.startswith(SUBMIT_PATHS))


def _publishing_object(action: Action) -> Point:
    return Point(store_backend, "publish", action, lambda part, final: final.parent.parent.name == "objects")


def report_progress(share: float) -> None:
    """Receive progress."""


SUBMIT_PATHS = ("v2/", "fal-ai/", "v1/models/")
"""How the paths of submits begin, at each provider."""
_THIS_MODULE = sys.modules[__name__]
POINTS: dict[str, Point] = {
    "before the upload": Point(Uploads, "upload", "before"),
    "while the video is uploaded": Point(_THIS_MODULE, "report_progress", "before"),
    "before the URL is recorded": Point(Uploads, "_record", "before"),
    "after the URL is recorded": Point(Uploads, "_record", "after"),
    "after video and voice are uploaded": Point(Submitter, "_upload_media", "after"),
    "before the intention": Point(Ledger, "record_intent", "before"),
    "after disk space is reserved": Point(ledger_module, "_reserve_disk_space", "after"),
    "before «intended» gets its name": _linking("intended", "before"),
    "after «intended» has its name": _linking("intended", "after"),
    "after «intended» is on disk": Point(Ledger, "record_intent", "after"),
    "before the submit": Point(SegmindClient, "submit", "before"),
    "while the submit is in flight": _submitting("during"),
    "after the response arrived": _submitting("after"),
    "after the response is parsed": Point(SegmindClient, "submit", "after"),
    **_record_points("accepted"),
    **_record_points("unknown"),
    **_record_points("void"),
    "before the history is queried": Point(SegmindClient, "recover", "before"),
    "after the history answered": Point(SegmindClient, "recover", "after", accepts_result=bool),
    "before the first poll": Point(SegmindClient, "poll", "before"),
    "after the first poll": Point(SegmindClient, "poll", "after"),
    "after a poll says done": Point(
        SegmindClient, "poll", "after", accepts_result=lambda state: isinstance(state, Done)
    ),
    "before the download": Point(take_download, "download", "before"),
    "during the download": Point(StoreContext, "progress", "before"),
    "after the download": Point(take_download, "download", "after"),
    "after the take is decoded": Point(take_download, "find_damage", "after"),
    "before the take is stored": _publishing_object("before"),
    "after the take is stored": _publishing_object("after"),
    **_record_points("done"),
    "before the result is stored": Point(Store, "put_result", "before"),
    "after the result is stored": Point(Store, "put_result", "after"),
    "before uploads are removed": Point(Uploads, "remove_unused", "before"),
    "after the manager is closed": Point(JobManager, "__aexit__", "after"),
}
TROUBLE: dict[str, Point] = {
    "the disk is full at «intended»": _linking("intended", "fail"),
    "the disk is full at «accepted»": _linking("accepted", "fail"),
    "the history lies": Point(segmind_client, "classify_row", "lie", lie="other"),
}
"""Where the process lives on, but something goes wrong."""


@dataclass
class Order:
    """What a child process does."""

    home: str
    files: list[str]
    """The video and the voice, which are added to the store."""
    upload: dict[str, Any]
    """An `Upload`."""
    server_url: str
    temperatures: list[float]
    """One call each."""
    settle_after_s: float
    point: str = ""
    """Where it is killed, or what goes wrong."""
    kill_after_s: float | None = None
    """When it is killed from outside."""
    provider: str = "segmind"


PROVIDERS: dict[str, tuple[Any, Any, str, str]] = {
    "segmind": (segmind, SegmindClient, "REACT1_SEGMIND_URL", "SEGMIND_API_KEY"),
    "fal": (fal, FalClient, "REACT1_FAL_URL", "FAL_KEY"),
    "replicate": (replicate, ReplicateClient, "REACT1_REPLICATE_URL", "REPLICATE_API_TOKEN"),
}
"""Function, client, and the variables of URL and key."""


async def pay(order: Order) -> dict[str, str]:
    """Make the paid calls of an order as a run does; return each take's digest by temperature."""
    store = Store(Path(order.home))
    store.sweep()
    for path in order.files:
        store.add_external(Path(path))
    make, _client, url_name, key_name = PROVIDERS[order.provider]
    provider = make(
        {
            url_name: order.server_url,
            key_name: ScriptedHost.key,
            "REACT1_POLL_S": "0.05",
            "REACT1_SETTLE_AFTER_S": str(order.settle_after_s),
        }
    )
    upload = Upload.model_validate(order.upload)
    requests = [
        JobRequest(upload, React1Choices(temperature=temperature), provider, deadline_s=TIMEOUT_S)
        for temperature in order.temperatures
    ]
    async with JobManager(store, SpendingPolicy(approved=True), run="crash") as jobs:
        await jobs.check_all(requests, fail_fast=True)
        results = await asyncio.gather(
            *(jobs.run(request, lambda share: report_progress(share)) for request in requests)
        )
        for request, result in zip(requests, results, strict=True):
            store.put_result(request.call.key, to_json(result.take), {}, result.take.seconds)
    store.close()
    return {str(result.take.request["temperature"]): result.take.media.file.digest for result in results}


def _run_order(order: Order) -> dict[str, Any]:
    manager.check_request = lambda request, store: ((), None)  # a synthetic clip has no face
    if order.point:
        point = (POINTS | TROUBLE)[order.point]
        if point.owner is SegmindClient:
            point = replace(point, owner=PROVIDERS[order.provider][1])
        point.install()
    try:
        return {"takes": asyncio.run(pay(order))}
    except React1Error as error:
        return {"error": type(error).__name__, "message": error.message}


def _run_in_child(order: Order) -> dict[str, Any]:
    read_end, write_end = os.pipe()
    child = os.fork()
    if not child:
        os.close(read_end)
        status = 1
        try:
            result = _run_order(order)
            os.write(write_end, json.dumps(result).encode())
            status = 0 if "takes" in result else 4
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    os.close(write_end)
    status = _wait_for(child, order.kill_after_s)
    with os.fdopen(read_end) as stream:
        text = stream.read()
    return {"status": status, **(json.loads(text) if text else {})}


def _wait_for(child: int, kill_after_s: float | None) -> int:
    started_s, limit_s = time.monotonic(), TIMEOUT_S if kill_after_s is None else kill_after_s
    while True:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() - started_s > limit_s:
            os.kill(child, signal.SIGKILL)
            limit_s = TIMEOUT_S
        time.sleep(0.01 if kill_after_s is None else 0.002)


def main() -> None:
    """Run one order after the other."""
    for name in ("anyio._backends._asyncio", "anyio.streams.tls", "av.subtitles.stream", "encodings.idna", "httpcore"):
        importlib.import_module(name)  # what the first request would import, in every child
    tls_context()
    gc.collect()
    gc.freeze()  # so that no child touches, and copies, what all share
    for line in sys.stdin:
        print(json.dumps(_run_in_child(Order(**json.loads(line)))), flush=True)


if __name__ == "__main__":
    main()
