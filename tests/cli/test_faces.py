"""`react1 faces`, and what `react1 plan` says about a crop."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import astronaut
import pytest
import two_faces

pytestmark = pytest.mark.slow

SIZE = (480, 216)


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    """Two people, without a voice."""
    pytest.importorskip("skimage")
    pytest.importorskip("ai_edge_litert", reason="the local engine is not installed")
    people = [
        (two_faces.portrait("warm", height=150), two_faces.still(125, 108)),
        (two_faces.portrait("cold", mirrored=True, height=150), two_faces.still(350, 108)),
    ]
    return two_faces.write_people(tmp_path_factory.mktemp("cli") / "two.mp4", people, size=SIZE, frames=12)


def test_faces_lists_numbers_and_writes_a_sheet(react1, film, tmp_path):
    """From left to right, with the one that the edit would change; the second time nothing is made again."""
    from PIL import Image

    first = react1("faces", film, "--edit", "2f-10f@right", "--json")
    lines = react1("faces", film, "--edit", "2f-10f").out.splitlines()

    (segment,) = first.json["segments"]
    ((left, right),) = [shot["faces"] for shot in segment["shots"]]
    assert (left["number"], right["number"]) == (1, 2)
    assert left["at"][0] < 0.4 < 0.6 < right["at"][0]
    assert (left["chosen"], right["chosen"]) == (False, True)
    assert left["frames_seen"] == 8 and 25 < left["eyes_px"] < 70 and abs(left["yaw_deg"]) < 20
    assert left["speaks"] is False and left["box"][0] < left["at"][0] < left["box"][2]
    assert lines[0] == "s01 shot 1, frames 2 to 9"
    assert len(lines) == 3 and "*1  at 0.2" in lines[1] and "px between the eyes" in lines[2]
    with Image.open(first.json["sheet"]) as sheet:
        assert sheet.format == "PNG" and sheet.width > 2 * 168


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_list_of_faces_that_cannot_be_written_is_no_internal_error(film, tmp_path):
    """Standard output is on a full disk."""
    command = [sys.executable, "-m", "react1", "faces", str(film), "--edit", "2f-10f", "--home", str(tmp_path / "home")]
    with Path("/dev/full").open("w") as full:
        result = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, cwd=tmp_path, text=True, timeout=120)

    assert result.returncode == 1
    assert result.stderr.splitlines()[-1].startswith("react1: the result cannot be written to standard output")


def test_who_was_chosen_stays_when_faces_get_other_numbers(react1, film, tmp_path, monkeypatch):
    """By a number, too: the list shows whom a run keeps, and how to name the one who has that number now."""
    from react1.pipeline.engine.detect import detect, people

    job = tmp_path / "job.yaml"
    edits = "  - {in: 2f, out: 10f, name: s01, prompt: sad, face: 2%s}\n"
    text = f"preset: emotion-edit\nsource: {film}\nout: {tmp_path / 'out.mp4'}\nedits:\n{edits}"
    job.write_text(text % ", crop: on")
    first = react1("run", job, "--provider", "local", "--json").json
    before = react1("faces", job, "--json").json["segments"][0]
    number_people = people.number_people
    monkeypatch.setattr(detect, "CACHE_VERSION", 1000)
    monkeypatch.setattr(people, "number_people", lambda tracks: number_people(tracks)[::-1])

    after = react1("faces", job, "--json").json["segments"][0]
    lines = react1("faces", job).out.splitlines()
    second = react1("run", job, "--provider", "local", "--json").json
    job.write_text(text % ", crop: off")
    other = react1("faces", job, "--json").json["segments"][0]

    (chosen,) = [face for face in before["shots"][0]["faces"] if face["chosen"]]
    (after_choice,) = [face for face in after["shots"][0]["faces"] if face["chosen"]]
    assert (chosen["number"], after_choice["number"]) == (2, 1)
    assert chosen["at"] == pytest.approx(after_choice["at"], abs=0.01)
    assert before["notes"] == other["notes"] == []
    assert lines[-1].startswith(
        "  note: a run has chosen by `face: 2` when faces had other numbers, and keeps the one who is 1 now; "
        "name the one who is 2 now by a point: 0.26,0."
    )
    assert first["segments"][0]["face"] == second["segments"][0]["face"] == "face 2 of 2 (by its number)"
    assert [face["number"] for face in other["shots"][0]["faces"] if face["chosen"]] == [2]


def test_a_number_that_became_another_person_is_refused(react1, film, tmp_path, monkeypatch):
    """With other libraries a face is chosen again; the person of before is named by a point, and is the same then."""
    from react1.nodes.face import Face
    from react1.pipeline.engine.detect import people

    job, number_people = tmp_path / "job.yaml", people.number_people
    edits = "  - {in: 2f, out: 10f, name: s01, prompt: sad, face: %s}\n"
    text = f"preset: emotion-edit\nsource: {film}\nout: {tmp_path / 'out.mp4'}\nedits:\n{edits}"
    job.write_text(text % 2)
    first = react1("run", job, "--provider", "local", "--json").json
    monkeypatch.setattr(Face, "tools", Face.tools[1:])  # another key, as after an upgrade of a library
    same = react1("run", job, "--provider", "local", "--json").json
    monkeypatch.setattr(people, "number_people", lambda tracks: number_people(tracks)[::-1])
    monkeypatch.setattr(Face, "tools", Face.tools[1:])

    refused = [react1("run", job, "--provider", "local") for _ in range(2)]
    point = refused[0].err.partition("that one is at ")[2].partition(":")[0]
    job.write_text(text % f'"{point}"')
    named = react1("run", job, "--provider", "local", "--json").json

    assert first["segments"][0]["face"] == same["segments"][0]["face"] == "face 2 of 2 (by its number)"
    assert [result.status for result in refused] == [3, 3]
    assert "face 2 is another person than in the run before" in refused[1].err
    assert point.startswith("0.7")
    assert named["segments"][0]["face"] == "face 1 of 2 (by its point)"


def test_a_face_that_is_not_there_is_a_note(react1, film):
    """The list is shown all the same."""
    result = react1("faces", film, "--edit", "2f-10f@5")

    assert result.status == 0
    assert "note: segment s01: there is no face 5 in shot 1" in result.out


def test_plan_says_whether_a_crop_is_sent_and_why(react1, film, monkeypatch, tmp_path):
    """Before anything is made: its size, and the reason."""
    monkeypatch.setenv("SEGMIND_API_KEY", "SG_secret0123456789abcdef")
    voice = astronaut.write_wav(tmp_path / "voice.wav", astronaut.syllables(0.5))
    job = ["plan", "emotion-edit", film, "--edit"]

    named = react1(*job, f"2f-10f:sad@left:audio={voice}", "--provider", "segmind").out
    plain = react1(*job, "2f-10f:sad", "--provider", "local").out
    forced = react1(*job, "2f-10f:sad:crop=on", "--provider", "local").out

    assert "will be sent as 720x720: the provider cannot be told which of several faces is meant" in named
    assert "crop" not in plain
    assert "will be sent as 720x720: crop is on" in forced


def test_a_matrix_of_takes_ranges_over_faces(react1, film, tmp_path):
    """Each take has a face of its own; the one that is chosen is spliced from the store."""
    job = tmp_path / "job.yaml"
    text = (
        f"preset: emotion-edit\nsource: {film}\nout: {tmp_path / 'out.mp4'}\n"
        "edits:\n  - {in: 2f, out: 10f, name: s01, takes: {prompt: [sad], face: [left, 2]%s}}\n"
    )
    job.write_text(text % "")

    rows = react1("plan", job, "--provider", "local", "--json").json["steps"]
    result = react1("run", job, "--provider", "local", "--json").json
    job.write_text(text % ", pick: sad-face2")
    picked = react1("run", job, "--provider", "local", "--json").json

    assert [row["take"] for row in rows if row["step"] == "react1"] == ["sad-left", "sad-face2"]
    (segment,) = result["segments"]
    assert result["status"] == "choose"
    assert [(take["name"], take["face"]) for take in segment["takes"]] == [
        ("sad-left", "face 1 of 2 (left)"),
        ("sad-face2", "face 2 of 2 (by its number)"),
    ]
    assert picked["status"] == "done"
    assert (picked["segments"][0]["face"], picked["segments"][0]["reused"]) == ("face 2 of 2 (by its number)", True)
