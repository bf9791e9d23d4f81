"""What workers elsewhere do with a call: the store, the scripts and the cancel record that they use."""

from __future__ import annotations

import asyncio
import json

import pytest

from react1.pipeline.core.errors import Interrupted, ToolFailed
from react1.pipeline.core.nodes.node import Need
from react1.pipeline.core.values import Media
from react1.pipeline.executors.base import Call, call_json, from_json, parse_call, parse_reply
from react1.pipeline.executors.remote import Coordinator, RemoteExecutor, WatchingMonitor, run_shipped_call
from react1.pipeline.store.store import Store
from react1.testing.executor_nodes import Probe, ProbeParams
from react1.testing.executor_tests import probe_call


class TextExecutor(RemoteExecutor):
    """An engine of one worker in a thread; a test may change what is sent."""

    change = staticmethod(lambda request: request)

    async def _connect(self):
        """Join nothing."""

    async def _submit(self, call, call_id, text):
        self.sent = self.change(json.loads(text))
        return await asyncio.to_thread(run_shipped_call, json.dumps(self.sent))

    async def _disconnect(self):
        """Leave nothing."""


@pytest.fixture
def machines(tmp_path, monkeypatch):
    """A coordinator's store, and the home of a worker that shares a folder with it."""
    (tmp_path / "mounted").mkdir()
    monkeypatch.setenv("REACT1_HOME", str(tmp_path / "worker"))
    return Store(tmp_path / "home", place=str(tmp_path / "mounted"))


def _run(store, call, change=None):
    async def run():
        executor = TextExecutor(store)
        executor.change = change or executor.change
        try:
            return await executor.run(call), executor.sent
        finally:
            await executor.aclose()

    return asyncio.run(run())


def test_a_worker_uses_its_own_home_and_the_shared_store(machines, tmp_path):
    """The coordinator reads the result; its own home is not touched by the worker."""
    result, sent = _run(machines, probe_call(tmp_path, text="far"))

    assert machines.path(from_json(Media, result.value).file).read_text() == "far"
    assert sorted(path.name for path in (tmp_path / "worker").iterdir()) == ["scratch"]
    assert sent["place"] == str(tmp_path / "mounted")
    assert list(machines.backend.records.names("coordinators")) == []


def test_a_worker_with_another_release_refuses_the_call(machines, tmp_path):
    """The message names both."""
    with pytest.raises(ToolFailed, match=r"react1 is .* on this worker, and 0.0.1 where the run was started"):
        _run(machines, probe_call(tmp_path), lambda request: {**request, "version": "0.0.1"})


def test_a_worker_with_another_version_of_the_node_refuses_the_call(machines, tmp_path):
    """A plug-in may be older there."""
    call = probe_call(tmp_path)
    parts = {**call.args["parts"], "version": 7}

    with pytest.raises(ToolFailed, match=r"Probe is version 1 .* and version 7 where the run was started"):
        _run(machines, Call(call.fn, {**call.args, "parts": parts}, call.key))


def test_a_call_of_a_coordinator_that_is_gone_does_not_start(machines, tmp_path):
    """A task that an engine starts late, after its coordinator was killed, does nothing."""
    with pytest.raises(asyncio.CancelledError):
        _run(machines, probe_call(tmp_path), lambda request: {**request, "coordinator": "gone"})

    assert list(tmp_path.glob("at-*")) == []


def test_the_users_scripts_are_shipped_as_content(machines, tmp_path, monkeypatch):
    """The worker has no such path: it reads the text that the coordinator had, under its own name."""
    script = tmp_path / "mine" / "grade.py"
    script.parent.mkdir()
    script.write_text("TEXT = 'graded'\n")
    monkeypatch.setenv("REACT1_SCRIPT", str(script))

    def run(self, context, params: ProbeParams) -> Media:
        from react1.pipeline.scripting.apply import script_file

        path = script_file("grade:f")
        output = context.temp_path("text.txt")
        output.write_text(path.read_text())
        assert path != script
        return Media(file=context.store(output), container="text", start_s=0, duration_s=1)

    monkeypatch.setattr(Probe, "cache_salt", classmethod(lambda cls, params: "salt"), raising=False)
    monkeypatch.setattr(Probe, "run", run)

    def elsewhere(request):
        script.unlink()
        monkeypatch.delenv("REACT1_SCRIPT")
        return request

    result, _ = _run(machines, probe_call(tmp_path), elsewhere)

    assert machines.path(from_json(Media, result.value).file).read_text() == "TEXT = 'graded'\n"
    assert [path for path in (tmp_path / "worker" / "scratch").rglob("*") if path.name == "grade.py"] == []


def test_a_stopped_call_stops_at_its_next_check_and_no_other_does(machines):
    """The record has the call; it is read at most once per second of the worker's clock."""
    records, now = machines.backend.records, [0.0]

    async def play():
        coordinator = Coordinator(records, silence_s=60)
        await coordinator.start()
        first, second = (WatchingMonitor(records, coordinator.name, name, 60, lambda: now[0]) for name in "ab")
        first.check()
        await coordinator.stop("a")
        first.check()
        now[0] = 1.5
        second.check()
        with pytest.raises(Interrupted):
            first.check()
        await coordinator.close()
        now[0] = 3.0
        with pytest.raises(Interrupted):
            second.check()

    asyncio.run(play())


def test_a_silent_coordinator_is_dead_after_a_while(machines):
    """While its beat rises the calls go on; a beat that stays the same is watched by the worker's clock."""
    records, now = machines.backend.records, [0.0]

    async def play():
        coordinator = Coordinator(records, silence_s=60)
        await coordinator.start()
        monitor = WatchingMonitor(records, coordinator.name, "a", 60, lambda: now[0])
        for now[0] in (0.0, 50.0):
            monitor.check()
        await asyncio.to_thread(coordinator._write)
        for now[0] in (100.0, 155.0):
            monitor.check()
        now[0] = 161.0
        with pytest.raises(Interrupted):
            monitor.check()
        await coordinator.close()

    asyncio.run(play())


def test_a_call_survives_json(tmp_path):
    """What it needs is part of it."""
    call = probe_call(tmp_path)
    call = Call(call.fn, call.args, call.key, Need(cores=3, memory_mb=5, scratch_mb=7, gpus=1, labels=("a", "b")), 9.0)

    assert parse_call(json.loads(json.dumps(call_json(call)))) == call


def test_a_call_that_was_stopped_is_no_result(tmp_path):
    """A worker's reply says so."""
    with pytest.raises(Interrupted):
        parse_reply({"stopped": True}, probe_call(tmp_path))
