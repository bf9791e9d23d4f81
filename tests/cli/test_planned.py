"""`react1 plan` on real media shows what a run then does."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest
from numbered_clips import Recipe, make_clip

from react1.pipeline.core.errors import InputMediaError

pytestmark = pytest.mark.slow


@pytest.fixture
def prepared(react1):
    """Prepare two segments of a generated clip."""
    make_clip(Path("clip.mp4"), Recipe(frames=30))
    arguments = ("prepare", "--set", "source=clip.mp4", "--out", "clips")
    assert react1("run", *arguments, "--edit", "0.2-0.4:sad", "--edit", "0.8-1:sad", "--quiet").status == 0
    return arguments


def _rows(result):
    return {f"{row['step']} {row['segment']}".strip(): row["stored"] for row in result.json["steps"]}


def test_another_emotion_for_prepared_segments_needs_no_work(react1, prepared):
    """The plan finds stored results as a run does, for the current edits."""
    edits = ("--edit", "0.2-0.4:happy:1", "--edit", "0.8-1:angry")

    rows = _rows(react1("plan", *prepared, *edits, "--yes", "--json"))

    assert set(rows) == {
        "fetch", "trim", "transcode s01", "transcode s02", "normalize_audio s01", "normalize_audio s02",
    }  # fmt: skip
    assert all(rows.values())


def test_a_plan_of_another_span_shows_what_runs_and_what_depends_on_it(react1, prepared):
    """Each row is stored, run or later."""
    result = react1("plan", *prepared, "--edit", "0.4-0.8:sad", "--yes")

    cells = [line.split(maxsplit=3) for line in result.out.splitlines()]
    assert cells[0] == ["fetch", "stored"]
    assert cells[1][:2] == ["trim", "run"]
    assert cells[2] == ["transcode", "s01", "later", "after trim"]
    assert cells[-1] == ["cost", "$0.00"]


@pytest.mark.parametrize(
    ("option", "may"),
    [("--pay", (True, False)), ("--replace", (False, True)), ("--yes", (True, True)), ("--quiet", (False, False))],
)
def test_paying_and_replacing_are_allowed_separately(react1, monkeypatch, option, may):
    """`--yes` means both."""
    make_clip(Path("clip.mp4"), Recipe(frames=30))
    allowed = []

    def note(job, home, options, **_):
        allowed.append((options.may_pay, options.may_replace))
        raise InputMediaError("stopped here")

    monkeypatch.setattr("react1.pipeline.cli.commands.films.run.run_job", note)

    status = react1("run", "prepare", "--set", "source=clip.mp4", "--edit", "0.2-0.4:sad", option).status

    assert (status, allowed) == (3, [may])


def test_a_plan_names_a_file_in_the_way_and_writes_nothing(react1, prepared):
    """The output folder has a file of somebody else; `--replace` replaces it."""
    arguments = ("plan", *prepared, "--edit", "0.4-0.8:sad")
    assert "exists" not in react1(*arguments).out
    Path("clips/notes.txt").write_text("mine")
    before = {place: place.stat().st_mtime_ns for place in Path("..").rglob("*")}

    result = react1(*arguments)

    assert result.status == 0
    assert "exists and is not of this job; the run needs --replace" in result.out
    assert "exists" not in react1(*arguments, "--replace").out
    assert {place: place.stat().st_mtime_ns for place in Path("..").rglob("*")} == before


def test_a_plan_refuses_a_file_that_is_not_media(react1):
    """The message and the status are those of the run."""
    Path("text.mp4").write_text("this is not a film\n" * 400)
    arguments = ("emotion-edit", "--set", "source=text.mp4", "--edit", "1-2:sad", "--provider", "local")

    planned, result = react1("plan", *arguments), react1("run", *arguments, "--quiet")

    assert (planned.status, result.status) == (3, 3)
    assert planned.err == result.err


SPLICE = """
name: spliced
inputs:
  source: {kind: media}
  edits: {kind: edits}
steps:
  - fetch: {uri: $source}
  - trim: {edits: $edits}
  - transcode:
  - upload:
  - react1:
  - conform:
  - splice: {exact: require}
"""


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_plan_shows_the_splicing_strategy_and_refuses_an_inexact_splice(react1, suffix):
    """It shows how many frames are re-encoded, or why the film cannot be spliced exactly."""
    codec = {".mp4": {}, ".mkv": {"codec": "mpeg4", "tracks": 0, "time_base": Fraction(1, 25)}}[suffix]
    make_clip(Path(f"clip{suffix}"), Recipe(frames=30, gop=10, **codec))
    Path("spliced.yaml").write_text(SPLICE)
    arguments = ("spliced.yaml", "--set", f"source=clip{suffix}", "--edit", "0.24-0.32:sad", "--provider", "local")

    result = react1("plan", *arguments)

    if suffix == ".mkv":
        assert result.status == 3
        assert "splice: the film cannot be smart-rendered" in result.err
        assert "mpeg4 cannot be spliced packet by packet" in result.err
        return
    # Two edited frames, and a ramp of three frames on each side.
    assert "note: splice: smart rendering; 8 edited frame(s) and " in result.out
    assert "are re-encoded with libx264, with the film's own parameter sets" in result.out
    row = next(row for row in react1("plan", *arguments, "--json").json["steps"] if row["step"] == "splice")
    assert row["splice"]["way"] == "exact" and row["splice"]["edited_frames"] == 8


def test_nothing_is_paid_for_a_film_that_cannot_be_spliced_exactly(react1, monkeypatch):
    """The run ends before it asks for approval, uploads or calls a provider."""
    monkeypatch.setenv("SEGMIND_API_KEY", "SG_none")
    monkeypatch.setenv("REACT1_SEGMIND_URL", "http://127.0.0.1:9")
    make_clip(Path("clip.mkv"), Recipe(frames=50, codec="mpeg4", tracks=0, time_base=Fraction(1, 25)))
    Path("spliced.yaml").write_text(SPLICE)

    result = react1(
        *("run", "spliced.yaml", "--set", "source=clip.mkv", "--edit", "0.4-0.8:sad", "--provider", "segmind"),
        *("--yes", "--max-cost", "5", "--json"),
    )

    assert result.status == 3, result.err
    assert "splice: the film cannot be smart-rendered" in result.err
    assert result.json["cost_usd"] == 0


def test_a_cost_that_is_not_known_is_said_to_be_open(react1, monkeypatch):
    """The segments of a film that is not downloaded are not known; a night of such films is asked about, too."""
    monkeypatch.setenv("SEGMIND_API_KEY", "any")
    words = ("emotion-edit", "https://example.com/a.mp4", "--edit", "1-2:sad")
    Path("night.csv").write_text("source,in,out,prompt\nhttps://example.com/a.mp4,1,2,sad\n")

    paid = react1("plan", *words, "--provider", "segmind")
    free = react1("plan", *words, "--provider", "local")
    films = react1("plan", "night.csv", "--provider", "segmind", "--json")
    night = react1("batch", "night.csv", "--provider", "segmind")

    assert paid.out.splitlines()[-1] == "cost $0.00, and what react1 will cost, which is not known yet"
    assert free.out.splitlines()[-1] == "cost $0.00"
    assert [job["cost_known"] for job in films.json["jobs"]] == [False]
    assert night.status == 5
    assert "1 films cost about $0.00 and more, which is not known yet, and are not approved" in night.err
