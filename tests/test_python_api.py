"""The Python call: `arun`, `plan`, pipelines, MoviePy clips both ways, and what a notebook shows."""

from __future__ import annotations

import asyncio
import inspect
import os
import re

import numpy as np
import pytest
from error_texts import error_texts

from react1 import Pipeline, arun, plan, run
from react1.pipeline.core.errors import InputMediaError, OverBudget, PresetError, Problem
from react1.pipeline.media.tools.ffmpeg import ffmpeg_path
from react1.pipeline.media.tools.process import run_tool
from react1.pipeline.python_terms import in_python_terms
from react1.pipeline.runner.events import Message, RunStarted, StepEnded, StepMoved, StepStarted
from react1.pipeline.runner.run_records.outcome import NotebookProgress, RunResult, SegmentResult, page_html
from react1.pipeline.scripting.moviepy_clips import open_clip, require_moviepy, write_clip
from react1.testing import ClipRecipe, FakeProvider, frame_number, frame_numbers, make_clip

EDIT = "2f-8f:sad:0.25"
PAID = (
    Pipeline("paid")
    .input("source", "media")
    .input("edits", "edits")
    .fetch("$source")
    .trim(edits="$edits", handles="0f")
    .transcode()
    .normalize_audio()
    .upload()
    .react1()
)


@pytest.fixture
def clip(tmp_path):
    return make_clip(tmp_path / "film.mov", ClipRecipe(frames=10, size=(64, 48)))


@pytest.fixture
def options(clip, tmp_path):
    return {"source": clip, "edits": EDIT, "home": tmp_path / "home", "provider": "fake"}


def numbers(clip, rate=25):
    return [frame_number(clip.get_frame(index / rate)) for index in range(round(clip.duration * rate))]


@pytest.mark.slow
def test_arun_is_awaited_in_the_running_loop(options, tmp_path):
    """Two runs at the same time; each has its own takes."""

    async def both():
        return await asyncio.gather(
            arun(PAID, yes=True, **options),
            arun(PAID, yes=True, **{**options, "edits": "2f-8f:happy", "home": tmp_path / "other"}),
        )

    with FakeProvider() as fake:
        results = asyncio.run(both())

    assert [result.status for result in results] == ["done", "done"]
    assert sorted(item.request.prompt for item in fake.submissions) == ["happy", "sad"]


def test_a_cancelled_arun_is_cancelled_and_says_how_to_resume(options):
    """As asyncio expects it of a task; nothing is paid."""

    class Stop:
        def on(self, event):
            if isinstance(event, RunStarted):
                asyncio.get_running_loop().call_soon(task.cancel)

    async def cancelled():
        global task
        task = asyncio.ensure_future(arun(PAID, yes=True, watcher=Stop(), **options))
        with pytest.raises(asyncio.CancelledError, match="react1 resume"):
            await task

    with FakeProvider() as fake:
        asyncio.run(cancelled())

    assert fake.submissions == []


@pytest.mark.slow
def test_plan_says_what_a_run_would_cost(options):
    """Nothing is written; after the run the take is stored and costs nothing more."""
    with FakeProvider(usd_per_s=2.0) as fake:
        before = plan(PAID, **options)
        assert not options["home"].exists()
        run(PAID, yes=True, **options)
        after = plan(PAID, **options)

    assert len(fake.submissions) == 1
    assert (before.preset, before.cost_usd, after.cost_usd) == ("paid", pytest.approx(0.48), 0.0)
    assert [step.stored for step in after.steps] == [True] * len(after.steps)
    assert [step.step for step in before.steps][:2] == ["fetch", "trim"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"provider": "providr"}, "provider: 'providr' is not one of auto, "),
        ({"edits": ["0f-1f:sad", "2f-8f:sda"]}, "edits[1].prompt: 'sda' is not one of happy, "),
        ({"edits": "2f-8f"}, "edits[0]: expected IN-OUT:PROMPT"),
        ({"edits": [EDIT, {"in": "8f", "out": "9f", "prompt": "sda"}]}, "edits[1].prompt: 'sda' is not one of happy, "),
        ({"edits": ()}, 'edits: missing input: set it in a job as `edits: …`, or with edits="IN-OUT:PROMPT"'),
        ({"source": None}, "source: missing input: set it in a job as `source: …`, or with source=…"),
        ({"sauce": "film.mov"}, "sauce: paid has no input 'sauce'; available: source, edits"),
        ({"online": "nowhere"}, "online: "),
        ({"provider": "segmind"}, 'SEGMIND_API_KEY, or use provider="local" (a preview)'),
    ],
)
def test_errors_name_keywords(options, changes, message, monkeypatch):
    """No option of the command line; both in the message and in the list of problems."""
    monkeypatch.delenv("SEGMIND_API_KEY", raising=False)

    with FakeProvider(), pytest.raises(PresetError) as caught:
        plan(PAID, **{**options, **changes})

    assert message in str(caught.value)
    assert message in "; ".join(str(problem) for problem in caught.value.problems)
    assert "--" not in str(caught.value)


@pytest.mark.slow
def test_what_stops_a_run_names_keywords(options, tmp_path):
    """What it would cost, and a film that exists; the error is otherwise the command line's."""
    prepare = {name: value for name, value in options.items() if name != "provider"}
    (film := tmp_path / "new.mov").write_bytes(b"a film")

    with FakeProvider(usd_per_s=2.0), pytest.raises(OverBudget, match="pass yes=True, and max_cost=USD for a limit"):
        run(PAID, **options)
    with pytest.raises(PresetError, match="exists; give yes=True to replace it, or another out="):
        run("emotion-edit", out=film, provider="local", **prepare)


def test_a_list_of_edits_is_set_against_the_film_as_in_a_job(options, tmp_path):
    """By the `clock` that the message for its bare path asks for."""
    (listed := tmp_path / "cuts.edl").write_text(
        "TITLE: cuts\nFCM: NON-DROP FRAME\n"
        "001  AX V C 00:00:00:00 00:00:00:06 01:00:00:00 01:00:00:06\n* FROM CLIP NAME: A01\n* react1: sad 0.5\n"
    )

    with pytest.raises(PresetError, match=r"^edits: .*set `clock: record`"):
        plan(PAID, **{**options, "edits": listed})
    with FakeProvider():
        planned = plan(PAID, **{**options, "edits": {"file": listed, "clock": "record"}})

    assert [row.segment for row in planned.steps if row.step == "react1"] == ["s01"]


def test_a_problem_is_named_once_and_one_of_a_file_as_the_file_writes_it(options, clip, tmp_path):
    """The suffix of another container; a word in a job, with its line, and where its film may be written."""
    (job := tmp_path / "job.yaml").write_text(
        f"preset: preview\nsource: {clip}\nedits:\n  - {{in: 2f, out: 8f, prompt: sda}}\nout: ../film.mov\n"
    )

    with pytest.raises(PresetError, match=r"^out: \S+/new.avi does not end with .mov"):
        plan("preview", source=clip, edits=EDIT, out=tmp_path / "new.avi", home=options["home"])
    with pytest.raises(PresetError, match=r"job.yaml:4:\d+: edits.0.prompt: 'sda' is not one of"):
        plan(job, home=options["home"])
    job.write_text(job.read_text().replace("sda", "sad"))
    with pytest.raises(PresetError, match=r"; pass it with out=…, or add allow_outside=True$"):
        plan(job, home=options["home"])


@pytest.mark.slow
def test_no_text_of_the_package_names_an_option_that_a_call_has():
    """Every error, problem and note in the source; commands in full, and what only a command has, stay."""
    names = [name.replace("_", "-") for name in inspect.signature(run).parameters]
    option = re.compile(rf"(?<![\w-])--({'|'.join([*names, 'edit', 'map', 'metrics', 'pay', 'replace', 'set'])})\b")

    texts = [text for text in error_texts() if option.search(text)]
    unchanged = [text.split()[0] for text in texts if option.search(in_python_terms(text))]

    assert len(texts) > 15
    assert unchanged == ["--edit", "mkvpropedit"]  # a call has one argument for both; the option of another tool


@pytest.mark.slow
def test_a_film_as_a_clip_has_exactly_its_frames_and_its_sound(clip):
    """A span is [first, end); at k / rate MoviePy gets frame k."""
    whole_film, span = open_clip(clip), open_clip(clip, 3, 7)

    assert numbers(whole_film) == list(range(10))
    assert numbers(span) == [3, 4, 5, 6]
    assert (span.fps, span.duration) == (25.0, pytest.approx(0.16))
    assert np.abs(span.audio.get_frame(np.arange(100) / 48_000)).max() > 0.005
    with pytest.raises(InputMediaError, match="has 10 frames, not 3 to 11"):
        open_clip(clip, 3, 11)


@pytest.mark.slow
@pytest.mark.parametrize(("late", "shift_s"), [("0", 0.4), ("1", -0.4)])
def test_a_clip_plays_the_sound_of_its_frames_where_one_track_begins_later(tmp_path, late, shift_s):
    """What is heard with frame 20 of the film is heard with it in the clip, too; before a late sound there is none."""
    even, film = make_clip(tmp_path / "even.mov", ClipRecipe(frames=40, size=(64, 48))), tmp_path / "late.mov"
    inputs = [part for number in "01" for part in (*(["-itsoffset", "0.4"] if number == late else []), "-i", str(even))]
    run_tool([ffmpeg_path(), "-v", "error", *inputs, "-map", "0:v", "-map", "1:a", "-c", "copy", str(film)])
    times_s = 0.8 + np.arange(9_600) / 48_000

    shifted, original = open_clip(film), open_clip(even)

    assert numbers(shifted)[:3] == [0, 1, 2]
    heard, expected = shifted.audio.get_frame(times_s), original.audio.get_frame(times_s + shift_s)
    assert np.abs(expected).max() > 0.005
    assert np.abs(heard - expected).max() < 1e-3
    assert shift_s > 0 or not shifted.audio.get_frame(times_s - 0.6).any()


def test_a_clip_becomes_a_film_again(clip, tmp_path):
    """Every frame still shows its number, and the sound is there."""
    path = write_clip(open_clip(clip, 2, 9), tmp_path / "new" / "film.mov")

    assert frame_numbers(path) == list(range(2, 9))
    assert open_clip(path).audio is not None


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="the system does not say which cores may be used")
def test_a_clip_gives_the_same_bytes_on_a_machine_with_another_number_of_cores(tmp_path):
    """They identify the film, so its takes are not paid for again there."""
    picture = np.random.default_rng(1).integers(0, 255, (360, 640, 3), np.uint8)
    clip = require_moviepy().VideoClip(lambda at_s: np.roll(picture, int(at_s * 250), 1), duration=0.8).with_fps(25)
    cores = os.sched_getaffinity(0)

    with_all = write_clip(clip, tmp_path / "all.mov").read_bytes()
    os.sched_setaffinity(0, {min(cores)})
    try:
        with_one = write_clip(clip, tmp_path / "one.mov").read_bytes()
    finally:
        os.sched_setaffinity(0, cores)

    assert with_one == with_all


@pytest.mark.parametrize("size", [(64, 48), (1280, 720)])
def test_a_clip_that_became_a_film_keeps_its_colors(tmp_path, size):
    """The film says by which matrix they were converted: readers would take another one for small pictures."""
    red = np.full((size[1], size[0], 3), (200, 40, 40), np.uint8)

    path = write_clip(require_moviepy().VideoClip(lambda _: red, duration=0.08).with_fps(25), tmp_path / "red.mov")

    assert np.abs(open_clip(path).get_frame(0).astype(int) - red).max() <= 2


def test_sound_without_an_end_lasts_as_long_as_the_picture(tmp_path):
    """As MoviePy's own, which is made of a function."""
    moviepy, grey = require_moviepy(), np.full((48, 64, 3), 128, np.uint8)
    clip = moviepy.VideoClip(lambda _: grey, duration=0.4).with_fps(25)

    path = write_clip(clip.with_audio(moviepy.AudioClip(lambda t: 0.1 * np.sin(2765 * t))), tmp_path / "film.mov")

    assert open_clip(path).audio.duration == pytest.approx(0.4, abs=0.001)


@pytest.mark.slow
def test_a_clip_is_a_source(options, clip):
    """It is written into the home folder, and the run uses it as any film."""
    with FakeProvider() as fake:
        result = run(PAID, yes=True, **{**options, "source": open_clip(clip, 1, 10), "edits": "0f-5f:sad"})

    assert len(fake.submissions) == 1
    assert (result.segments[0].start_frame, result.segments[0].end_frame) == (0, 5)


def test_a_result_gives_its_segment_as_a_clip(clip):
    """Of the new film, exactly its frames; without a film the error says so."""
    segment = SegmentResult("s01", 2, 5, "local", None, "done", 0.0, False)

    with pytest.raises(InputMediaError, match="s01: there is no film yet"):
        segment.clip()
    with_film = SegmentResult("s01", 2, 5, "local", None, "done", 0.0, False, _film=clip)
    assert numbers(with_film.clip()) == [2, 3, 4]
    assert set(with_film.to_json()) == set(segment.to_json())
    assert not [name for name in with_film.to_json() if name.startswith("_")]


class Display:
    """IPython's display module, as far as it is used."""

    def __init__(self):
        self.shown, self.displays = [], 0

    def HTML(self, text):  # noqa: N802
        return text

    def display(self, content, display_id):
        assert display_id
        self.displays += 1
        self.shown.append(content)
        return self

    def update(self, content):
        self.shown.append(content)


def test_a_notebook_gets_one_bar_per_run():
    """It rises to 100 %, and notes stand below it, escaped."""
    display = Display()
    bar = NotebookProgress(display, ["fetch", "trim"])

    for event in (
        RunStarted("r1"),
        StepStarted("fetch", ""),
        StepMoved("fetch", "", 0.5),
        StepEnded("fetch", "", False, 1.0),
        Message("<b>two</b> faces"),
        StepStarted("trim", "s01"),
        StepEnded("trim", "s01", False, 1.0),
    ):
        bar.on(event)

    assert display.displays == 1
    assert [text.partition("</progress> ")[2][:5] for text in display.shown] == ["0 %</", "50 %<", "50 %<", "100 %"]
    assert "note: &lt;b&gt;two&lt;/b&gt; faces" in display.shown[-1]


def test_a_result_shows_its_page_in_a_notebook(tmp_path):
    """In a frame without rights; a missing page leaves the paths."""
    page = tmp_path / "report.html"
    page.write_text('<script>"before & after"</script>')
    result = RunResult("r1", "done", tmp_path / "<film>.mp4", page, 0.5)

    shown = result._repr_html_()

    assert 'sandbox="allow-scripts"' in shown
    assert "&lt;script&gt;&quot;before &amp; after&quot;" in shown
    assert "&lt;film&gt;.mp4" in shown
    assert page_html(tmp_path / "none.html") == page_html(None) == ""


def test_an_error_is_a_line_in_a_notebook():
    """One per problem of a preset, instead of a page of frames."""
    assert InputMediaError("no face")._render_traceback_() == ["InputMediaError: no face"]
    problems = PresetError([Problem("no such node", "steps.1", "a.yaml", 3, 5), Problem("is missing", "source")])
    assert problems._render_traceback_() == [
        "PresetError: a.yaml:3:5: steps.1: no such node",
        "PresetError: source: is missing",
    ]
