"""`react1 batch`: many films in one process, with one budget; a film that fails does not stop the others."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from job_runner import no_precheck
from numbered_clips import Recipe, make_clip
from server_client import open_server

from react1.pipeline.cli.commands.films import batch as batch_command
from react1.pipeline.core.errors import Interrupted
from react1.pipeline.jobs import budget
from react1.pipeline.runner import batch as film_batch
from react1.pipeline.runner.batch import Batch, BatchItem, read_batch
from react1.pipeline.runner.events import StepMoved
from react1.pipeline.runner.execute import Options
from react1.pipeline.server.job_store import JobStore
from react1.pipeline.server.renderers import mark_source

__all__ = ["no_precheck"]
KEY = "SG_secret0123456789abcdef"


@pytest.fixture
def films(react1, monkeypatch):
    """Three small films and a table that names four; their steps run in this process."""
    monkeypatch.setenv("REACT1_EXECUTOR", "local")
    for number in range(3):
        make_clip(
            Path(f"f{number}.mp4"), Recipe(frames=40, size=(160, 90), audio_codec="aac", chroma=(90 + 30 * number, 128))
        )
    rows = [f"{name}.mp4,16f,22f,happy" for name in ("f0", "missing", "f1", "f2")]
    Path("films.csv").write_text("\n".join(["source,in,out,prompt", *rows]))
    return Path.cwd()


def states(result):
    return {job["name"]: job["status"] for job in result.json["jobs"]}


@pytest.mark.slow
def test_a_film_that_fails_does_not_stop_the_others(react1, films):
    """Exit 6, one object, a page with every film; resume runs what failed, and only that."""
    result = react1("batch", "films.csv", "--preset", "prepare", "--json")

    assert result.status == 6
    assert states(result) == {"f0.mp4": "done", "missing.mp4": "failed", "f1.mp4": "done", "f2.mp4": "done"}
    assert result.json["counts"] == {"done": 3, "failed": 1}
    error = next(job["error"] for job in result.json["jobs"] if job["name"] == "missing.mp4")
    assert "missing.mp4 does not exist" in error
    page = Path(result.json["page"]).read_text()
    assert all(f"{name}.mp4" in page for name in ("f0", "missing", "f1", "f2"))

    make_clip(Path("missing.mp4"), Recipe(frames=40, size=(160, 90), audio_codec="aac"))
    resumed = react1("resume", result.json["batch"], "--json")
    assert resumed.status == 0
    assert set(states(resumed).values()) == {"done"}
    runs = {job["name"]: job["run"] for job in result.json["jobs"] if job["status"] == "done"}
    assert runs == {job["name"]: job["run"] for job in resumed.json["jobs"] if job["name"] in runs}


@pytest.mark.slow
def test_without_json_each_film_has_a_line(react1, films):
    """And the last line says how to go on."""
    result = react1("batch", "films.csv", "--preset", "prepare", "--jobs", "1")

    assert result.status == 6
    assert "f0.mp4: done" in result.out and "missing.mp4: failed" in result.out
    assert "3 done, 1 failed; $0.00" in result.out.replace("1 failed, 3 done", "3 done, 1 failed")
    assert "react1 resume batch-" in result.out
    assert result.err.count("f1.mp4: done") == 1


@pytest.fixture
def host(tmp_path, monkeypatch):
    """A local server that marks, on made films whose seams the mark may show; counts the submitted jobs."""
    limits = "react1.pipeline.splicing.verification.seam_meter.require_within_thresholds"
    monkeypatch.setattr(limits, lambda *_: None)
    monkeypatch.setattr(budget, "check_segment", lambda segment, store, limits: ((), None))
    folder = tmp_path / "srv"
    with open_server(folder, {"engine": "mark"}, renderer=mark_source, key=KEY) as client:
        monkeypatch.setenv("REACT1_SEGMIND_URL", client.url)
        monkeypatch.setenv("SEGMIND_API_KEY", KEY)
        monkeypatch.setenv("REACT1_POLL_S", "0.05")
        yield lambda: len(list(JobStore(folder).jobs()))


@pytest.mark.slow
@pytest.mark.usefixtures("no_precheck")
def test_one_budget_is_over_all_films(react1, films, host):
    """The plan has the price of the night; nothing is sent without approval; then two of three films fit."""
    table = Path("films.csv")
    table.write_text(table.read_text().replace("missing.mp4,16f,22f,happy\n", ""))
    words = ("films.csv", "--provider", "segmind")

    planned = react1("plan", *words, "--json").json
    price = planned["jobs"][0]["cost_usd"]
    assert price > 0 and planned["cost_usd"] == pytest.approx(3 * price)

    refused = react1("batch", *words)
    assert refused.status == 5 and "are not approved" in refused.err and host() == 0

    result = react1("batch", *words, "--yes", "--max-cost", str(2.5 * price), "--jobs", "1", "--json")
    assert sorted(states(result).values()) == ["done", "done", "failed"]
    assert result.json["cost_usd"] == pytest.approx(2 * price) and host() == 2
    (failed,) = [job for job in result.json["jobs"] if job["status"] == "failed"]
    assert failed["exit_status"] == 5 and "budget" in failed["error"]

    resumed = react1("resume", result.json["batch"], "--max-cost", str(1.5 * price), "--json")
    assert resumed.status == 0 and host() == 3


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGINT")
def test_a_stopped_batch_is_resumed(react1, films, tmp_path):
    """SIGINT ends it with 130; the films of the resumed batch are all done."""
    for number in range(3):
        make_clip(Path(f"f{number}.mp4"), Recipe(frames=250, size=(160, 90), audio_codec="aac", gop=50))
    table = Path("films.csv")
    table.write_text(table.read_text().replace("missing.mp4,16f,22f,happy\n", "").replace("22f", "240f"))
    process = subprocess.Popen(
        [sys.executable, "-m", "react1", "batch", "films.csv", "--preset", "prepare", "--jobs", "1", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    batches = tmp_path / "home" / "batches"
    while not list(batches.glob("*/batch.json")) or not list((tmp_path / "home").glob("runs/*/run.json")):
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate()

    (folder,) = batches.iterdir()
    assert process.returncode == 130, err
    assert f"react1 resume {folder.name}" in err + out
    assert "Traceback" not in err
    assert {item.status for item in read_batch(tmp_path / "home", folder.name).items} != {"done"}
    assert json.loads(out)["error"]
    resumed = react1("resume", folder.name, "--json")
    assert set(states(resumed).values()) == {"done"}


def test_names_in_the_page_are_escaped(react1, films):
    """A film's name cannot run script."""
    name = "<img src=x onerror=alert(1)>.mp4"
    Path("films.csv").write_text(f"source,in,out,prompt\n{name},16f,22f,happy\n")

    result = react1("batch", "films.csv", "--json")

    assert "<img" not in Path(result.json["page"]).read_text()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("batch", "nothing.yaml"), "nothing.yaml does not exist"),
        (("batch", "."), "has no job"),
        (("resume", "batch-1"), "there is no batch 'batch-1'"),
    ],
)
def test_a_list_that_cannot_be_read_is_one_line(react1, words, message):
    """Exit 2."""
    result = react1(*words)

    assert result.status == 2
    assert message in result.err and result.err.count("\n") == 1


@pytest.mark.slow
def test_two_jobs_of_one_film_stay_apart(react1, films):
    """Each has its own line and its own output, also when both could not be loaded at first."""
    rows = ["source,in,out,prompt,output", "f0.mp4,16f,22f,hapy,a", "f0.mp4,16f,22f,hapy,b"]
    Path("films.csv").write_text("\n".join(rows))
    first = react1("batch", "films.csv", "--preset", "prepare")
    assert first.status == 6 and first.err.count("f0.mp4: failed") == 2

    Path("films.csv").write_text("\n".join(rows).replace("hapy", "happy"))
    (batch,) = (Path.cwd().parent / "home" / "batches").iterdir()
    resumed = react1("resume", batch.name, "--json")

    assert resumed.status == 0
    assert {Path(job["output"]).name for job in resumed.json["jobs"]} == {"a", "b"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (("f0.mp4,16f,22f,happy,", "./f0.mp4,25f,30f,sad,"), "/f0.segments is also the output of film 1 of the list"),
        (
            ("f0.mp4,16f,22f,happy,a", "f1.mp4,16f,22f,sad,x/../a"),
            "/a is also the output of film 1 of the list, f0.mp4",
        ),
        (
            ("f1.mp4,16f,22f,sad,ok", "f0.mp4,16f,22f,happy,f1.mp4"),
            "f1.mp4 is the source of film 1 of the list, f1.mp4",
        ),
    ],
)
def test_a_film_of_a_batch_never_overwrites_another_one(react1, films, rows, message):
    """Not with `--yes` either, and not the camera's film; the others run, and a plan says it before."""
    before = [Path(f"f{number}.mp4").read_bytes() for number in range(3)]
    Path("films.csv").write_text("\n".join(["source,in,out,prompt,output", *rows]))

    planned = react1("plan", "films.csv", "--json")
    result = react1("batch", "films.csv", "--preset", "prepare", "--yes", "--json")

    assert (planned.status, result.status) == (6, 6)
    assert [job["status"] for job in result.json["jobs"]] == ["done", "failed"]
    assert message in result.json["jobs"][1]["error"] and "another `output`" in result.json["jobs"][1]["error"]
    assert [Path(f"f{number}.mp4").read_bytes() for number in range(3)] == before


def test_a_film_is_one_line_whatever_its_name(react1, films):
    """A line break in a name is written as two characters."""
    Path("films.csv").write_text('source,in,out,prompt\n"a\nb.mp4",1f,2f,sad\n')

    planned = react1("plan", "films.csv")
    result = react1("batch", "films.csv", "--preset", "prepare")

    assert planned.out.splitlines()[0].startswith("a\\nb.mp4: ") and len(planned.out.splitlines()) == 2
    assert result.err == "a\\nb.mp4: failed\n"
    assert result.out.startswith("a\\nb.mp4: failed, ")


@pytest.mark.slow
def test_quiet_prints_the_films_that_failed(react1, films):
    """On standard error, with the reason: a script sees what to do."""
    Path("films.csv").write_text("source,in,out,prompt\nmissing.mp4,1f,2f,sad\nf0.mp4,16f,22f,happy\n")

    result = react1("batch", "films.csv", "--preset", "prepare", "--quiet")

    assert (result.status, result.out) == (6, "")
    assert result.err.startswith("missing.mp4: failed, ") and result.err.count("\n") == 1


def test_metrics_of_a_batch_need_a_folder(react1, films):
    """In one file the last film's would be left; nothing runs."""
    wrong = react1("batch", "films.csv", "--preset", "prepare", "--metrics", "films.prom")

    assert wrong.status == 2
    assert "metrics films.prom: each film of a batch would overwrite the file; name a folder" in wrong.err
    assert not list(Path().glob("*.prom")) and not list(Path().glob("f0.*.mp4"))


@pytest.mark.slow
def test_quiet_is_kept_by_a_resume(react1, films):
    """Only failures are printed."""
    Path("films.csv").write_text("source,in,out,prompt\nf0.mp4,16f,22f,happy\n")
    name = react1("batch", "films.csv", "--preset", "prepare", "--json").json["batch"]

    assert react1("resume", name, "--quiet").out == ""
    assert "1 done" in react1("resume", name).out


def test_options_of_one_job_are_refused_for_a_list(react1, films):
    """They would change nothing."""
    result = react1("plan", "films.csv", "--edit", "1-2:sad", "--out", "x.mp4", "--allow-outside")

    assert result.status == 2
    assert "--edit, --out, --allow-outside: a list of films has its own values" in result.err


def test_a_list_is_planned_with_the_preset_that_its_batch_gets(react1, films):
    """A row may still name its own; a single job names its preset itself."""
    Path("films.csv").write_text("source,in,out,prompt,preset\nf0.mp4,16f,22f,happy,\nf1.mp4,16f,22f,sad,no-such\n")

    planned = react1("plan", "films.csv", "--preset", "prepare", "--json")
    alone = react1("plan", "prepare", "f0.mp4", "--preset", "prepare")

    first, second = planned.json["jobs"]
    assert first["error"] is None and "no-such" in second["error"]
    assert alone.status == 2 and "--preset is for a list of films; prepare is a single job" in alone.err


def test_the_table_has_totals_of_all_films(tmp_path):
    """The share of all, the time left by what was done since the first film started here, and the cost."""
    items = [
        BatchItem("a", {}, "done", cost_usd=1.5, share=1.0, started_at=100.0),
        BatchItem("b", {}, "running", share=0.5, started_at=130.0),
        BatchItem("c", {}, "waiting"),
        BatchItem("d", {}, "failed", exit_status=4),
    ]
    batch = Batch(tmp_path, "films.csv", {}, items)

    assert (batch.share, batch.remaining_s(190.0)) == (0.625, 90.0)
    assert Batch(tmp_path, "films.csv", {}, items[2:]).remaining_s(190.0) is None
    footers = [column.footer for column in batch_command._rows(batch).columns]
    assert (footers[0], footers[2:4], footers[5]) == ("all", ["2 of 4 ended", "62%"], "$1.50")
    assert [batch_command._clock_text(seconds) for seconds in (None, 61.4, 3723)] == ["", "1:01", "1:02:03"]


@pytest.mark.parametrize("by_run", [False, True])
def test_a_batch_that_is_stopped_is_saved_once_for_all_its_films(tmp_path, monkeypatch, by_run):
    """Whether a film's run tells of the stop, or is cancelled before it can."""
    saved = []
    monkeypatch.setattr(Batch, "save", lambda self: saved.append([item.status for item in self.items]))
    monkeypatch.setattr(film_batch, "job_from_document", lambda *_: SimpleNamespace(steps=("fetch",)))

    async def waits(*_):
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            if by_run:
                raise Interrupted("stopped") from None
            raise

    monkeypatch.setattr(film_batch, "execute", waits)
    batch = film_batch.new_batch(tmp_path, "films.csv", [], {})
    batch.items = [BatchItem(f"film {number}", {}) for number in range(30)]

    async def stopped():
        running = asyncio.create_task(film_batch.run_batch(batch, None, Options(home=tmp_path), parallel=20))
        while sum(item.status == "running" for item in batch.items) < 20:
            await asyncio.sleep(0)
        running.cancel()
        with pytest.raises(Interrupted, match=batch.name):
            await running

    asyncio.run(stopped())

    assert saved[1:] == [20 * ["interrupted"] + 10 * ["waiting"]]


def test_freed_memory_goes_back_to_the_system_while_films_run(monkeypatch):
    """As often as is set; without glibc nothing happens."""
    calls = []
    libc = SimpleNamespace(mallopt=lambda *values: calls.append(values), malloc_trim=calls.append)
    monkeypatch.setattr(film_batch, "TRIM_EVERY_S", 0.0)

    async def wait():
        async with film_batch.freed_memory_returned():
            while len(calls) < 3 and film_batch.glibc():
                await asyncio.sleep(0)

    monkeypatch.setattr(film_batch, "glibc", lambda: libc)
    asyncio.run(wait())
    assert calls[:3] == [(-8, 2), 0, 0]
    monkeypatch.setattr(film_batch, "glibc", lambda: None)
    calls.clear()
    asyncio.run(wait())
    assert calls == []


def test_steps_of_a_film_report_from_several_threads():
    """One may begin while the share of the film is summed up."""
    watcher = film_batch._ItemWatcher(BatchItem("a", {}), 2, lambda _: None, lambda: None)

    class Parts(dict):
        def values(self):
            watcher._shares["react1"] = {"s01": 0.0}
            return super().values()

    watcher._shares["trim"] = Parts()
    watcher.on(StepMoved("trim", "", 1.0))

    assert watcher._item.share == 0.5
