"""`react1 plan` on real media: what it says is what a run then does."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import made
import pytest


@pytest.fixture
def prepared(react1):
    """Two segments of a made clip, prepared once."""
    made.make_clip(Path("clip.mp4"), made.Recipe(frames=30))
    words = ("prepare", "--set", "source=clip.mp4", "--out", "clips")
    assert react1("run", *words, "--edit", "0.2-0.4:sad", "--edit", "0.8-1:sad", "--quiet").status == 0
    return words


def _rows(ran):
    return {f"{row['step']} {row['segment']}".strip(): row["stored"] for row in ran.json["steps"]}


def test_another_emotion_of_prepared_segments_needs_no_work(react1, prepared):
    """The plan reads stored results as a run does: under the edits that are asked for now."""
    edits = ("--edit", "0.2-0.4:happy:1", "--edit", "0.8-1:angry")

    rows = _rows(react1("plan", *prepared, *edits, "--yes", "--json"))

    assert set(rows) == {
        "fetch", "trim", "transcode s01", "transcode s02", "normalize_audio s01", "normalize_audio s02",
    }  # fmt: skip
    assert all(rows.values())


def test_a_plan_of_another_span_says_what_is_to_be_made_and_what_comes_later(react1, prepared):
    """In words that a reader needs no key for."""
    ran = react1("plan", *prepared, "--edit", "0.4-0.8:sad", "--yes")

    told = [line.split(maxsplit=3) for line in ran.out.splitlines()]
    assert told[0] == ["fetch", "stored"]
    assert told[1][:2] == ["trim", "run"]
    assert told[2] == ["transcode", "s01", "later", "after trim"]
    assert told[-1] == ["cost", "$0.00"]


def test_a_plan_refuses_what_a_run_would_and_writes_nothing(react1, prepared):
    """Clips of another job stand where these would go; --yes looks past them."""
    before = {place: place.stat().st_mtime_ns for place in Path("..").rglob("*")}
    words = ("plan", *prepared, "--edit", "0.4-0.8:sad")

    ran = react1(*words)

    assert ran.status == 2
    assert "exists; give --yes" in ran.err
    assert react1(*words, "--yes").status == 0
    assert {place: place.stat().st_mtime_ns for place in Path("..").rglob("*")} == before


def test_a_plan_tells_of_media_that_are_none(react1):
    """With the line and the status of the run."""
    Path("text.mp4").write_text("this is not a film\n" * 400)
    words = ("emotion-edit", "--set", "source=text.mp4", "--edit", "1-2:sad", "--provider", "local")

    planned, ran = react1("plan", *words), react1("run", *words, "--quiet")

    assert (planned.status, ran.status) == (3, 3)
    assert planned.err == ran.err


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


@pytest.mark.parametrize("suffix", [".mp4", ".mpg"])
def test_a_plan_tells_the_way_of_the_splice_and_refuses_what_is_not_wanted(react1, suffix):
    """Before anything is made: the numbers of pictures that are coded, or why the film cannot be spliced exactly."""
    codec = {".mp4": {}, ".mpg": {"codec": "mpeg2video", "tracks": 0, "time_base": Fraction(1, 25)}}[suffix]
    made.make_clip(Path(f"clip{suffix}"), made.Recipe(frames=30, gop=10, **codec))
    Path("spliced.yaml").write_text(SPLICE)
    words = ("spliced.yaml", "--set", f"source=clip{suffix}", "--edit", "0.24-0.32:sad", "--provider", "local")

    ran = react1("plan", *words)

    if suffix == ".mpg":
        assert ran.status == 3
        assert "splice: the film cannot be spliced packet by packet" in ran.err
        assert "mpeg2video is not spliced packet by packet" in ran.err
        return
    # Two frames, and a ramp of three on either side.
    assert "note: splice: packet by packet; 8 edited frame(s) and " in ran.out
    assert "are coded by libx264, nothing changes for a decoder" in ran.out
    row = next(row for row in react1("plan", *words, "--json").json["steps"] if row["step"] == "splice")
    assert row["splice"]["way"] == "exact" and row["splice"]["edited_frames"] == 8


def test_nothing_is_paid_for_a_film_that_cannot_be_spliced_as_it_should(react1, monkeypatch):
    """The run ends before it asks, uploads or calls; no host is reached."""
    monkeypatch.setenv("SEGMIND_API_KEY", "SG_none")
    monkeypatch.setenv("REACT1_SEGMIND_URL", "http://127.0.0.1:9")
    made.make_clip(Path("clip.mpg"), made.Recipe(frames=50, codec="mpeg2video", tracks=0, time_base=Fraction(1, 25)))
    Path("spliced.yaml").write_text(SPLICE)

    ran = react1(
        *("run", "spliced.yaml", "--set", "source=clip.mpg", "--edit", "0.4-0.8:sad", "--provider", "segmind"),
        *("--yes", "--max-cost", "5", "--json"),
    )

    assert ran.status == 3, ran.err
    assert "splice: the film cannot be spliced packet by packet" in ran.err
    assert ran.json["cost_usd"] == 0
