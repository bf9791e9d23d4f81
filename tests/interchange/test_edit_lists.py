"""A job reads its edits from a list, and cuts the frames of the list."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import pytest

from react1.pipeline.cli.app import run_command

CUT = """TITLE: REEL_1
FCM: NON-DROP FRAME
001  A001C003 V     C        01:00:01:00 01:00:01:20 10:00:00:00 10:00:00:20
* COMMENT: react1: angry 0.8 name=first
002  A001C003 V     C        01:00:03:05 01:00:04:00 10:00:00:20 10:00:01:15
* LOC: 10:00:01:00 RED     react1: sad name=second
003  A001C003 V     C        01:00:05:00 01:00:06:00 10:00:01:15 10:00:02:02
M2   A001C003       050.0                01:00:05:00
* LOC: 10:00:01:20 RED     react1: sad
"""


@pytest.fixture
def react1(reel, tmp_path, monkeypatch, capsys):
    """Run the command line in a folder with the film and a list; return (status, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REACT1_HOME", str(tmp_path / "home"))
    shutil.copy(reel, tmp_path / reel.name)
    (tmp_path / "cut.edl").write_text(CUT)

    def run(*argv: str):
        capsys.readouterr()
        status = run_command(list(argv))
        captured = capsys.readouterr()
        assert "Traceback" not in captured.out + captured.err
        return status, captured.out, captured.err

    return run


@pytest.mark.slow
@pytest.mark.parametrize("source", ["job", "option"])
def test_run_cuts_the_frames_of_the_list(react1, reel, tmp_path, source):
    """`edits: cut.edl` and `--edits cut.edl` cut the same frames and report what is left out."""
    (tmp_path / "job.yaml").write_text(f"preset: prepare\nsource: {reel.name}\nedits: cut.edl\n")
    words = ["job.yaml"] if source == "job" else ["prepare", "--set", f"source={reel.name}", "--edits", "cut.edl"]

    status, out, err = react1("run", *words, "--json")

    spans = [(segment["name"], segment["start_frame"], segment["end_frame"]) for segment in json.loads(out)["segments"]]
    assert status == 0
    assert spans == [("first", 25, 45), ("second", 85, 100)]
    assert "cut.edl:9: marker 003 is skipped: it is retimed (M2: 050.0 frames/s at 25)" in err


def test_overlapping_edits_are_refused_by_edits_and_by_plan(react1, reel, tmp_path):
    """A comment on the event and a marker in it are two edits of the same frames."""
    both = CUT.replace("* LOC: 10:00:01:00", "* COMMENT: react1: happy\n* LOC: 10:00:01:00")
    (tmp_path / "cut.edl").write_text(both)

    checks = [
        react1("edits", "cut.edl", "--source", reel.name),
        react1("plan", "prepare", "--set", f"source={reel.name}", "--edits", "cut.edl"),
    ]

    for status, _, err in checks:
        assert status == 2
        assert "overlaps" in err


def test_invalid_marker_text_is_refused_with_its_line(react1, reel, tmp_path):
    """An unknown emotion in a marker stops the run before anything is done."""
    wrong = CUT.replace("angry 0.8", "angry 1.8").replace("sad name=second", "sat")
    (tmp_path / "cut.edl").write_text(wrong)

    status, out, err = react1("run", "prepare", "--set", f"source={reel.name}", "--edits", "cut.edl")

    assert (status, out) == (2, "")
    assert "cut.edl:6:1: marker 002: 'sat' is not one of happy, sad" in err


def test_value_out_of_range_is_refused_with_its_line(react1, reel, tmp_path):
    """The message has the list's line, not the job's."""
    (tmp_path / "cut.edl").write_text(CUT.replace("angry 0.8", "angry 1.8"))

    status, _, err = react1("run", "prepare", "--set", f"source={reel.name}", "--edits", "cut.edl")

    assert status == 2
    assert "cut.edl:3:1: edits.0.temperature: expected at most 1" in err


def test_edits_command_prints_the_entries(react1, reel):
    """It prints a table or one JSON object."""
    status, out, _ = react1("edits", "cut.edl", "--source", reel.name)
    assert status == 0
    assert "001          01:00:01:00–01:00:01:20" in out
    assert "it is retimed" in out

    _, out, _ = react1("edits", "cut.edl", "--source", reel.name, "--start-tc", "01:00:00:10", "--json")
    parsed = json.loads(out)
    assert (parsed["format"], parsed["clock"]) == ("edl", "source")
    assert [row["state"] for row in parsed["entries"]] == ["edit", "ignored", "edit", "ignored", "refused"]
    assert parsed["entries"][0]["edit"] == {"prompt": "angry", "temperature": 0.8, "name": "first"}
    assert parsed["entries"][0]["source"] == {"in": "01:00:01:00", "out": "01:00:01:20", "frames": None}


@pytest.mark.parametrize(
    ("edits", "message"),
    [
        ("nothing.edl", "job.yaml:3:8: edits: nothing.edl: cannot be read: No such file"),
        ("{file: cut.edl, clok: record}", "did you mean 'clock'"),
        ("{file: cut.edl, clip: B007}", "no clip of the list is 'B007'; it has the clips reel A001C003"),
        ("{file: cut.edl, rate: fast}", "'fast' is not a frame rate"),
        ("job.yaml", "is not a list of edits"),
        ("https://host/cut.edl", "must be a local file"),
    ],
)
def test_unusable_list_is_reported_where_it_is_named(react1, reel, tmp_path, edits, message):
    """The message is one line, and nothing runs."""
    (tmp_path / "job.yaml").write_text(f"preset: prepare\nsource: {reel.name}\nedits: {edits}\n")

    status, _, err = react1("run", "job.yaml")

    assert status == 2
    assert message in err


@pytest.mark.slow
def test_start_tc_overrides_the_film_s_timecode(react1, reel, tmp_path):
    """`--start-tc` moves the film's clock; a label that does not exist is refused."""
    words = ["run", "prepare", "--set", f"source={reel.name}", "--edits", "cut.edl", "--json"]

    _, out, _ = react1(*words, "--start-tc", "00:59:59:00")
    assert [segment["start_frame"] for segment in json.loads(out)["segments"]] == [50, 110]

    status, _, err = react1(*words, "--start-tc", "01:00:00:25")
    assert status == 2
    assert "its neighbours are 01:00:00:24 and 01:00:01:00" in err


@pytest.mark.slow
def test_snapped_points_are_reported(react1, reel):
    """A snapped point is reported with its frames; the end of the film counts as a cut."""
    words = [
        "run",
        "prepare",
        "--set",
        f"source={reel.name}",
        "--set",
        "snap=shot",
        "--edit",
        "180f-195f:sad",
        "--json",
    ]

    status, out, err = react1(*words)

    assert status == 0, err
    (segment,) = json.loads(out)["segments"]
    assert (segment["start_frame"], segment["end_frame"]) == (180, 200)

    _, _, err = react1(*words[:-1], "--set", "out=again")
    assert err.count("out moved from frame 195 to 200") == 1
    assert "note: s01: in stays at frame 180: no cut within 0.5 s" in err


@pytest.mark.parametrize(
    ("name", "module"),
    [("a.otio", "opentimelineio"), ("a.fcpxml", "defusedxml.ElementTree"), ("a.srt", "srt"), ("a.vtt", "webvtt")],
)
def test_missing_library_is_reported_in_one_line(react1, tmp_path, monkeypatch, name, module):
    """The message gives the command to install it."""
    monkeypatch.setitem(sys.modules, module, None)
    (tmp_path / name).write_text("WEBVTT")

    status, out, err = react1("edits", name)

    library = module.partition(".")[0]
    assert (status, out) == (2, "")
    assert f"requires {library}, which is not installed; install it with: pip install 'react1-nodes[timeline]'" in err


@pytest.mark.slow
def test_command_line_loads_no_timeline_library():
    """`import react1` and the commands load none of them."""
    script = "import sys, react1, react1.pipeline.cli.app; print([m for m in sys.modules if m in %r])"
    heavy = ["opentimelineio", "defusedxml", "srt", "webvtt", "cv2", "av"]

    completed = subprocess.run([sys.executable, "-c", script % (heavy,)], capture_output=True, text=True, check=True)

    assert completed.stdout.strip() == "[]"
