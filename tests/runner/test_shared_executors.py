"""The films of a batch share their workers; workers that have nothing to do end."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from fake_workers import fake_workers
from numbered_clips import Recipe, make_clip

from react1.pipeline.core.nodes.node import Need
from react1.pipeline.executors import process_executor
from react1.pipeline.executors.choose_executor import SharedExecutors, open_executors
from react1.pipeline.executors.local_executor import Capacity
from react1.pipeline.executors.process_executor import MAX_WAITING, ProcessExecutor
from react1.pipeline.preflight import clip_checks
from react1.pipeline.preflight.clip_checks import Finding
from react1.pipeline.store.store import Store
from react1.testing.executor_tests import probe_call

__all__ = ["fake_workers"]


async def _until(condition):
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.001)


def _calls(folder: Path, count: int, need: Need):
    calls = [probe_call(folder, text=str(number)) for number in range(count)]
    return [type(call)(call.fn, call.args, call.key, need) for call in calls]


@pytest.mark.parametrize(("need", "most"), [(Need(cores=1), 2), (Need(cores=0), MAX_WAITING)])
def test_workers_are_limited_by_cores_and_those_that_wait_by_number(tmp_path, fake_workers, need, most):
    """A batch of 200 films does not start 200 processes for its uploads."""
    fake_workers.may_reply.clear()

    async def play():
        executor = ProcessExecutor(Store(tmp_path / "home", place=""), capacity=Capacity(2))
        runs = [asyncio.create_task(executor.run(call)) for call in _calls(tmp_path, 12, need)]
        await _until(lambda: fake_workers.most_at_once == most)
        fake_workers.may_reply.set()
        await asyncio.gather(*runs)
        await executor.aclose()

    asyncio.run(play())
    assert (len(fake_workers.started), len(fake_workers.calls)) == (most, 12)


def test_a_worker_without_a_call_ends(tmp_path, fake_workers, monkeypatch):
    """After the time that is set, so that waiting for a provider holds no libraries; the next call starts another."""

    async def play(idle_s):
        monkeypatch.setattr(process_executor, "IDLE_S", idle_s)
        fake_workers.started.clear()
        executor = ProcessExecutor(Store(tmp_path / "home", place=""), capacity=Capacity(1))
        first, second = _calls(tmp_path, 2, Need(cores=1))
        await executor.run(first)
        if not idle_s:
            await _until(lambda: not fake_workers.started[0].running)
        await executor.run(second)
        states = [worker.running for worker in fake_workers.started]
        await executor.aclose()
        return states

    assert asyncio.run(play(0.0))[:1] == [False]
    assert asyncio.run(play(3600.0)) == [True]


@pytest.mark.slow
def test_the_films_of_a_batch_share_their_workers(react1, fake_workers, tmp_path):
    """At most one per core and a few that wait, however many films there are; REACT1_EXECUTOR=local starts none."""
    rows = ["source,in,out,prompt"]
    for number in range(4):
        make_clip(Path(f"f{number}.mp4"), Recipe(frames=30, size=(96, 64), chroma=(90 + 30 * number, 128)))
        rows.append(f"f{number}.mp4,16f,22f,happy")
    Path("films.csv").write_text("\n".join(rows))

    result = react1("batch", "films.csv", "--preset", "prepare", "--json")

    assert result.json["counts"] == {"done": 4}
    assert fake_workers.calls.count("Trim") == 4
    assert len(fake_workers.started) <= Capacity().cores + MAX_WAITING


@pytest.mark.slow
def test_spans_are_checked_by_workers(react1, fake_workers, monkeypatch):
    """Before anything is paid for; the coordinator reads what they found, and loads no face model."""
    checks = []

    def find_no_face(*arguments, **options):
        checks.append(arguments)
        return [Finding("s01", "no_face", "there is no face here", fatal=True)]

    monkeypatch.setattr(clip_checks, "check_span", find_no_face)
    monkeypatch.setenv("SEGMIND_API_KEY", "SG_secret0123456789abcdef")
    monkeypatch.setenv("REACT1_SEGMIND_URL", "http://127.0.0.1:9")
    make_clip(Path("a.mp4"), Recipe(frames=30, size=(96, 64), audio_codec="aac"))
    Path("films.csv").write_text("source,in,out,prompt\na.mp4,16f,22f,happy\n")

    result = react1("batch", "films.csv", "--provider", "segmind", "--yes", "--json")

    assert "there is no face here" in result.json["jobs"][0]["error"]
    assert fake_workers.calls[-1] == "SpanCheck"
    assert len(checks) == 1


def test_a_run_closes_only_executors_of_its_own(tmp_path, fake_workers):
    """Progress of shared ones reaches each run while it lasts."""

    async def play():
        store = Store(tmp_path / "home", place="")
        shared = SharedExecutors(store, "processes")
        heard = []
        async with open_executors(store, lambda key, share: heard.append((key, share)), shared) as opened:
            assert opened is shared
            shared._report("a", 0.5)
        shared._report("b", 0.5)
        call = _calls(tmp_path, 1, Need(cores=1))[0]
        result = await shared.main.run(call)
        await shared.aclose()
        async with open_executors(store, lambda key, share: None) as own:
            assert own.main is own.local
        with pytest.raises(RuntimeError):  # its threads are gone
            await own.main.run(call)
        return heard, result.reused

    assert asyncio.run(play()) == ([("a", 0.5)], False)
