"""`react1 take` and `run --until`: takes without a splice, which a later run takes from the store."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest

from react1 import plan, run, take
from react1.pipeline.core.errors import PresetError
from react1.testing import ClipRecipe, FakeProvider, frame_number, make_clip

CLIP = re.compile(r'<video class="after"[^>]* src="data:video/mp4;base64,([^"]+)"')
JOB = """
preset: emotion-edit
source: film.mov
edits:
  - {in: 2f, out: 8f, prompt: sad}
"""


@pytest.fixture
def job(react1):
    """Write a job for a clip of ten frames into the current folder."""
    make_clip(Path("film.mov"), ClipRecipe(frames=10, size=(64, 48)))
    Path("job.yaml").write_text(JOB)
    return "job.yaml", "--provider", "fake", "--yes"


@pytest.mark.slow
def test_a_take_is_made_without_a_film_and_spliced_later(react1, job):
    """The page plays the take with the film's sound; the later run sends nothing, and writes the film."""
    with FakeProvider() as fake:
        taken = react1("take", *job, "--project", "spring", "--json")
        files = {path.name for path in Path().iterdir()}
        spliced = react1("run", *job, "--json")

    assert (taken.status, taken.json["status"], taken.json["until"]) == (0, "done", "conform")
    assert (taken.json["output"], taken.json["checks"], files) == (None, {}, {"film.mov", "job.yaml"})
    (segment,) = taken.json["segments"]
    assert Path(segment["take"]).is_file()
    assert (segment["start_frame"], segment["end_frame"], segment["reused"]) == (2, 8, False)
    page = Path(taken.json["report"]).read_text()
    assert '<option value="after">Take</option>' in page
    with av.open(io.BytesIO(base64.b64decode(CLIP.search(page)[1]))) as clip:
        assert clip.streams.video[0].frames == 10
        assert np.abs(np.hstack([sound.to_ndarray() for sound in clip.decode(audio=0)])).max() > 0.1
    assert len(fake.submissions) == 1
    assert "spring" in react1("spend", "--by", "project").out
    assert (spliced.status, spliced.json["until"], spliced.json["cost_usd"]) == (0, None, 0)
    assert "take" not in spliced.json["segments"][0] and spliced.json["segments"][0]["reused"]
    assert Path("film.react1.mov").is_file()


@pytest.mark.slow
def test_a_conformed_take_is_not_kept_beside_the_film_and_made_again_when_it_is_asked_for(react1, job, tmp_path):
    """The same bytes, and nothing else is made or paid for again; a film that is stored does not need it."""
    objects = tmp_path / "home" / "objects"
    with FakeProvider() as fake:
        react1("run", *job)
        released = {path.name for path in objects.rglob("*.mov")}
        stored = react1("run", *job, "--json")
        left = {path.name for path in objects.rglob("*.mov")}
        taken = Path(react1("take", *job, "--json").json["segments"][0]["take"])
        react1("run", *job)

    assert [segment["reused"] for segment in stored.json["segments"]] == [True]
    assert left == released and taken.name not in released
    assert (
        hashlib.sha256(taken.read_bytes()).hexdigest() == taken.stem
    )  # it stays, since its path was given to the user
    assert len(fake.submissions) == 1


@pytest.mark.slow
def test_a_take_finds_its_film_and_is_measured_as_a_run_is(react1, job):
    """A job of another machine needs `--map`; the metrics are those of this command."""
    Path("job.yaml").write_text(JOB.replace("film.mov", "/mnt/films/film.mov"))
    with FakeProvider():
        lost = react1("take", *job)
        taken = react1("take", *job, "--map", f"/mnt/films={Path.cwd()}", "--metrics", "take.json", "--json")

    assert (lost.status, taken.status) == (3, 0)
    assert "/mnt/films/film.mov" in lost.err
    metrics = json.loads(Path("take.json").read_text())
    assert (metrics["run"], metrics["status"]) == (taken.json["run"], "done")


@pytest.mark.slow
def test_a_take_is_traced_as_a_run_is(react1, job):
    """The file has the spans of its steps."""
    pytest.importorskip("opentelemetry.exporter.otlp.json.file", reason="the extra trace")
    with FakeProvider():
        assert react1("take", *job, "--trace", "trace.jsonl").status == 0

    assert '"call conform"' in Path("trace.jsonl").read_text()


@pytest.mark.slow
def test_a_run_ends_at_a_named_step(react1, job):
    """The summary says how it continues; a step that does not exist is refused before anything runs."""
    with FakeProvider() as fake:
        raw = react1("run", *job, "--until", "react1")
        rows = react1("plan", *job[:-1], "--until", "conform", "--json").json["steps"]
        wrong = react1("run", *job, "--until", "confrom")
        useless = react1("run", *job, "--until", "conform", "--out", "new.mov")

    assert raw.status == 0
    assert "ended at react1; `react1 run` of the same job continues from there" in raw.out
    assert [row["step"] for row in rows if not row["stored"]] == ["conform", "report"]
    assert (wrong.status, useless.status, len(fake.submissions)) == (2, 2, 1)
    assert "until: step 'confrom' is not one of" in wrong.err and "did you mean 'conform'" in wrong.err
    assert "out new.mov: nothing is written there, because the run ends at conform" in useless.err


@pytest.mark.slow
def test_a_run_with_everything_stored_loads_no_media_library(react1, job):
    """In a new process, because this one has them loaded; the key of a local take needs none either."""
    argv = ["run", "job.yaml", "--provider", "local", "--until", "normalize_audio", "--yes"]
    assert react1(*argv).status == 0
    heavy = {"av", "cv2", "ffmpeg", "httpx", "jinja2", "ai_edge_litert", "numpy", "rich"}
    code = f"""
import sys
from react1.nodes.react1 import React1, React1Params
from react1.pipeline.cli.app import run_command
from react1.pipeline.providers.choose_provider import get_provider
React1.cache_salt(React1Params(provider="local"))
get_provider("local").require()
status = run_command({argv})
print(status, sorted({heavy} & set(sys.modules)))
"""

    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert process.stdout.splitlines()[-1] == "0 []"
    assert "normalize_audio s01: stored" in process.stderr + process.stdout


@pytest.mark.slow
def test_python_takes_likewise(job, tmp_path):
    """The result's clip is the take's span, before there is a film."""
    options = {"source": "film.mov", "edits": "2f-8f:sad", "provider": "fake", "home": tmp_path / "python"}
    with FakeProvider() as fake:
        result = take("emotion-edit", yes=True, **options)
        named = run("emotion-edit", yes=True, until="conform", **options)
        steps = plan("emotion-edit", until="conform", **options).steps

    clip = result.segments[0].clip()
    assert [frame_number(clip.get_frame(index / 25)) for index in range(6)] == [2, 3, 4, 5, 6, 7]
    clip.close()
    assert (named.segments[0].take, named.segments[0].reused) == (result.segments[0].take, True)
    assert all(step.stored for step in steps)
    assert len(fake.submissions) == 1
    with pytest.raises(PresetError, match="prepare makes no takes"):
        take("prepare", source="film.mov", edits="2f-8f:sad", home=tmp_path / "python")


@pytest.mark.slow
def test_a_run_that_failed_resumes_as_what_it_was(react1, job):
    """Takes alone stay takes alone."""
    with FakeProvider(outcomes=["failed"]) as fake:
        failed = react1("take", *job, "--quiet")
        resumed = react1("resume", "--json")

    assert (failed.status, resumed.status) == (4, 0)
    assert (resumed.json["until"], resumed.json["output"]) == ("conform", None)
    assert not Path("film.react1.mov").exists()
    assert len(fake.submissions) == 2
