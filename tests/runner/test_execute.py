"""A job from its first check to its last file, with toy nodes."""

from __future__ import annotations

import asyncio
import errno
import json
import re
import signal
import threading
from dataclasses import replace

import pytest
import toys
from export_lock import held_export

from react1.pipeline.core.errors import (
    CheckFailed,
    InputMediaError,
    InternalError,
    Interrupted,
    PresetError,
    StorageFailed,
)
from react1.pipeline.core.values import Media, Take
from react1.pipeline.runner import execute as execute_module
from react1.pipeline.runner.events import Message, RunEnded, RunStarted, StepEnded, StepMoved, StepStarted, Waiting
from react1.pipeline.runner.execute import Options, execute
from react1.pipeline.runner.planning.plan import plan_job
from react1.pipeline.runner.run_records.run_folder import RunFolder, all_runs, find_run
from react1.pipeline.runner.scheduling.scheduler import drop_failed
from react1.pipeline.store.store import Store


class Listener:
    def __init__(self, stop_at: str = "") -> None:
        self.events = []
        self.stop_at = stop_at

    def on(self, event) -> None:
        self.events.append(event)
        if self.stop_at and isinstance(event, StepStarted) and event.step == self.stop_at:
            asyncio.get_running_loop().call_soon(next(iter(_main_task())).cancel)


def _main_task():
    return [task for task in asyncio.all_tasks() if task.get_name() == "main"]


@pytest.fixture(autouse=True)
def fresh():
    toys.RUN_COUNTS.clear()


@pytest.fixture
def source(tmp_path):
    place = tmp_path / "film.txt"
    place.write_text("film")
    return place


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out" / "film.react1.txt"


@pytest.fixture
def home(tmp_path):
    return tmp_path / "home"


def _run(job, home, listener=None, run=None, **options):
    async def play():
        asyncio.current_task().set_name("main")
        return await execute(job, Options(home, watcher=listener or Listener(), **options), run)

    return asyncio.run(play())


def test_a_job_returns_the_film_the_page_and_a_result_per_segment(source, out, home):
    """Segments run separately, takes are gathered in order, the film is written to its output path."""
    result = _run(toys.toy_job(source, out), home)

    assert out.read_text() == "film\ndone film:a:warm\ndone film:b:warm"
    assert result.output == out
    assert result.report.read_text() == "a,b"
    assert json.loads(result.report.with_name("report.json").read_text()) == "a,b"
    assert result.checks == {"frames_equal": True}
    assert [(s.name, s.start_frame, s.end_frame, s.status, s.reused) for s in result.segments] == [
        ("a", 0, 1, "done", False),
        ("b", 1, 2, "done", False),
    ]
    assert (result.status, result.exit_status, result.cost_usd) == ("done", 0, 1.0)


def test_steps_are_recorded_in_the_order_of_the_job(source, out, home):
    """The report lists what they took in this order."""
    listener, job = Listener(), toys.toy_job(source, out)
    _run(job, home, listener)

    steps = next(event for event in listener.events if isinstance(event, RunEnded)).record.steps
    ids = list(dict.fromkeys(item.step for item in steps))
    assert ids == [step.id for step in job.steps] != sorted(ids)
    assert [item.segment for item in steps if item.step == "shade"] == ["a", "b"]


def test_the_json_object_has_the_keys_of_the_contract(source, out, home):
    """Scripts rely on exactly these names."""
    record = _run(toys.toy_job(source, out), home).to_json()

    assert list(record) == [
        "run", "status", "output", "report", "cost_usd", "segments", "checks", "notes", "turnover", "until",
    ]  # fmt: skip
    assert list(record["segments"][0]) == [
        "name", "start_frame", "end_frame", "provider", "request_id", "status", "cost_usd", "reused", "face",
    ]  # fmt: skip


def test_a_second_run_of_an_unchanged_job_does_no_work(source, out, home):
    """Every result comes from the store, nothing is paid, and the film is not replaced."""
    _run(toys.toy_job(source, out), home)
    before, stamp = dict(toys.RUN_COUNTS), out.stat().st_mtime_ns

    result = _run(toys.toy_job(source, out), home)

    assert dict(toys.RUN_COUNTS) == before
    assert out.stat().st_mtime_ns == stamp
    assert all(segment.reused for segment in result.segments)
    assert result.cost_usd == 0


def test_only_changed_steps_run_again(source, out, home):
    """With another tone, opening and cutting come from the store."""
    _run(toys.toy_job(source, out), home)
    toys.RUN_COUNTS.clear()

    _run(toys.toy_job(source, out, tone="cold"), home)

    assert dict(toys.RUN_COUNTS) == {"shade a": 1, "shade b": 1, "join": 1, "summary": 1}
    assert out.read_text().endswith("film:b:cold")


def test_a_raised_node_version_runs_its_step_again(source, out, home, monkeypatch):
    """The results of the old version are not reused; the steps before it are."""
    job = toys.toy_job(source, out)
    _run(job, home)
    toys.RUN_COUNTS.clear()
    monkeypatch.setattr(toys.Shade, "version", 2)

    rows = {row.step: row.why for row in plan_job(job, Store(home, read_only=True))}
    _run(job, home)

    assert (rows["cut"], rows["shade"]) == ("", "another version of the node (1 → 2)")
    assert dict(toys.RUN_COUNTS) == {"shade a": 1, "shade b": 1}


def test_a_changed_source_runs_everything_again(source, out, home):
    """The key depends on content, not on the name."""
    _run(toys.toy_job(source, out), home)
    toys.RUN_COUNTS.clear()
    source.write_text("another film")

    _run(toys.toy_job(source, out), home)

    assert toys.RUN_COUNTS["cut"] == 1
    assert out.read_text().startswith("another film")


def test_a_deleted_film_is_made_again(source, out, home):
    """A missing external file is a cache miss, not a failure."""
    _run(toys.toy_job(source, out), home)
    toys.RUN_COUNTS.clear()
    out.unlink()

    _run(toys.toy_job(source, out), home)

    assert out.read_text().startswith("film\n")
    assert toys.RUN_COUNTS["shade a"] == 0


def test_an_existing_film_is_refused_before_anything_runs(source, out, home):
    """No file is lost, and no work is done."""
    out.parent.mkdir()
    out.write_text("precious")

    with pytest.raises(PresetError, match="exists; give --replace"):
        _run(toys.toy_job(source, out), home)

    assert (out.read_text(), dict(toys.RUN_COUNTS), home.exists()) == ("precious", {}, False)
    _run(toys.toy_job(source, out), home, replace=True)
    assert out.read_text().startswith("film\n")


def test_a_failure_names_step_and_segment(source, out, home):
    """The message is one line, there is no film, and the run can be resumed."""
    with pytest.raises(InputMediaError, match=r"^shade \[b\]: no face here$"):
        _run(toys.toy_job(source, out, fail_on="b"), home)

    assert not out.exists()
    record = find_run(home, None).read()
    assert (record["status"], record["exit_status"]) == ("failed", 3)
    assert record["error"] == "shade [b]: no face here"


def test_a_resumed_run_has_no_error_of_its_first_try(source, out, home):
    """Neither while it runs nor when it is done."""
    with pytest.raises(InputMediaError):
        _run(toys.toy_job(source, out, fail_on="b"), home)
    run, records = find_run(home, None), []

    class Reader(Listener):
        def on(self, event):
            records.append(run.read())

    _run(toys.toy_job(source, out), home, Reader(), run=run)

    assert len(records) > 1
    for record in (*records, run.read()):
        assert (record["error"], record["exit_status"]) == (None, None)


def test_a_failed_segment_keeps_its_original_footage_if_the_job_says_so(source, out, home):
    """The other segments change, the exit status is 6, and a note says why."""
    listener = Listener()

    result = _run(toys.toy_job(source, out, fail_on="a", on_failure="keep-original"), home, listener)

    assert out.read_text() == "film\noriginal film:a\ndone film:b:warm"
    assert (result.status, result.exit_status) == ("kept-original", 6)
    assert [segment.status for segment in result.segments] == ["original", "done"]
    assert "a: no face here" in result.notes
    assert Message("shade [a]: no face here; the original footage is kept") in listener.events


def test_a_film_that_fails_its_checks_is_made_again_without_the_bad_takes(source, out, home):
    """Bad takes are dropped one by one, and the result says so, also in a second run."""
    listener = Listener()
    job = toys.toy_job(source, out, names=("a", "b", "c"), reject=("a", "c"), on_failure="keep-original")

    result = _run(job, home, listener)

    assert out.read_text() == "film\noriginal film:a:warm\ndone film:b:warm\noriginal film:c:warm"
    assert (result.status, result.exit_status, toys.RUN_COUNTS["join"]) == ("kept-original", 6, 3)
    assert [segment.status for segment in result.segments] == ["original", "done", "original"]
    assert {"a: it does not fit", "c: it does not fit"} <= set(result.notes)
    assert Message("join: the joint shows; the original footage of c is kept") in listener.events
    assert _run(job, home).exit_status == 6


def test_a_film_that_fails_its_checks_stops_the_run_by_default(source, out, home):
    """There is no film, and the exit status is that of a bad take."""
    with pytest.raises(CheckFailed, match="join: the joint shows"):
        _run(toys.toy_job(source, out, reject=("b",)), home)

    assert not out.exists()
    assert find_run(home, None).read()["exit_status"] == 4


def test_only_takes_in_the_film_can_be_dropped():
    """A segment without a take changes nothing."""
    inputs = {"takes": [], "source": None}

    assert drop_failed(inputs, {"x": "why"}) == (inputs, {})


def test_a_stopped_run_says_how_to_resume(source, out, home):
    """After a stop at join, finished steps do not run again."""
    with pytest.raises(Interrupted, match="react1 resume"):
        _run(toys.toy_job(source, out), home, Listener(stop_at="join"))
    assert not out.exists()
    assert find_run(home, None).state() == "interrupted"
    shaded = toys.RUN_COUNTS["shade a"]

    _run(toys.toy_job(source, out), home)

    assert (shaded, toys.RUN_COUNTS["shade a"], toys.RUN_COUNTS["cut"]) == (1, 1, 1)
    assert out.exists()


def test_a_run_that_waits_for_the_export_of_another_can_be_stopped(source, out, home):
    """It says what it waits for, and none of its threads keeps the process alive."""
    messages, ended = [], []

    async def play():
        loop, task = asyncio.get_running_loop(), asyncio.current_task()

        class Stopper(Listener):
            def on(self, event) -> None:
                if isinstance(event, Waiting):
                    messages.append(event.text)
                    loop.call_soon_threadsafe(task.cancel)

        with pytest.raises(Interrupted, match="react1 resume"):
            await execute(toys.toy_job(source, out), Options(home, watcher=Stopper()))

    thread = threading.Thread(target=lambda: ended.append(asyncio.run(play())))
    with held_export(home, out):
        thread.start()
        thread.join(20)
        stopped = list(ended)
    thread.join()

    assert stopped == [None]
    assert messages == [f"{out}: another run is writing its output; waiting until it has finished"]
    assert find_run(home, None).state() == "interrupted"
    assert not out.exists()
    _run(toys.toy_job(source, out), home)
    assert out.exists()


def test_two_spellings_of_one_output_path_are_refused(source, tmp_path, home):
    """Two steps must not write the same file."""
    job = toys.toy_job(source, tmp_path / "a.txt")
    shade = replace(job.steps[2], params=toys.ShadeParams(out=str(tmp_path / "x" / ".." / "a.txt")))
    job = replace(job, steps=(*job.steps[:2], shade, *job.steps[3:]))

    with pytest.raises(PresetError, match="both write"):
        _run(job, home)


def test_a_clip_never_replaces_the_source(source, tmp_path, home):
    """A folder of clips may contain the source, but no clip may have its name, even with `replace`."""
    job = toys.toy_job(source, tmp_path / "film.react1.txt", names=("film",))
    shade = replace(job.steps[2], params=toys.ShadeParams(out=str(tmp_path)))
    source = source.rename(tmp_path / "film.take.txt")
    opened = replace(job.steps[0], params=toys.OpenParams(uri=str(source)))
    job = replace(job, steps=(opened, job.steps[1], shade, *job.steps[3:]))

    with pytest.raises(PresetError, match="is a source, which is never overwritten"):
        _run(job, home, replace=True)

    assert source.read_text() == "film"


def test_a_film_keeps_the_container_of_its_source(source, tmp_path, home):
    """Another suffix is refused before anything runs."""
    with pytest.raises(PresetError, match=r"does not end with \.txt"):
        _run(toys.toy_job(source, tmp_path / "film.mkv"), home)

    assert dict(toys.RUN_COUNTS) == {}


def test_a_running_run_is_not_resumed(source, out, home):
    """Two processes must not write into one folder."""
    _run(toys.toy_job(source, out), home)
    run = all_runs(home)[0]
    run.write(status="running")

    lock = run.lock()
    with pytest.raises(PresetError, match="no unfinished run"):
        find_run(home, None)
    with pytest.raises(PresetError, match="still running in another process"):
        run.lock()
    assert run.state() == "running"
    lock.close()

    assert run.state() == "interrupted"
    assert find_run(home, None).name == run.name


def test_one_unreadable_run_does_not_hide_the_others(source, out, home):
    """An incomplete run.json is skipped."""
    _run(toys.toy_job(source, out), home)
    all_runs(home)[0].write(status="failed")
    (home / "runs" / "99990101-000000-aaaa").mkdir()
    (home / "runs" / "99990101-000000-aaaa" / "run.json").write_text("{")

    assert find_run(home, None).read()["status"] == "failed"


def test_an_internal_error_of_a_node_has_its_name(source, out, home, monkeypatch):
    """The user gets one line; the traceback is in the run's folder."""

    def run(self, context, params: toys.JoinParams, source: Media, takes: list[Take]) -> Media:
        return None

    monkeypatch.setattr(toys.Join, "run", run)

    with pytest.raises(InternalError, match=r"^join: the node join \(react1\) failed: AttributeError"):
        _run(toys.toy_job(source, out), home)

    details = (all_runs(home)[0].folder / "fault.txt").read_text()
    cause = r"executors.base\.py.*^AttributeError: .*direct cause.*InternalError: "
    assert re.search(cause, details, re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("wrapped", [False, True])
def test_a_full_disk_is_not_an_internal_error(source, out, home, monkeypatch, wrapped):
    """The message is one line that says what to do, and no traceback is written, even if the node wraps the error."""

    def run(self, context, params: toys.JoinParams, source: Media, takes: list[Take]) -> Media:
        full = OSError(errno.ENOSPC, "No space left on device", "take.mp4")
        if not wrapped:
            raise full
        raise ValueError("the encoder does not take these pictures") from full

    monkeypatch.setattr(toys.Join, "run", run)

    with pytest.raises(StorageFailed, match=r"^join: the disk that holds .*home is full; free some space"):
        _run(toys.toy_job(source, out), home)

    assert not (all_runs(home)[0].folder / "fault.txt").exists()


def test_a_failure_that_cannot_be_written_down_is_reported_all_the_same(source, out, home, monkeypatch):
    """On a full disk its message may name the job that the provider has; the next look at the run calls it stopped."""
    write = RunFolder.write

    def refuse(run, /, **changes):
        if changes.get("status") == "failed":
            raise StorageFailed("the disk is full")
        write(run, **changes)

    monkeypatch.setattr(RunFolder, "write", refuse)
    monkeypatch.setattr(execute_module, "spent_usd", lambda *_: refuse(None, status="failed"))

    with pytest.raises(InputMediaError, match=r"^shade \[b\]: no face here$"):
        _run(toys.toy_job(source, out, fail_on="b"), home)
    assert find_run(home, None).state() == "interrupted"


def test_an_invalid_stored_result_is_made_again(source, out, home):
    """JSON that is not a value is a cache miss, not an error."""
    _run(toys.toy_job(source, out), home)
    toys.RUN_COUNTS.clear()
    for place in (home / "results").rglob("*.json"):
        record = json.loads(place.read_text())
        if record["parts"]["node"] == "shade":
            place.write_text(json.dumps({**record, "value": {"odd": 1}}))

    _run(toys.toy_job(source, out), home)

    assert (toys.RUN_COUNTS["shade a"], toys.RUN_COUNTS["cut"]) == (1, 0)


def test_the_signal_handlers_of_the_caller_are_restored(source, out, home):
    """A script that runs a job keeps its own handlers."""
    signals = []
    before = signal.signal(signal.SIGTERM, lambda *_: signals.append(1))

    _run(toys.toy_job(source, out), home)

    signal.raise_signal(signal.SIGTERM)
    signal.signal(signal.SIGTERM, before)
    assert signals == [1]


def test_every_step_sends_events_with_its_segment(source, out, home):
    """They are enough to draw a progress bar."""
    listener = Listener()

    _run(toys.toy_job(source, out), home, listener)

    started = {(e.step, e.segment) for e in listener.events if isinstance(e, StepStarted)}
    ended = {(e.step, e.segment) for e in listener.events if isinstance(e, StepEnded)}
    assert (
        started == ended == {("open", ""), ("cut", ""), ("shade", "a"), ("shade", "b"), ("join", ""), ("summary", "")}
    )
    assert StepMoved("shade", "a", 0.5) in listener.events
    assert isinstance(listener.events[0], RunStarted)
    assert [e.text for e in listener.events if isinstance(e, Message)].count("a: a preview") == 1


def test_runs_are_listed_newest_first_and_found_by_prefix(source, out, home):
    """An unknown name is refused with a hint."""
    first = _run(toys.toy_job(source, out), home).run
    second = _run(toys.toy_job(source, out), home).run

    assert {run.name for run in all_runs(home)} == {first, second}
    assert find_run(home, first).name == first
    with pytest.raises(PresetError, match="there is no run 'nothing'"):
        find_run(home, "nothing")


def test_a_script_that_is_not_allowed_is_refused_before_anything_runs(source, out, home):
    """A preset names a function, but only the user can allow its file."""
    from react1.nodes.script_take import ScriptTake

    job = toys.toy_job(source, out)
    info = toys.Registry.of(ScriptTake).get("script_take")
    params = info.ports.params(function="grade:dim")
    step = replace(job.steps[2], id="grade", info=info, params=params, wires={info.ports.inputs[0].name: ("shade",)})

    with pytest.raises(PresetError, match="a preset cannot bring its own code"):
        _run(replace(job, steps=(*job.steps, step)), home)

    assert dict(toys.RUN_COUNTS) == {}
