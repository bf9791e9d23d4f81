"""Calls run in threads: at most one per core, stored once, and stopped cleanly."""

from __future__ import annotations

import asyncio
import json
import sys
import threading
import time
from fractions import Fraction
from typing import ClassVar

import pytest
from numbered_clips import Recipe, make_clip

from react1.pipeline.core.errors import InputMediaError, Interrupted, ToolFailed
from react1.pipeline.core.nodes.node import Need, Params
from react1.pipeline.core.side_by_side import read_ahead
from react1.pipeline.core.values import Media
from react1.pipeline.executors import base as executor_base
from react1.pipeline.executors.base import Call, CallMonitor, Result, dump, execute_call, from_json, result_reply
from react1.pipeline.executors.local_executor import Capacity, LocalExecutor
from react1.pipeline.executors.process_executor import Attempts
from react1.pipeline.media.clip_writer import ClipWriter, VideoSettings
from react1.pipeline.media.frames.decode import exact_frames, images
from react1.pipeline.media.probe import probe
from react1.pipeline.media.tools.process import run_tool
from react1.pipeline.splicing.packet_index import index_stream
from react1.pipeline.splicing.verification.stream_contents import read_contents
from react1.pipeline.store.export import export
from react1.pipeline.store.store import Store

RELEASE = threading.Event()
SEEN: list[str] = []


class WriteParams(Params):
    text: str = "take"
    wait: bool = False
    fail: bool = False


class Write:
    name: ClassVar[str] = "write"
    version: ClassVar[int] = 1
    workload: ClassVar[str] = "cpu"
    tools: ClassVar[tuple[str, ...]] = ()

    def run(self, context, params: WriteParams) -> Media:
        SEEN.append(params.text)
        path = context.temp_path("made.txt")
        path.write_text(params.text)
        while params.wait and not RELEASE.is_set():
            context.progress(0.5)
            time.sleep(0.002)
        if params.fail:
            raise InputMediaError("no good")
        return Media(file=context.store(path), container="text", start_s=0, duration_s=1)


@pytest.fixture
def store(tmp_path):
    SEEN.clear()
    RELEASE.clear()
    return Store(tmp_path / "home")


def _call(key="aa" * 32, cores=1, **params):
    args = {"params": params, "inputs": {}, "parts": {"node": "write"}}
    return Call(fn=f"{__name__}:Write", args=args, key=key, need=Need(cores=cores))


@pytest.fixture(autouse=True)
def importable(monkeypatch):
    """Let a call import `Write` by its module, as on a worker."""
    monkeypatch.setitem(sys.modules, __name__, sys.modules.get(__name__) or type(sys)(__name__))
    sys.modules[__name__].Write = Write


def test_a_call_runs_once_and_then_comes_from_the_store(store):
    """The second call with the same key does no work."""
    first, second = execute_call(_call(text="one"), store), execute_call(_call(text="one"), store)

    assert (first.reused, second.reused) == (False, True)
    assert first.value == second.value
    assert SEEN == ["one"]
    assert store.path(from_json(Media, first.value).file).read_text() == "one"


def test_a_call_returns_the_memory_that_it_freed(store, monkeypatch):
    """Also one that fails, but none that the store answers."""
    returned = []
    monkeypatch.setattr(executor_base, "return_freed_memory", lambda: returned.append(1))
    for _ in range(2):
        execute_call(_call(text="one"), store)
    with pytest.raises(InputMediaError, match="no good"):
        execute_call(_call("bb" * 32, fail=True), store)

    assert len(returned) == 2


def test_a_failed_call_leaves_no_files(store):
    """No object, no result, no scratch."""
    with pytest.raises(InputMediaError, match="no good"):
        execute_call(_call(fail=True), store)

    assert [p for p in store.root.rglob("*") if p.is_file() and p.name != "lock"] == []


def test_a_call_over_its_time_limit_is_stopped(store):
    """A step that hangs ends with a clear error."""
    call = _call(wait=True)
    with pytest.raises(ToolFailed, match="longer than its limit"):
        execute_call(Call(call.fn, call.args, call.key, timeout_s=0.05), store)


def test_a_node_that_ends_the_process_ends_only_its_call(store, monkeypatch):
    """A plug-in that calls sys.exit fails only its own call."""

    def run(self, context, params: WriteParams) -> Media:
        raise SystemExit(7)

    monkeypatch.setattr(Write, "run", run)

    with pytest.raises(RuntimeError, match="raised SystemExit"):
        execute_call(_call(), store)


def test_a_call_whose_input_another_run_delivers_meanwhile_is_run_again(store, tmp_path, monkeypatch):
    """Two batches that make the same film: the first to deliver moves it out of the store that both read."""
    film = tmp_path / "film.txt"
    film.write_text("film")
    file = store.add_file(film)
    delivered = tmp_path / "delivered.txt"

    def run(self, context, params: WriteParams) -> Media:
        SEEN.append(params.text)
        path = context.path(file)
        if not delivered.exists():
            export(store, file, delivered, "another job")
        return Media(file=file, container=path.read_text(), start_s=0, duration_s=1)

    monkeypatch.setattr(Write, "run", run)

    assert execute_call(_call(), store).value["container"] == "film"
    assert len(SEEN) == 2


def test_a_result_of_a_changed_file_is_not_published(store, tmp_path, monkeypatch):
    """A result of other content than the key says must not be stored under that key."""
    film = tmp_path / "film.txt"
    film.write_text("film")
    file = store.add_external(film)

    def run(self, context, params: WriteParams) -> Media:
        text = context.path(file).read_text()
        film.write_text("another film")
        output = context.temp_path("made.txt")
        output.write_text(f"made of {text}")
        return Media(file=context.store(output), container="text", start_s=0, duration_s=1)

    monkeypatch.setattr(Write, "run", run)

    with pytest.raises(InputMediaError, match="was changed, moved or removed"):
        execute_call(_call(), store)

    assert store.result("aa" * 32) is None


def test_a_stopped_call_raises_at_its_next_progress_report(store):
    """`progress` raises Interrupted."""
    monitor = CallMonitor()
    monitor.stopped = True

    with pytest.raises(Interrupted):
        execute_call(_call(wait=True), store, monitor)


LOOPS = {
    "decode": lambda path, media, out: images(path, media.video),
    "decode in another thread": lambda path, media, out: read_ahead(images(path, media.video), 2),
    "packet index": lambda path, media, out: [index_stream(path, media.video)],
    "stream contents": lambda path, media, out: [read_contents(path, media.video.index)],
    "encode": lambda path, media, out: _encoded(out, (frame for _, frame in exact_frames(path, media.video))),
    "tool": lambda path, media, out: [run_tool([sys.executable, "-c", "import time; time.sleep(60)"])],
}


@pytest.mark.slow
@pytest.mark.parametrize("loop", LOOPS)
def test_a_stopped_call_ends_within_a_frame_of_any_loop(loop, store, monkeypatch, tmp_path):
    """Loops over frames, packets and tools below a node do not wait for its next progress report."""
    path = make_clip(tmp_path / "film.mp4", Recipe(frames=40, size=(64, 36), gop=40))
    media, monitor, checks = probe(path, store.add_external(path)), CallMonitor(), []

    def check():
        checks.append(True)
        if len(checks) == 5:
            raise Interrupted("stopped")

    monitor.check = check

    def run(self, context, params: WriteParams) -> Media:
        for _ in LOOPS[loop](path, media, tmp_path / "out.mp4"):
            pass
        raise AssertionError("the loop ran to its end")

    monkeypatch.setattr(Write, "run", run)

    with pytest.raises(Interrupted):
        execute_call(_call(), store, monitor)


def _encoded(path, frames):
    with ClipWriter(path) as writer:
        writer.add_video(VideoSettings("libx264", (64, 36), Fraction(25)))
        for frame in frames:
            writer.write_frame(frame)
            yield frame


def test_only_computing_calls_wait_for_a_core(store):
    """With one core, one computing call runs, and any number of waiting ones."""

    async def play():
        executor = LocalExecutor(store, capacity=Capacity(1))
        names = {"a": 1, "b": 1, "io1": 0, "io2": 0}
        tasks = [
            asyncio.create_task(executor.run(_call(key=(name * 64)[:64], cores=cores, text=name, wait=True)))
            for name, cores in names.items()
        ]
        while len(SEEN) < 3:
            await asyncio.sleep(0.001)
        await asyncio.sleep(0.02)
        running = sorted(SEEN)
        RELEASE.set()
        await asyncio.gather(*tasks)
        await executor.aclose()
        return running

    assert asyncio.run(play()) == ["a", "io1", "io2"]
    assert sorted(SEEN) == ["a", "b", "io1", "io2"]


def test_cancelling_stops_the_thread_before_it_returns(store):
    """After a cancel nothing runs any more, and the scratch folder is deleted."""

    async def play():
        executor = LocalExecutor(store)
        task = asyncio.create_task(executor.run(_call(wait=True)))
        while not SEEN:
            await asyncio.sleep(0.001)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        left = [place for place in (store.root / "scratch").rglob("*/*") if place.name != "lock"]
        await executor.aclose()
        return left

    assert asyncio.run(play()) == []


def test_progress_has_the_key_of_the_call(store):
    """The runner can assign it to a progress bar."""
    moves = []
    RELEASE.set()

    async def play():
        executor = LocalExecutor(store, lambda key, share: moves.append((key, share)))
        RELEASE.clear()
        task = asyncio.create_task(executor.run(_call(wait=True)))
        while not moves:
            await asyncio.sleep(0.001)
        RELEASE.set()
        await task
        await executor.aclose()

    asyncio.run(play())
    assert moves[0] == ("aa" * 32, 0.5)


def test_a_call_that_has_ended_does_not_stop_the_next_one_of_its_process():
    """A stop that comes when the reply is there, and before the coordinator knows it."""
    sent = []

    class Process:
        def send(self, line):
            sent.append(json.loads(line))

        def read(self):
            return dump(result_reply(Result(7, 0.0, reused=False))) + "\n"

        def kill(self):
            sent.append("kill")
            return -9

    class Executor:
        def take(self):
            return Process()

        def put_back(self, process):
            attempts.stop()
            attempts.kill()

    attempts = Attempts(Executor(), Call("m:F", {}, "key"), lambda _share: None)

    assert attempts.run().value == 7
    assert [list(line) for line in sent] == [["call"]]
