"""Lists of films: YAML, tables and folders become jobs, and a job that cannot be loaded stays in the batch."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from react1.pipeline.config.film_list import is_batch, load_batch
from react1.pipeline.core.errors import PresetError
from react1.pipeline.core.nodes.registry import load_registry
from react1.pipeline.core.times import Seconds
from react1.testing import ClipRecipe, make_clip


@pytest.fixture
def films(tmp_path):
    """Two files that are taken for films; loading a job does not decode them."""
    for name in ("a.mp4", "b.mp4"):
        (tmp_path / name).write_bytes(b"film")
    return tmp_path


def load(folder: Path, name: str, text: str, **defaults):
    (folder / name).write_text(text)
    return load_batch(folder / name, load_registry(), defaults)


def edits(batch_job):
    """The edits of a loaded job: (in, out, prompt, temperature)."""
    return [
        (edit.in_, edit.out, edit.prompt, edit.temperature)
        for step in batch_job.job.steps
        if step.info.name == "trim"
        for edit in step.params.edits
    ]


def test_a_table_has_one_job_per_film(films):
    """Rows of one film become its edits, in their order; empty rows and cells are skipped."""
    table = "source,in,out,prompt,temperature\na.mp4,1,2,sad,0.6\nb.mp4,10f,20f,happy,\na.mp4,3,4.5,angry,1\n,,,,\n"

    first, second = load(films, "films.csv", table)

    assert (first.name, second.name) == ("a.mp4", "b.mp4")
    assert first.job.name == "emotion-edit"
    assert first.job.inputs["source"] == str(films / "a.mp4")
    assert [row[2:] for row in edits(first)] == [("sad", 0.6), ("angry", 1)]
    assert [row[2:] for row in edits(second)] == [("happy", None)]


@pytest.mark.parametrize(("name", "separator"), [("films.tsv", "\t"), ("films.csv", ";"), ("films.csv", ",")])
def test_a_table_is_separated_by_tabs_semicolons_or_commas(films, name, separator):
    """As spreadsheets write it, also with a byte order mark and capitals in the header."""
    rows = [["Source", "In", "Out", "Prompt", "Output"], ["a.mp4", "1", "2", "sad", "new.mp4"]]

    (item,) = load(films, name, "\ufeff" + "\n".join(separator.join(row) for row in rows))

    assert item.error is None
    assert item.job.inputs["out"] == str(films / "new.mp4")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-be", "cp1252"])
@pytest.mark.parametrize("separator", ["\t", ";"])
def test_a_table_is_read_as_spreadsheets_of_many_countries_write_it(films, encoding, separator):
    """As Unicode or in the code page of Windows, after empty lines and `sep=`, with a comma in numbers and in times."""
    (films / "né.mp4").write_bytes(b"film")
    rows = [[f"sep={separator}"], [], ["source", "in", "out", "prompt", "temperature"]]
    rows += [["né.mp4", "1,5", "00:00:02,25", "sad", "0,7"], ["", "", "", "", ""]]
    text = "\r\n".join(separator.join(row) for row in rows)
    (films / "films.csv").write_bytes((b"\xfe\xff" if encoding == "utf-16-be" else b"") + text.encode(encoding))

    (item,) = load_batch(films / "films.csv", load_registry(), {})

    assert item.error is None
    assert item.job.inputs["source"] == str(films / "né.mp4")
    assert edits(item) == [(Seconds(Fraction(3, 2)), Seconds(Fraction(9, 4)), "sad", 0.7)]


def test_rows_with_another_preset_or_output_are_another_job(films):
    """One film with two outputs is two jobs."""
    table = "source,preset,output,in,out,prompt\na.mp4,preview,x.mp4,1,2,sad\na.mp4,preview,y.mp4,1,2,happy\n"

    jobs = load(films, "films.csv", table)

    assert [item.job.name for item in jobs] == ["preview", "preview"]
    assert [item.job.inputs["out"] for item in jobs] == [str(films / "x.mp4"), str(films / "y.mp4")]


def test_a_list_has_defaults_jobs_and_paths_of_jobs(films):
    """A job of its own file is loaded as it stands; a job's own value beats the default."""
    (films / "sub").mkdir()
    (films / "sub" / "job.yaml").write_text(
        "preset: lips-only\nsource: ../a.mp4\nedits: [{in: 1, out: 2, prompt: sad}]\n"
    )
    text = """
defaults: {preset: preview, edits: [{in: 1, out: 2, prompt: sad}]}
jobs:
  - {source: a.mp4}
  - {source: b.mp4, preset: prepare, edits: ["3-4:happy:0.2"]}
  - sub/job.yaml
"""
    first, second, third = load(films, "night.yaml", text)

    assert [item.job.name for item in (first, second, third)] == ["preview", "prepare", "lips-only"]
    assert edits(first)[0][2] == "sad" and edits(second)[0][2:] == ("happy", 0.2)
    assert Path(third.job.inputs["source"]).resolve() == films / "a.mp4"


def test_defaults_of_the_command_line_reach_jobs_that_set_nothing(films):
    """`--preset` and `--provider`."""
    text = "jobs:\n  - {source: a.mp4, edits: ['1-2:sad']}\n  - {source: b.mp4, preset: prepare, edits: ['1-2:sad']}\n"

    first, second = load(films, "night.yaml", text, preset="preview")

    assert (first.job.name, second.job.name) == ("preview", "prepare")


def test_a_folder_of_jobs_is_a_batch(films):
    """Sorted by name."""
    for name, film in (("2.yaml", "b.mp4"), ("1.yaml", "a.mp4")):
        (films / name).write_text(f"preset: preview\nsource: {film}\nedits: [{{in: 1, out: 2, prompt: sad}}]\n")

    jobs = load_batch(films, load_registry(), {})

    assert [item.name for item in jobs] == ["1.yaml", "2.yaml"]
    assert [Path(item.job.inputs["source"]).name for item in jobs] == ["a.mp4", "b.mp4"]


def test_a_job_that_cannot_be_loaded_keeps_its_error_and_its_place(films):
    """The others are loaded."""
    table = "source,in,out,prompt\na.mp4,2,1,sad\nb.mp4,1,2,sadd\nc.mp4,1,2,sad\n"

    reversed_span, misspelled, right = load(films, "films.csv", table)

    assert right.job is not None and right.error is None and reversed_span.job is None
    assert str(reversed_span.error) == "films.csv:2:1: out: 00:00:01.000 is not after 00:00:02.000, the in point"
    assert str(misspelled.error).startswith("films.csv:3:1: prompt: 'sadd' is not one of happy, sad, ")


def test_mistakes_in_a_list_are_named_by_its_keys(films):
    """Not by the options of a command line that nobody wrote, and with the value."""
    job = "preset: preview, source: a.mp4"
    span = "in: 1, out: 2"
    text = (
        f"jobs:\n  - {{{job}, foo: 1, edits: [{{{span}, prompt: sad}}]}}\n"
        f"  - {{{job}, edits: [{{{span}, prompt: sad}}, {{{span}, temperature: 2}}]}}\n"
        f"  - {{{job}, edits: [{{{span}, prompt: sad}}, {{in: 1.5, out: 3, prompt: sad}}]}}\n"
        f"  - {{{job}, edits: ['1-2:hapy']}}\n"
    )

    unknown, too_much, overlapping, misspelled = (str(item.error) for item in load(films, "night.yaml", text))

    assert unknown.startswith("foo: preview has no input 'foo'")
    assert too_much == "edits.1.temperature: expected at most 1, not 2"
    assert overlapping == "edits: 00:00:01.000–00:00:02.000 overlaps 00:00:01.500–00:00:03.000"
    assert misspelled.startswith("edits '1-2:hapy': prompt: 'hapy' is not one of happy, ")


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("films.csv", "source,emotions\na.mp4,sad\n", "emotions"),
        ("films.csv", "in,out\n1,2\n", "there is no column `source`"),
        ("films.csv", "\n", "films.csv is empty; its first row names the columns"),
        ("films.csv", "s\0o\0", "films.csv: is not text: it contains a zero byte; save it as UTF-8"),
        ("films.csv", "source,in,out\n", "has no rows"),
        (
            "films.csv",
            "source,in,out\na.mp4,1,2,sad\n",
            "films.csv:2: 'sad' is in no column, since the row has 4 cells",
        ),
        ("films.csv", "source,in,out,in\na.mp4,1,2,3\n", "two columns are called 'in'"),
        ("films.csv", 'source,in,out\n"a.mp4,1,2\n', "films.csv:2: is not a table: .*check its quotation marks"),
        ("night.yaml", "jobs: []\n", "expected a list of jobs"),
        ("night.yaml", "jobs: 3\n", "expected a list of jobs"),
        ("night.yaml", "jobs: [{source: a.mp4}]\ndefault: {}\n", "'defaults'"),
        ("night.yaml", "jobs: [a.yaml]\ndefaults: 3\n", "expected a mapping"),
        ("night.yaml", "preset: preview\nsource: a.mp4\n", "has no `jobs`"),
    ],
)
def test_a_list_that_is_not_one_is_refused(films, name, text, message):
    """With the name of the file."""
    with pytest.raises(PresetError, match=message) as caught:
        load(films, name, text)

    assert all(name in str(problem) for problem in caught.value.problems)


def test_lists_are_distinguished_from_jobs(films):
    """A job, a preset's name and a film are no lists."""
    for name, text in (("job.yaml", "preset: preview\n"), ("night.yaml", "jobs: []\n"), ("films.csv", "")):
        (films / name).write_text(text)

    lists = {
        name: is_batch(str(films / name)) for name in ("job.yaml", "night.yaml", "films.csv", "emotion-edit", "a.mp4")
    }

    assert lists == {
        "job.yaml": False,
        "night.yaml": True,
        "films.csv": True,
        "emotion-edit": False,
        "a.mp4": False,
    }
    assert is_batch(str(films))


def test_a_folder_named_like_a_preset_hides_no_preset(films, monkeypatch):
    """`react1 plan prepare` beside the folder that `prepare` writes."""
    (films / "prepare").mkdir()
    monkeypatch.chdir(films)

    assert not is_batch("prepare")
    assert is_batch("./prepare")


def test_times_of_a_table_are_those_of_an_edit(films):
    """A bare number is seconds."""
    (item,) = load(films, "films.csv", "source,in,out,prompt\na.mp4,1.5,00:00:02.25,sad\n")

    assert edits(item)[0][:2] == (Seconds(Fraction(3, 2)), Seconds(Fraction(9, 4)))


def test_films_of_a_table_name_their_projects(films):
    """A row without one has the list's default; another project makes another job."""
    table = "source,in,out,prompt,project\na.mp4,1,2,sad,spot\na.mp4,3,4,sad,\nb.mp4,1,2,sad,7\n"

    jobs = load(films, "films.csv", table, project="house")

    assert [(job.name, job.job.project) for job in jobs] == [("a.mp4", "spot"), ("a.mp4", "house"), ("b.mp4", "7")]


@pytest.fixture(scope="module")
def reels(tmp_path_factory):
    """Two films of 20 frames, one under the name of its reel."""
    folder = tmp_path_factory.mktemp("reels")
    for name in ("a.mov", "B002C001_0101.mov"):
        make_clip(folder / name, ClipRecipe(frames=20, size=(64, 48)))
    return folder


EDL = """TITLE: night
001 AX       V C 00:00:00:02 00:00:00:10 01:00:00:00 01:00:00:08
* FROM CLIP NAME: a.mov
* COMMENT: react1: sad 0.6
002 B002C001 V C 00:00:00:04 00:00:00:12 01:00:00:08 01:00:00:16
* COMMENT: react1: happy
003 AX       V C 00:00:00:10 00:00:00:18 01:00:00:16 01:00:00:24
* FROM CLIP NAME: a.mov
* COMMENT: react1: angry
004 AX       V C 00:00:00:00 00:00:00:08 01:00:00:24 01:00:01:07
* FROM CLIP NAME: lost.mov
* COMMENT: react1: sad
005 AX       V C 00:00:00:00 00:00:00:08 01:00:01:07 01:00:01:15
* FROM CLIP NAME: without.mov
"""


def test_clips_of_an_edl_are_films(reels):
    """By name or by reel; a film that is not there stays in the list, a clip without an edit does not."""
    jobs = load(reels, "night.edl", EDL)

    assert is_batch(str(reels / "night.edl"))
    assert [Path(job.name).name for job in jobs] == ["a.mov", "B002C001_0101.mov", "lost.mov"]
    assert "lost.mov" in str(jobs[2].error)
    assert [row[2:] for row in edits(jobs[0])] == [("sad", 0.6), ("angry", None)]
    assert [str(row[0]) for row in edits(jobs[0])] == ["00:00:00:02", "00:00:00:10"]
    assert [row[2:] for row in edits(jobs[1])] == [("happy", None)]


def test_what_cameras_write_beside_a_film_is_no_film(reels, tmp_path):
    """Neither by the name of the clip without a suffix, nor by its reel."""
    for name in ("a.mov", "B002C001_0101.mov"):
        (tmp_path / name).symlink_to(reels / name)
        (tmp_path / name).with_suffix(".ale").write_text("Heading")
    text = EDL.replace("* FROM CLIP NAME: a.mov", "* FROM CLIP NAME: a")

    jobs = load(tmp_path, "night.edl", text)

    assert [Path(job.name).name for job in jobs] == ["a.mov", "B002C001_0101.mov", "lost.mov"]


@pytest.mark.parametrize("written", [r"D:\cards\A001\a.mov", "file:///D:/cards/A001/a.mov"])
def test_paths_of_another_machine_in_a_timeline_are_mapped(reels, tmp_path, monkeypatch, written):
    """Else the film is found beside the timeline, by the name in such a path."""
    (tmp_path / "footage" / "A001").mkdir(parents=True)
    (tmp_path / "footage" / "A001" / "a.mov").symlink_to(reels / "a.mov")
    (tmp_path / "list").mkdir()
    (tmp_path / "list" / "a.mov").symlink_to(reels / "a.mov")
    text = EDL[: EDL.index("002")].replace("* FROM CLIP NAME: a.mov", f"* SOURCE FILE: {written}")

    (neighbor,) = load(tmp_path / "list", "night.edl", text)
    monkeypatch.setenv("REACT1_PATH_MAP", rf"D:\cards={tmp_path / 'footage'}")
    (mapped,) = load(tmp_path / "list", "night.edl", text)

    assert [neighbor.job.inputs["source"], mapped.job.inputs["source"]] == [
        str(tmp_path / "list" / "a.mov"),
        str(tmp_path / "footage" / "A001" / "a.mov"),
    ]


def test_two_films_of_one_name_get_their_own_edits(reels, tmp_path):
    """Cards have files of one name, and the folder of each clip says which it is; else nothing runs."""
    for card in ("A001", "B001", "copy/B001"):
        (tmp_path / card).mkdir(parents=True)
        (tmp_path / card / "a.mov").symlink_to(reels / "a.mov")
    text = EDL.replace("* FROM CLIP NAME: a.mov", f"* SOURCE FILE: {tmp_path}/A001/a.mov", 1)
    text = text.replace("* FROM CLIP NAME: a.mov", f"* SOURCE FILE: {tmp_path}/B001/a.mov", 1)

    jobs = load(tmp_path, "night.edl", text)

    assert [[row[2] for row in edits(job)] for job in jobs if job.error is None] == [["sad"], ["angry"]]
    with pytest.raises(PresetError, match="2 films are called 'a', in folders called 'b001'"):
        load(tmp_path, "night.edl", text.replace("/A001/", "/copy/B001/"))


def test_clips_of_an_otio_timeline_are_films(reels):
    """By the file that the clip names, also as a URL."""
    otio = pytest.importorskip("opentimelineio", reason="the extra timeline")
    track = otio.schema.Track(kind="Video")
    for name, text in (("a.mov", "react1: sad"), ("B002C001_0101.mov", "react1: happy")):
        span = otio.opentime.TimeRange(otio.opentime.RationalTime(2, 25), otio.opentime.RationalTime(8, 25))
        available = otio.opentime.TimeRange(otio.opentime.RationalTime(0, 25), otio.opentime.RationalTime(20, 25))
        media = otio.schema.ExternalReference((reels / name).as_uri(), available)
        clip = otio.schema.Clip(name, media, span)
        clip.markers.append(otio.schema.Marker(text, otio.opentime.TimeRange(span.start_time, span.duration)))
        track.append(clip)
    timeline = otio.schema.Timeline("night")
    timeline.tracks.append(track)

    jobs = load(reels, "night.otio", timeline.to_json_string())

    assert [[Path(job.name).name, job.error] for job in jobs] == [["a.mov", None], ["B002C001_0101.mov", None]]
    assert [[row[2] for row in edits(job)] for job in jobs] == [["sad"], ["happy"]]


FCPXML = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE fcpxml>
<fcpxml version="1.9"><resources>
<format id="r1" frameDuration="1/25s"/>
<asset id="r2" name="a" start="0s" duration="20/25s" hasVideo="1" format="r1" src="{url}"/>
<asset id="r3" name="B002C001" start="0s" duration="20/25s" hasVideo="1" format="r1" src="file:///B002C001_0101.mov"/>
<asset id="r4" name="lost" start="0s" duration="20/25s" hasVideo="1" format="r1" src="file:///nowhere/lost.mov"/>
</resources><library><event><project name="night"><sequence format="r1" tcStart="0s"><spine>
<asset-clip ref="r2" name="a" offset="0s" start="2/25s" duration="8/25s"><note>react1: sad 0.6</note></asset-clip>
<asset-clip ref="r3" name="b" offset="8/25s" start="4/25s" duration="8/25s">
 <marker start="6/25s" duration="1/25s" value="react1: happy"/></asset-clip>
<asset-clip ref="r2" name="a" offset="16/25s" start="10/25s" duration="8/25s"><note>react1: angry</note></asset-clip>
<asset-clip ref="r4" name="lost" offset="24/25s" start="0s" duration="8/25s"><note>react1: sad</note></asset-clip>
<asset-clip ref="r3" name="c" offset="32/25s" start="0s" duration="4/25s"/>
</spine></sequence></project></event></library></fcpxml>
"""


def test_clips_of_an_fcpxml_are_films(reels):
    """By the asset's file where it is, else by its name beside the timeline; two clips of one asset are one film."""
    pytest.importorskip("defusedxml", reason="the extra timeline")
    jobs = load(reels, "night.fcpxml", FCPXML.replace("{url}", (reels / "a.mov").as_uri()))

    assert is_batch(str(reels / "night.fcpxml"))
    assert [Path(job.name).name for job in jobs] == ["a.mov", "B002C001_0101.mov", "lost.mov"]
    assert [job.error is None for job in jobs] == [True, True, False]
    assert "lost.mov" in str(jobs[2].error)
    assert [row[2:] for row in edits(jobs[0])] == [("sad", 0.6), ("angry", None)]
    assert [row[2:] for row in edits(jobs[1])] == [("happy", None)]


def test_a_timeline_without_an_edit_is_refused(reels):
    """The message says what an edit looks like."""
    with pytest.raises(PresetError, match="none of its clips has an edit, such as the text `react1: angry"):
        load(reels, "none.edl", EDL.replace("react1", "note"))


def test_columns_of_an_edit_and_lists_with_a_clock_are_read(reels):
    """Face, audio and every other field of an edit; a job of a YAML list may say which clock its edits have."""
    (reels / "line.wav").write_bytes(b"RIFF")
    table = "source,in,out,prompt,temperature,face,audio\na.mov,2f,10f,sad,0.4,left,line.wav\n"

    (job,) = load(reels, "films.csv", table)
    (edit,) = next(step for step in job.job.steps if step.info.name == "trim").params.edits
    assert (str(edit.face), edit.temperature, Path(str(edit.audio)).name) == ("left", 0.4, "line.wav")
    (reels / "cut.edl").write_text(EDL)
    (listed,) = load(reels, "l.yaml", "jobs: [{source: a.mov, edits: {file: cut.edl, clock: source}}]")
    assert len(edits(listed)) == 2
