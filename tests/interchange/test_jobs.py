"""A job takes its edits from a file, and the frames that it cuts are those of the list."""

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
    """The command line in a folder with the film and a list; gives (status, standard output, standard error)."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REACT1_HOME", str(tmp_path / "home"))
    shutil.copy(reel, tmp_path / reel.name)
    (tmp_path / "cut.edl").write_text(CUT)

    def run(*argv: str):
        capsys.readouterr()
        status = run_command(list(argv))
        said = capsys.readouterr()
        assert "Traceback" not in said.out + said.err
        return status, said.out, said.err

    return run


@pytest.mark.parametrize("way", ["job", "option"])
def test_a_run_cuts_the_frames_of_the_list(react1, reel, tmp_path, way):
    """`edits: cut.edl` in a job, and `--edits cut.edl`: a true run; what is left out is said."""
    (tmp_path / "job.yaml").write_text(f"preset: prepare\nsource: {reel.name}\nedits: cut.edl\n")
    words = ["job.yaml"] if way == "job" else ["prepare", "--set", f"source={reel.name}", "--edits", "cut.edl"]

    status, out, err = react1("run", *words, "--json")

    spans = [(one["name"], one["start_frame"], one["end_frame"]) for one in json.loads(out)["segments"]]
    assert status == 0
    assert spans == [("first", 25, 45), ("second", 80, 100)]
    assert "cut.edl:9: marker 003 is skipped: it is retimed (M2: 050.0 frames/s at 25)" in err


def test_a_mistake_in_a_list_is_told_with_its_line(react1, reel, tmp_path):
    """In the text of a marker, and in a value that the edit does not take; nothing runs."""
    wrong = CUT.replace("angry 0.8", "angry 1.8").replace("sad name=second", "sat")
    (tmp_path / "cut.edl").write_text(wrong)

    status, out, err = react1("run", "prepare", "--set", f"source={reel.name}", "--edits", "cut.edl")

    assert (status, out) == (2, "")
    assert "cut.edl:6:1: marker 002: 'sat' is not one of happy, sad" in err


def test_a_value_out_of_range_is_told_with_its_line(react1, reel, tmp_path):
    """The list's own line, not the job's."""
    (tmp_path / "cut.edl").write_text(CUT.replace("angry 0.8", "angry 1.8"))

    status, _, err = react1("run", "prepare", "--set", f"source={reel.name}", "--edits", "cut.edl")

    assert status == 2
    assert "cut.edl:3:1: edits.0.temperature: expected at most 1" in err


def test_edits_prints_what_is_read(react1, reel):
    """The table, and one JSON object, for the film and without one."""
    status, out, _ = react1("edits", "cut.edl", "--source", reel.name)
    assert status == 0
    assert "001          01:00:01:00–01:00:01:20" in out
    assert "it is retimed" in out

    _, out, _ = react1("edits", "cut.edl", "--source", reel.name, "--start-tc", "01:00:00:10", "--json")
    found = json.loads(out)
    assert (found["format"], found["clock"]) == ("edl", "source")
    assert [row["state"] for row in found["entries"]] == ["edit", "ignored", "edit", "ignored", "refused"]
    assert found["entries"][0]["edit"] == {"prompt": "angry", "temperature": 0.8, "name": "first"}
    assert found["entries"][0]["source"] == {"in": "01:00:01:00", "out": "01:00:01:20", "frames": None}


@pytest.mark.parametrize(
    ("edits", "told"),
    [
        ("nothing.edl", "job.yaml:3:8: edits: nothing.edl: cannot be read: No such file"),
        ("{file: cut.edl, clok: record}", "did you mean 'clock'"),
        ("{file: cut.edl, clip: B007}", "no clip of the list is 'B007'; it has the clips reel A001C003"),
        ("{file: cut.edl, rate: fast}", "'fast' is no frame rate"),
        ("job.yaml", "is no file of edits"),
        ("https://host/cut.edl", "must be a local file"),
    ],
)
def test_a_list_that_cannot_be_used_is_told_where_it_is_named(react1, reel, tmp_path, edits, told):
    """One line, and nothing runs."""
    (tmp_path / "job.yaml").write_text(f"preset: prepare\nsource: {reel.name}\nedits: {edits}\n")

    status, _, err = react1("run", "job.yaml")

    assert status == 2
    assert told in err


def test_a_start_timecode_of_one_s_own_counts_before_the_film_s(react1, reel, tmp_path):
    """`--start-tc` moves the clock of the film, for its edits and for its list alike; one that cannot be is refused."""
    words = ["run", "prepare", "--set", f"source={reel.name}", "--edits", "cut.edl", "--json"]

    _, out, _ = react1(*words, "--start-tc", "00:59:59:00")
    assert [one["start_frame"] for one in json.loads(out)["segments"]] == [50, 105]

    status, _, err = react1(*words, "--start-tc", "01:00:00:25")
    assert status == 2
    assert "its neighbours are 01:00:00:24 and 01:00:01:00" in err


def test_what_moved_is_said_when_the_run_is_done(react1, reel):
    """A point that snaps is told with its frames; here to the end of the film, which counts as a cut."""
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
def test_a_library_that_is_missing_is_named_in_one_line(react1, tmp_path, monkeypatch, name, module):
    """With what to install; nothing else needs it."""
    monkeypatch.setitem(sys.modules, module, None)
    (tmp_path / name).write_text("WEBVTT")

    status, out, err = react1("edits", name)

    library = module.partition(".")[0]
    assert (status, out) == (2, "")
    assert f"requires {library}, which is not installed; install it with: pip install 'react1-nodes[timeline]'" in err


def test_the_command_line_starts_without_any_library_of_timelines():
    """`import react1` and the verbs load none of them."""
    asked = "import sys, react1, react1.pipeline.cli.app; print([m for m in sys.modules if m in %r])"
    heavy = ["opentimelineio", "defusedxml", "srt", "webvtt", "cv2", "av"]

    done = subprocess.run([sys.executable, "-c", asked % (heavy,)], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
