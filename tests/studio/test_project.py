"""An open project without its page: what lies on its timeline, its job as text, and what its takes belong to."""

from __future__ import annotations

import asyncio
import subprocess
from contextlib import suppress

import pytest
from numbered_clips import make_clip

from react1.pipeline.config.presets.shipped import find_file
from react1.pipeline.core.errors import InputMediaError, PresetError
from react1.pipeline.media.tools.ffmpeg import ffmpeg_path
from react1.pipeline.studio.projects.film_options import set_option
from react1.pipeline.studio.projects.project import Project
from react1.pipeline.studio.projects.project_state import describe_project
from react1.pipeline.studio.projects.take_list import changed_faces, current_takes, place_key

SRT = "1\n00:00:00,200 --> 00:00:00,900\nI said so.\n\n2\n00:00:01,000 --> 00:00:01,400\nNever <b>again</b>.\n"
EDL = """TITLE: markers
FCM: NON-DROP FRAME

001  AX       V     C        00:00:00:00 00:00:01:15 00:00:00:00 00:00:01:15
* FROM CLIP NAME: film.mp4
* LOC: 00:00:00:20 RED     SMILE HERE
"""
CHAPTERS = ";FFMETADATA1\n" + "".join(
    f"[CHAPTER]\nTIMEBASE=1/25\nSTART={start}\nEND={end}\ntitle={title}\n"
    for start, end, title in ((0, 25, "first"), (25, 40, "second"))
)


@pytest.fixture
def folder(tmp_path):
    """A folder with a film of 40 frames in two chapters."""
    plain = make_clip(tmp_path / "plain.mp4", frames=40, size=(64, 48), tracks=0)
    (tmp_path / "chapters.txt").write_text(CHAPTERS)
    argv = [ffmpeg_path(), "-v", "error", "-i", str(plain), "-i", str(tmp_path / "chapters.txt"), "-map_metadata", "1"]
    subprocess.run([*argv, "-c", "copy", str(tmp_path / "film.mp4")], check=True)
    plain.unlink()
    return tmp_path


def opened(folder, text: str) -> Project:
    job = folder / "film.mp4.react1.yaml"
    job.write_text(text)
    return Project(folder / "home", job, folder / "film.mp4", lambda *_, **__: None)


def test_markers_are_those_of_the_film_and_of_the_timeline_beside_it(folder):
    """Chapters, and the markers of an EDL, by frame."""
    from react1.pipeline.studio.viewing.marks import chapters, markers

    (folder / "film.edl").write_text(EDL)
    project = opened(folder, "preset: emotion-edit\nsource: film.mp4\nedits: []\n")

    (marker,) = markers(folder / "film.mp4", project.media, None)
    parts = [(row.frame, row.text) for row in chapters(folder / "film.mp4", project.media)]

    assert parts == [
        (0, "first"),
        (25, "second"),
    ]
    assert "SMILE HERE" in marker.text
    assert marker.frame == 20
    project.close()


def test_several_lists_beside_a_film_are_refused_as_a_run_refuses_them(folder):
    """The page shows none of them, and says in the run's sentence which input decides."""
    from react1.pipeline.studio.viewing.marks import markers, spoken_lines

    for name in ("film.en.srt", "film.de.srt"):
        (folder / name).write_text(SRT)
    for name in ("film.v1.edl", "film.v2.edl"):
        (folder / name).write_text(EDL)
    edits = "  - {at: {cue: 2}, prompt: sad}\n  - {at: {marker: smile here}, prompt: sad}\n"
    project = opened(folder, f"preset: emotion-edit\nsource: film.mp4\nedits:\n{edits}")

    with pytest.raises(PresetError) as of_lines:
        spoken_lines(folder / "film.mp4", None)
    with pytest.raises(PresetError) as of_markers:
        markers(folder / "film.mp4", project.media, None)
    shown = [edit.problem for edit in describe_project(project, {}).edits]
    with pytest.raises(PresetError) as of_run:
        project.film_job("local", "film")

    lines = "2 files beside film.mp4 could be {0}: film.de.srt, film.en.srt; set {0} to one of them"
    timelines = "2 files beside film.mp4 could be {0}: film.v1.edl, film.v2.edl; set {0} to one of them"
    assert (str(of_lines.value), str(of_markers.value)) == (lines.format("`cues`"), timelines.format("`timeline`"))
    assert str(of_lines.value) in str(of_run.value) and str(of_markers.value) in str(of_run.value)
    assert shown == [lines.format("“Spoken lines”"), timelines.format("“Timeline with markers”")]
    project.close()


def test_paths_of_another_machine_are_found(folder, monkeypatch):
    """As a run of the job finds them: the film, the list that places an edit, a line, a certificate."""
    from react1.pipeline.studio.studio import Studio
    from react1.pipeline.studio.studio_options import StudioOptions

    (folder / "words").mkdir()
    (folder / "words" / "spoken.srt").write_text(SRT)
    job = folder / "job.yaml"
    text = 'preset: emotion-edit\nsource: "D:\\\\films\\\\film.mp4"\ncues: /Volumes/films/words/spoken.srt\nedits:\n'
    job.write_text(f"{text}  - {{at: {{cue: 2}}, prompt: sad, audio: /Volumes/films/a.wav}}\n")
    monkeypatch.setenv("REACT1_PATH_MAP", f"D:\\films={folder};/Volumes/films={folder}")
    studio = Studio(StudioOptions(folder / "home", (folder,)))

    project = studio.open(job)
    (shown,) = studio.state(project).edits
    set_option(project.job, "cues", "/Volumes/films/words/spoken.srt")
    python = project.as_text("python")

    assert project.film_path == folder / "film.mp4"
    assert (shown.problem, shown.frames) == ("", (25, 35))
    assert f"audio='{folder}/a.wav'" in python and f"cues='{folder}/words/spoken.srt'" in python
    studio.close()


def test_an_edit_is_placed_as_the_job_says(folder):
    """By the words of the subtitles that the job names, which lie elsewhere than beside the film."""
    (folder / "words").mkdir()
    (folder / "words" / "spoken.srt").write_text(SRT)
    edit = "{at: {text: never again}, prompt: sad, name: e}"
    project = opened(folder, f"preset: emotion-edit\nsource: film.mp4\ncues: words/spoken.srt\nedits:\n  - {edit}\n")

    (shown,) = describe_project(project, {}).edits

    assert (shown.problem, shown.frames) == ("", (25, 35))
    project.close()


@pytest.mark.parametrize(
    ("place", "more", "frames"),
    [
        ("at: {cue: 2}", "", (25, 35)),
        ("at: {marker: smile here}", "", (20, 40)),
        ("at: {marker: smile here}", "timeline: lists/other.edl\n", (10, 40)),
        ("in: 1f, out: 30f", "preset: own.yaml\n", (0, 30)),
    ],
)
def test_an_edit_is_shown_where_a_run_puts_it(folder, place, more, frames):
    """By a subtitle file and a timeline beside the film, or the job's own, and snapped as far as the preset says."""
    from react1.pipeline.config.presets.shipped import preset_text

    (folder / "lists").mkdir()
    (folder / "film.srt").write_text(SRT)
    (folder / "film.edl").write_text(EDL.replace("00:00:00:00", "00:00:00:20"))
    (folder / "lists" / "other.edl").write_text(EDL.replace("00:00:00:00", "00:00:00:10"))
    (folder / "own.yaml").write_text(
        preset_text("emotion-edit").replace("snap: $snap", "snap: shot, snap_within_s: 0.04")
    )
    more = more if "preset" in more else f"preset: emotion-edit\n{more}"
    project = opened(folder, f"{more}source: film.mp4\nedits:\n  - {{{place}, prompt: sad, name: e}}\n")
    (written,) = project.edits()

    (shown,) = describe_project(project, {}).edits
    (take,) = project.want_takes(written, [{}], "local", None)
    trim = next(step for step in project.take_job(take).steps if step.info.name == "trim")

    assert (shown.problem, shown.frames) == ("", frames)
    assert trim.params.snap == ("shot" if "own" in more else "none")
    project.close()


@pytest.mark.parametrize(("within", "end"), [("true", 32), ("'0.05'", 30), ("[1]", 32)])
def test_the_reach_of_snapping_is_read_as_a_run_reads_it(folder, within, end):
    """A number as text, and true, which is one second; the default in place of what is none."""
    from react1.pipeline.config.presets.shipped import preset_text

    text = preset_text("emotion-edit").replace("snap: $snap", f"snap: shot, snap_within_s: {within}")
    (folder / "own.yaml").write_text(text)
    project = opened(folder, "preset: own.yaml\nsource: film.mp4\nedits:\n  - {in: 1f, out: 30f, prompt: sad}\n")

    (shown,) = describe_project(project, {}).edits

    assert shown.frames == (0, end)
    project.close()


def test_a_marker_that_is_not_there_is_a_problem_with_its_edit(folder):
    """The others are shown, and the message lists those that there are."""
    (folder / "film.edl").write_text(EDL)
    edits = "  - {at: {marker: nope}, prompt: sad}\n  - {in: 1f, out: 9f, prompt: sad}\n"
    project = opened(folder, f"preset: emotion-edit\nsource: film.mp4\nedits:\n{edits}")

    first, second = describe_project(project, {}).edits

    assert "no marker 'nope'" in first.problem and "SMILE HERE" in first.problem
    assert second.frames == (1, 9)
    project.close()


def test_an_edit_is_shown_before_it_has_what_its_preset_requires(folder):
    """A person who gives it its new line sees where it lies."""
    project = opened(folder, "preset: adr-replace\nsource: film.mp4\nedits:\n  - {at: {shot: 1}, prompt: sad}\n")

    (shown,) = describe_project(project, {}).edits

    assert (shown.problem, shown.frames) == ("", (0, 16))
    project.close()


@pytest.mark.parametrize(
    ("place", "more", "problem"),
    [
        ("marker: x", "timeline: bad.otio\n", "is not JSON"),
        ("cue: 1", "cues: https://example.com/a.srt\n", "must be a local file, not https://example.com/a.srt"),
        ("cue: 1", 'cues: "a\\0b"\n', "a path cannot contain the character NUL"),
    ],
)
def test_a_file_that_cannot_say_where_an_edit_lies_is_a_problem_with_the_edit(folder, place, more, problem):
    """The message says what is wrong with the file, and the other edits are shown."""
    (folder / "bad.otio").write_text("{")
    edits = f"  - {{at: {{{place}}}, prompt: sad}}\n  - {{in: 1f, out: 9f, prompt: sad}}\n"
    project = opened(folder, f"preset: emotion-edit\nsource: film.mp4\n{more}edits:\n{edits}")

    first, second = describe_project(project, {}).edits

    assert problem in first.problem
    assert second.frames == (1, 9)
    project.close()


def test_a_preset_that_cannot_be_read_leaves_the_defaults_of_the_api(folder, monkeypatch):
    """The edits are shown."""
    from react1.pipeline.core.errors import StorageFailed
    from react1.pipeline.studio.projects import preset_values

    def fail(*_):
        raise StorageFailed("own.yaml: cannot be read: Permission denied")

    (folder / "own.yaml").write_text("steps: []\n")
    monkeypatch.setattr(preset_values, "read_file", fail)
    project = opened(folder, "preset: own.yaml\nsource: film.mp4\nedits:\n  - {in: 1f, out: 9f, prompt: sad}\n")

    state = describe_project(project, {})

    assert state.defaults["model_mode"] == "face"
    assert state.edits[0].frames == (1, 9)
    project.close()


def test_an_edit_that_says_nothing_is_shown_as_its_preset_says(folder):
    """The region of lips-only, and its takes are named by it; a choice of the API's own default is written."""
    text = "preset: lips-only\nsource: film.mp4\nedits:\n  - {in: 1f, out: 9f, prompt: sad, name: a}\n"
    project = opened(folder, text)
    (written,) = project.edits()

    state = describe_project(project, {})
    takes = project.want_takes(written, [{}, {"model_mode": "face"}], "local", None)
    for take in takes:
        project.list.update(project.list.add_take(take), state="done")
    current = [take.picked for take in describe_project(project, {}).edits[0].takes]
    project.pick(written, takes[1])

    assert (state.defaults["model_mode"], state.defaults["resync"]) == ("lips", True)
    assert state.edits[0].choices.model_mode == "lips"
    assert [take.name for take in takes] == ["sad-0.5-lips", "sad-0.5-face"]
    assert current == [True, False]
    assert "model_mode: face" in project.job.text()
    assert describe_project(project, {}).edits[0].choices.model_mode == "face"
    project.close()


def test_the_sound_of_a_take_is_asked_for_again_when_the_job_mixes_lines_otherwise(folder):
    """A browser keeps what it has heard by its address."""
    text = "preset: emotion-edit\nsource: film.mp4\nedits:\n  - {in: 1f, out: 9f, audio: a.wav}\n"
    project, sounds = opened(folder, text), []

    for more in ("", "sound: {match: none}\n", "sound: {match: none, fade_ms: 5}\n"):
        project.job.path.write_text(text + more)
        sounds.append(describe_project(project, {}).edits[0].sound)

    assert len(set(sounds)) == 3
    project.close()


def test_a_package_is_not_made_without_an_edit_that_is_wrong(folder):
    """It would be left out, and nobody would know."""
    edits = "  - {in: 1f, out: 9f, prompt: sad, name: a}\n  - {in: 12f, out: 30f, prompt: bored, name: b}\n"
    project = opened(folder, f"preset: emotion-edit\nsource: film.mp4\nedits:\n{edits}")

    with pytest.raises(PresetError, match=r"^b: prompt: "):
        project.film_job("local", "turnover")
    project.close()


def test_a_take_that_is_being_made_is_not_made_twice(folder):
    """Whoever asks for it again gets it as it is; one that was stopped is made again in its place."""
    text = "preset: emotion-edit\nsource: film.mp4\nedits:\n  - {in: 1f, out: 9f, prompt: sad, name: a}\n"
    project, listed = opened(folder, text), []
    (written,) = project.edits()

    for state in ("working", "stopped", "done"):
        (take,) = project.want_takes(written, [{}], "local", None)
        listed.append(project.list.add_take(take))
        project.list.update(listed[-1], state=state)
    (take,) = project.want_takes(written, [{}], "local", None)

    assert listed[0] is listed[1] is not listed[2]
    assert project.list.record.takes == [listed[2]]
    assert project.list.add_take(take) is listed[2]
    project.close()


def test_a_still_of_a_long_take_is_of_the_part_that_is_spliced(folder, monkeypatch):
    """Where one part ends, its handle shows the frames of the next one, which are not used."""
    from records import segment_of, take_of

    from react1.pipeline.studio.routes import media_routes

    project = opened(folder, "preset: emotion-edit\nsource: film.mp4\nedits: []\n")
    parts = []
    for start, end in ((0, 20), (20, 40)):
        segment = segment_of(project.media, start, end)
        handles = {"head_frames": min(4, start), "tail_frames": min(4, 40 - end)}
        parts.append(take_of(segment.model_copy(update=handles), project.media))
    monkeypatch.setattr(media_routes, "_parts", lambda *_: parts)
    monkeypatch.setattr(media_routes.FilmPictures, "still", lambda _self, frame, _side: frame)

    shown = [media_routes._take_still(project, "t", frame, 160) for frame in (19, 20, 23, 24)]

    assert shown == [19, 4, 7, 8]
    with pytest.raises(InputMediaError, match="no frame 40"):
        media_routes._take_still(project, "t", 40, 160)
    project.close()


def test_an_edit_is_shown_with_the_take_that_was_picked(folder):
    """Of those that it compares; before that with its own settings, and as one that waits."""
    takes = "takes: {prompt: [happy, sad], temperature: [0.3, 0.9]%s}"
    text = "preset: emotion-edit\nsource: film.mp4\nedits:\n  - {in: 1f, out: 9f, %s}\n"
    project, shown = opened(folder, text % (takes % "")), []

    for pick in ("", ", pick: sad-0.9"):
        project.job.path.write_text(text % (takes % pick))
        (edit,) = describe_project(project, {}).edits
        shown.append((edit.waits, edit.choices.prompt, edit.choices.temperature))

    assert shown == [(True, "happy", 0.5), (False, "sad", 0.9)]
    project.close()


def test_further_takes_of_an_edit_have_what_was_picked_of_those_that_it_compares(folder):
    """The page says so before they are made; the face that was picked stays, too, when one of them is chosen."""
    takes = "takes: {prompt: [happy, sad], temperature: [0.3, 0.9], face: [left, right], pick: sad-0.9-right}"
    text = f"preset: emotion-edit\nsource: film.mp4\nedits:\n  - {{name: a, in: 1f, out: 9f, {takes}}}\n"
    project = opened(folder, text)
    written = project.edits()[0]

    same, lips = project.want_takes(written, [{}, {"model_mode": "lips"}], "local", None)
    (shown,) = describe_project(project, {}).edits
    project.list.update(project.list.add_take(lips), state="done")
    project.pick(written, lips)
    (after,) = describe_project(project, {}).edits

    assert (same.name, lips.name) == ("sad-0.9-face-right", "sad-0.9-lips-right")
    assert shown.picked == {"prompt": "sad", "temperature": 0.9, "face": "right"}
    assert [(take.picked, take.current) for take in after.takes] == [(True, True)]
    assert (after.fields["face"], after.picked) == ("right", {})
    project.close()


def test_the_first_timecode_that_the_job_says_is_the_clock_of_the_page(folder):
    """An edit and a marker are found by it, and frames are labelled by it; one that is not valid changes nothing."""
    from react1.pipeline.studio.viewing.marks import markers

    (folder / "film.edl").write_text(EDL.replace("00:00:00", "01:00:00").replace("00:00:01", "01:00:01"))
    edit = '{in: "01:00:00:05", out: "01:00:01:00", prompt: sad, name: e}'
    text = f"preset: emotion-edit\nsource: film.mp4\nstart_tc: '01:00:00:00'\nedits:\n  - {edit}\n"
    project = opened(folder, text)

    state = describe_project(project, {})
    rows = markers(folder / "film.mp4", project.labelled_media(), None, project.start_tc())

    assert state.clock.model_dump() == {"rate": (25, 1), "drop": False, "start": 90_000}
    assert (state.edits[0].problem, state.edits[0].frames) == ("", (5, 25))
    assert [row.frame for row in rows if "SMILE" in row.text] == [20]
    project.job.path.write_text(text.replace("01:00:00:00", "01:00:00:77"))
    assert describe_project(project, {}).clock.start == 0
    project.close()


def test_the_job_as_python_is_the_job(folder, monkeypatch):
    """The text runs, and asks for the same edits and inputs; a line of dialogue is found from anywhere."""
    import react1

    inputs_of_run = {}
    monkeypatch.setattr(react1, "run", lambda preset, **inputs: inputs_of_run.update(inputs, preset=preset) or react1)
    monkeypatch.setattr(react1, "output", "film", raising=False)
    project = opened(
        folder,
        "preset: adr-replace\nsource: film.mp4\nedits:\n"
        "  - {in: 1f, out: 9f, emotion: sad, audio: lines/a.wav, audio_gain: -3, faces: {shot 1: left},\n"
        "     consent: {performer: Ada, document: signed.pdf}}\n"
        "  - {in: 12f, out: 30f, takes: {prompt: [happy, sad]}, face: {at: [0.5, 0.4], frame: 12f}}\n"
        "provenance: {certificate: c.pem, key: k.pem}\nhandles: 4f\ncues: words/a.srt\nout: new.mp4\n"
        "timeline: {file: cut.edl, clock: record}\n",
    )

    exec(project.as_text("python"), {})

    expected = [written.edit for written in project.job.edits()]
    signed = expected[0].consent.model_copy(update={"document": str(folder / "signed.pdf")})
    named = expected[0].model_copy(update={"audio": str(folder / "lines" / "a.wav"), "consent": signed})
    assert inputs_of_run["edits"] == [named, expected[1]]
    assert (inputs_of_run["source"], inputs_of_run["handles"]) == (str(folder / "film.mp4"), "4f")
    assert (inputs_of_run["cues"], inputs_of_run["out"]) == (str(folder / "words/a.srt"), str(folder / "new.mp4"))
    assert inputs_of_run["provenance"] == {"certificate": str(folder / "c.pem"), "key": str(folder / "k.pem")}
    assert inputs_of_run["timeline"] == {"file": str(folder / "cut.edl"), "clock": "record"}
    assert project.as_text("yaml") == project.job.text()
    assert project.as_text("command") == f"react1 run {project.job.path}"
    project.close()


def test_the_job_as_python_names_files_of_any_name(folder, monkeypatch):
    """A film whose name has signs beyond 16 bits, and a preset beside the job."""
    import react1

    inputs_of_run = {}
    monkeypatch.setattr(react1, "run", lambda preset, **inputs: inputs_of_run.update(inputs, preset=preset) or react1)
    monkeypatch.setattr(react1, "output", "film", raising=False)
    preset, _ = find_file("emotion-edit", folder)
    (folder / "mine.yaml").write_text(preset.read_text())
    film = (folder / "film.mp4").rename(folder / "film \N{CLAPPER BOARD} \u00e9'.mp4")
    job = folder / "job.yaml"
    job.write_text(f'preset: ./mine.yaml\nsource: "{film.name}"\nedits: []\n')
    project = Project(folder / "home", job, film, lambda *_, **__: None)
    monkeypatch.chdir("/")

    exec(project.as_text("python"), {})

    assert inputs_of_run["source"] == str(film)
    project.close()


def test_a_package_for_an_editing_system_has_what_the_job_says(folder):
    """Consent, signature and snapping are those of the job."""
    (folder / "certificate.pem").write_text("x")
    project = opened(
        folder,
        "preset: emotion-edit\nsource: film.mp4\nsnap: shot\nconsent: {performer: Ada}\nproject: pilot\n"
        "on_failure: keep-original\nout: new.mp4\ndisclosure: {label: made}\n"
        "edits:\n  - {in: 1f, out: 9f, prompt: sad, name: e}\n",
    )

    job = project.film_job("local", "turnover")

    trim, splice = (next(step for step in job.steps if step.info.name == name) for name in ("trim", "splice"))
    assert trim.params.snap == "shot"
    assert trim.params.edits[0].consent.performer == "Ada"
    assert splice is not None
    assert any(step.info.name == "disclose" for step in job.steps)
    assert (job.project, job.on_failure) == ("pilot", "keep-original")
    project.close()


def test_what_was_wrong_before_is_no_reason_to_refuse_another_option(folder):
    """Also where the message names the file; the wrong input itself is refused again."""
    text = "preset: emotion-edit\nsource: film.mp4\nedits:\n  - {in: 1f, out: 9f}\nout: ../film.mp4\n"
    project = opened(folder, text)

    set_option(project.job, "quality", "high")

    assert project.job.text() == text + "quality: high\n"
    with pytest.raises(PresetError, match=r"outside the folder of film\.mp4\.react1\.yaml"):
        set_option(project.job, "out", "../other.mp4")
    project.close()


def test_a_job_whose_preset_is_missing_is_a_problem_with_edits(folder):
    """The page says so before the film is made."""
    project = opened(folder, "preset: emotion-edt\nsource: film.mp4\nedits:\n  - {in: 1f, out: 9f}\n")

    state = describe_project(project, {})

    assert "emotion-edt" in state.problem and "emotion-edit" in state.problem
    assert (len(state.edits), state.options) == (1, [])
    project.close()


@pytest.mark.parametrize(
    ("fields", "is_same"),
    [
        ({"audio_gain": -6}, True),
        ({"audio_mix": "mix"}, True),
        ({"prompt": "sad"}, True),
        ({"consent": {"performer": "A"}}, True),
        ({"face": "left"}, False),
        ({"faces": {"shot 1": "left"}}, False),
        ({"audio": "b.wav"}, False),
        ({"out": "8f"}, False),
    ],
)
def test_a_take_stays_with_an_edit_unless_what_it_shows_changes(fields, is_same):
    """The mix is decided after the take; another face or another line is another take."""
    from react1.pipeline.core.edits.edit import Edit

    base = {"in": "1f", "out": "9f", "prompt": "happy", "audio": "a.wav"}
    before, after = (Edit.model_validate({**base, **more}) for more in ({}, fields))

    assert (place_key(before) == place_key(after)) == is_same


def test_the_sound_of_a_take_is_mixed_as_the_edit_says_now(folder):
    """A gain that was chosen after the take is in what the page plays of it."""
    from records import segment_of, take_of

    from react1.pipeline.core.edits.edit import Edit

    project = opened(folder, "preset: emotion-edit\nsource: film.mp4\nedits: []\n")
    edit = Edit.model_validate({"in": "10f", "out": "20f", "audio": "a.wav", "audio_mix": "mix", "audio_gain": -6})
    segment = segment_of(project.media, 10, 20)

    (take,) = current_takes([take_of(segment, project.media)], edit)

    assert (take.segment.edit.audio_mix, take.segment.edit.audio_gain) == ("mix", -6)
    project.close()


@pytest.mark.slow
def test_a_job_that_another_program_writes_is_noticed(folder):
    """Also one that did not exist when the film was opened, that cannot be read, and that is removed again."""
    from react1.pipeline.studio.studio import Studio
    from react1.pipeline.studio.studio_options import StudioOptions

    studio = Studio(StudioOptions(folder / "home", (folder,)))
    project, events, problems = studio.open(folder / "film.mp4"), [], []
    project._notify = lambda kind, **data: events.append((kind, data["version"]))
    job = folder / "film.mp4.react1.yaml"

    async def watch():
        watching = asyncio.create_task(studio.watch_files())
        text = "preset: emotion-edit\nsource: film.mp4\nedits: []\n"
        no_date = f"{text}project: 2026-13-01\n"
        changes = (lambda: job.write_bytes(b"\xff\xfe"), lambda: job.write_text(no_date), job.unlink)
        for change in (lambda: job.write_text(text), *changes):
            count = len(events)
            change()
            async with asyncio.timeout(30):
                while len(events) == count:
                    await asyncio.sleep(0.05)
            problems.append(describe_project(project, {}).problem)
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching

    asyncio.run(watch())
    studio.close()

    assert [kind for kind, _ in events] == ["project"] * 4
    assert len({version for _, version in events}) == 4
    assert "cannot be read" in problems[1]
    assert (problems[0], problems[2], problems[3]) == ("", f"{job.name}: not valid YAML: month must be in 1..12", "")


@pytest.mark.parametrize("value", ["2026-02-30", "9" * 5000])
def test_values_that_yaml_cannot_have_are_a_problem_of_the_job(folder, value):
    """And none of the studio, which goes on watching its files."""
    project = opened(folder, f"preset: emotion-edit\nsource: film.mp4\nedits: []\nproject: {value}\n")

    problem = describe_project(project, {}).problem
    project.close()

    assert problem.startswith("film.mp4.react1.yaml: not valid YAML: ")


def test_a_job_that_is_nested_too_deep_is_a_problem_of_the_job(folder, monkeypatch):
    """The loader that keeps comments has no limit, so it does not see the text."""
    monkeypatch.setattr("react1.pipeline.studio.projects.yaml_text._yaml", None)
    project = opened(folder, f"preset: emotion-edit\nsource: film.mp4\nedits: {'[' * 300}{']' * 300}\n")

    problem = describe_project(project, {}).problem
    project.close()

    assert problem == "film.mp4.react1.yaml:3: not valid YAML: nested deeper than 40 levels"


def test_the_page_knows_when_each_frame_of_an_uneven_film_is_shown(tmp_path):
    """The same times as everywhere else, and the end; a film of constant rate needs none."""
    from fractions import Fraction

    from react1.pipeline.media.timing.clock import frame_time_s

    pts = [0, 40, 60, 120, 160, 200, 220, 300]
    make_clip(
        tmp_path / "film.mkv", frames=len(pts), size=(64, 48), tracks=0, pts=tuple(pts), time_base=Fraction(1, 1000)
    )
    make_clip(tmp_path / "even.mp4", frames=8, size=(64, 48), tracks=0)
    projects = [
        Project(tmp_path / "home", tmp_path / f"{name}.yaml", tmp_path / name, lambda *_, **__: None)
        for name in ("film.mkv", "even.mp4")
    ]

    uneven, even = (project.film_facts().times for project in projects)

    media = projects[0].media
    assert uneven == [pytest.approx(float(frame_time_s(media, frame)), abs=1e-5) for frame in range(len(pts) + 1)]
    assert even is None
    for project in projects:
        project.close()


def test_who_scrubs_through_a_film_waits_for_the_newest_place_only(tmp_path, monkeypatch):
    """Of many parts that were passed, the last ones are searched for faces, the newest first."""
    import threading

    from react1.pipeline.studio.viewing.live import BLOCK_FRAMES, LivePreview

    make_clip(tmp_path / "film.mp4", frames=8 * BLOCK_FRAMES, size=(64, 48), tracks=0)
    may_go, is_busy, searched = threading.Event(), threading.Event(), []

    def search(_live, number, block):
        is_busy.set()
        may_go.wait(30)
        searched.append(number)
        block.done = True

    monkeypatch.setattr(LivePreview, "_scan_block", search)
    project = Project(tmp_path / "home", tmp_path / "job.yaml", tmp_path / "film.mp4", lambda *_, **__: None)
    project.live.scan(0)
    assert is_busy.wait(30)
    for number in range(1, 8):
        project.live.scan(number * BLOCK_FRAMES)
    may_go.set()
    project.live._scanner.shutdown(wait=True)

    assert searched == [0, 7, 6]
    project.close()


def test_a_part_that_is_hardly_searched_gives_way_to_the_one_that_is_shown(tmp_path, monkeypatch):
    """And is searched after it; one that is nearly done is finished first."""
    import threading

    from react1.pipeline.studio.viewing.live import BLOCK_FRAMES, LivePreview

    make_clip(tmp_path / "film.mp4", frames=3 * BLOCK_FRAMES, size=(64, 48), tracks=0)
    project = Project(tmp_path / "home", tmp_path / "job.yaml", tmp_path / "film.mp4", lambda *_, **__: None)
    order, shares, may_go = [], iter((0.2, 0.9)), threading.Event()

    def search(live, first, _end, report):
        order.append(first // BLOCK_FRAMES)
        if first == 0 and (share := next(shares, None)):
            project.live.scan((1 if share < 0.5 else 2) * BLOCK_FRAMES)
            report(share)
            order.append("finished")
        return

    monkeypatch.setattr(LivePreview, "_detections", search)
    monkeypatch.setattr(LivePreview, "_shots", lambda *_: may_go.set() if order[-1] == 2 else [])
    project.live.scan(0)
    assert may_go.wait(30)
    project.close()

    assert order == [0, 1, 0, "finished", 2]


def test_what_several_ask_for_at_once_is_made_once(folder):
    """Each gets the file, also while another one is still making it."""
    import threading
    from concurrent.futures import ThreadPoolExecutor

    project, makings = opened(folder, "preset: emotion-edit\nsource: film.mp4\nedits: []\n"), []
    all_ask = threading.Barrier(4)

    def make(context):
        makings.append(0)
        path = context.temp_path("made.bin")
        path.write_bytes(b"made")
        return path

    def ask(_):
        all_ask.wait(30)
        return project.made_once({"what": "a test"}, make).read_bytes()

    with ThreadPoolExecutor(4) as pool:
        assert [*pool.map(ask, range(4))] == [b"made"] * 4
    assert makings == [0]
    project.close()


def test_a_take_is_done_when_its_parts_are_there(tmp_path):
    """Whoever reads the list meanwhile never sees a take that is done and has nothing to show."""
    from react1.pipeline.studio.projects.take_list import TakeList, WantedTake

    class Watched(WantedTake):
        def __setattr__(self, name, value):
            super().__setattr__(name, value)
            seen.append((self.state, bool(self.parts)))

    seen = []
    takes = TakeList(tmp_path / "project.json")
    take = takes.add_take(Watched(edit_name="e", place="p", edit={}, name="n", provider="local"))
    takes.update(take, state="done", parts=[{"a": 1}])

    assert ("done", False) not in seen
    assert seen[-1] == ("done", True)


def test_an_edit_that_overlaps_another_says_so(folder):
    """No film can be made of both, so takes of the second are made, and paid for, in vain; to touch is no overlap."""
    text = "preset: emotion-edit\nsource: film.mp4\nedits:\n%s"
    spans = (("a", "1f", "9f"), ("b", "9f", "20f"), ("c", "19f", "30f"), ("d", "0.2", "0.3"))
    rows = "".join(f"  - {{in: {start}, out: {end}, prompt: sad, name: {name}}}\n" for name, start, end in spans)
    project = opened(folder, text % rows)

    problems = {edit.name: edit.problem for edit in describe_project(project, {}).edits}

    advice = "move the in or the out point of one of them"
    assert problems == {"a": "", "b": "", "c": f"overlaps b: {advice}", "d": f"overlaps a: {advice}"}
    project.close()


@pytest.mark.slow
def test_a_film_that_another_program_writes_is_used_as_it_is_now(folder):
    """Its pictures and its length are the new ones, takes and films of the old one are not current, edits stay."""
    from react1.pipeline.studio.projects.take_list import MadeFilm
    from react1.pipeline.studio.studio import Studio
    from react1.pipeline.studio.studio_options import StudioOptions

    film, states = folder / "film.mp4", []
    text = "preset: emotion-edit\nsource: film.mp4\nedits:\n  - {in: 1f, out: 9f, prompt: sad, name: a}\n"
    (folder / "film.mp4.react1.yaml").write_text(text)
    studio = Studio(StudioOptions(folder / "home", (folder,)))
    project, events = studio.open(film), []
    project._notify = lambda kind, **_: events.append(kind)
    (take,) = project.want_takes(project.edits()[0], [{}], "local", None)
    project.list.update(project.list.add_take(take), state="done")
    project.list.update(
        project.list.add_film(MadeFilm(job_version=project.job.version, film=project.media.file.digest)), state="done"
    )
    old_still = project.pictures.still(0, 160)

    def overwrite():
        make_clip(folder / "new.mp4", frames=25, size=(96, 64), tracks=1)
        film.write_bytes((folder / "new.mp4").read_bytes())

    async def watch():
        watching = asyncio.create_task(studio.watch_files())
        for change in (overwrite, lambda: film.write_bytes(b"half a film"), film.unlink, overwrite):
            count = len(events)
            change()
            async with asyncio.timeout(30):
                while len(events) == count:
                    await asyncio.sleep(0.05)
            states.append(describe_project(project, {}))
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching

    before = describe_project(project, {})
    asyncio.run(watch())
    facts, new_still = project.film_facts(), project.pictures.still(0, 160)
    studio.close()

    assert (before.edits[0].takes[0].current, before.films[0].is_current) == (True, True)
    problems = [state.problem for state in states]
    assert problems[0] == problems[3] == ""
    assert problems[1].startswith("film.mp4 was changed and cannot be used now: ")
    assert problems[2] == "film.mp4 was moved or removed; put it back to go on"
    (shown,) = states[3].edits
    assert [(take.current, take.of_film, take.picked) for take in shown.takes] == [(False, False, False)]
    assert not states[3].films[0].is_current
    assert (facts.width, facts.height, facts.frames, shown.frames) == (96, 64, 25, (1, 9))
    assert new_still != old_still


def test_a_job_that_names_another_film_by_now_makes_nothing_of_the_one_that_is_shown(folder):
    """Another program has changed its `source`; opened again, it is the other film."""
    from react1.pipeline.studio.studio import Studio
    from react1.pipeline.studio.studio_options import StudioOptions

    make_clip(folder / "other.mp4", frames=25, size=(64, 48), tracks=0)
    job = folder / "job.yaml"
    text = "preset: emotion-edit\nsource: {}\nedits:\n  - {{in: 1f, out: 9f, prompt: sad}}\n"
    job.write_text(text.format("film.mp4"))
    studio = Studio(StudioOptions(folder / "home", (folder,)))
    project = studio.open(job)
    (take,) = project.want_takes(project.edits()[0], [{}], "local", None)
    job.write_text(text.format("./film.mp4"))
    same = studio.state(project).problem

    job.write_text(text.format("other.mp4"))

    sentence = "job.yaml names another film now, other.mp4; open job.yaml to edit that one"
    assert (same, studio.state(project).problem) == ("", sentence)
    for make in (lambda: project.take_job(take), lambda: project.film_job("local", "film")):
        with pytest.raises(PresetError) as refused:
            make()
        assert str(refused.value) == sentence
    again = studio.open(job)
    assert (again.film_path.name, again.id, studio.state(again).problem) == ("other.mp4", project.id, "")
    assert studio.project(project.id) is again
    studio.close()


def test_a_film_that_a_newer_one_replaced_is_not_shown_as_itself(folder):
    """Both were written to the same file; what is watched and saved is what is listed."""
    from react1.pipeline.studio.projects.take_list import MadeFilm

    project = opened(folder, "preset: emotion-edit\nsource: film.mp4\nedits: []\n")
    output = str(folder / "film.mp4")
    films = [project.list.add_film(MadeFilm(output=output)) for _ in range(2)]
    project.list.update(films[0], state="done")
    alone = describe_project(project, {}).films[-1].exists
    project.list.update(films[1], state="done")

    newest, older = describe_project(project, {}).films

    assert (alone, newest.exists, older.exists) == (True, True, False)
    with pytest.raises(InputMediaError, match=r"film\.mp4 was replaced by a film that was made later"):
        project.finished.media(films[0])
    assert project.finished.media(films[1])[0] == folder / "film.mp4"
    project.close()


def test_a_take_says_with_which_settings_it_was_made(folder):
    """Those that the edit has not now, by the names of their controls; else nobody could go back to it."""
    edit = "{in: 1f, out: 9f, prompt: sad, name: a%s}"
    text = f"preset: emotion-edit\nsource: film.mp4\nedits:\n  - {edit}\n"
    project, shown = opened(folder, text % ", strength: 0.5, face: left"), []
    (take,) = project.want_takes(project.edits()[0], [{}], "local", None)
    project.list.update(project.list.add_take(take), state="done")

    for fields in (", strength: 0.5, face: left", "", ", strength: 0.25, face: left, crop: 'on'"):
        project.job.path.write_text(text % fields)
        (state,) = describe_project(project, {}).edits[0].takes
        shown.append((state.current, state.differs))

    assert shown == [(True, ""), (False, "Face left, Strength 0.5"), (False, "Strength 0.5, Crop auto")]
    project.close()


def test_a_film_beside_which_nothing_may_be_written_can_have_a_new_line(folder, tmp_path_factory, monkeypatch):
    """Its job is in the home folder, and so is the line; other files of that folder stay closed."""
    from react1.pipeline.studio import studio as studio_module
    from react1.pipeline.studio.studio_options import StudioOptions

    monkeypatch.setattr(studio_module.os, "access", lambda *_: False)
    home = tmp_path_factory.mktemp("home")
    studio = studio_module.Studio(StudioOptions(home, (folder,)))
    project = studio.open(folder / "film.mp4")
    lines = project.job.path.parent / "lines"
    lines.mkdir()
    line = studio.library.upload_path("line.wav", lines)
    line.write_bytes(b"")

    project.job.add({"in": "1f", "out": "9f", "prompt": "sad"})

    assert not (folder / "film.mp4.react1.yaml").exists()
    assert len(studio.state(project).edits) == 1
    assert studio.library.resolve(str(line)) == line
    with pytest.raises(InputMediaError, match="not in a folder that this studio may read"):
        studio.library.resolve(str(home / "studio" / "token"))
    studio.close()


def test_what_is_made_of_a_film_beside_which_nothing_may_be_written_has_a_place(folder, tmp_path_factory, monkeypatch):
    """In another folder of the studio or, if it has none, beside the job; and the page can choose where there."""
    from react1.pipeline.config.checked_job import output_path
    from react1.pipeline.studio import studio as studio_module
    from react1.pipeline.studio.studio_options import StudioOptions

    monkeypatch.setattr(studio_module.os, "access", lambda path, *_: path != folder)
    home, other = tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("other")
    for folders, place in (((folder, other), other), ((folder,), None)):
        studio = studio_module.Studio(StudioOptions(home, folders))
        project = studio.open(folder / "film.mp4")
        project.job.add({"in": "1f", "out": "9f", "prompt": "sad"})
        own = place or project.job.path.with_suffix("")

        outputs = [output_path(project.film_job("local", kind).steps[-2]) for kind in ("film", "turnover")]
        with pytest.raises(PresetError, match=f"is outside {place or own.parent}"):
            set_option(project.job, "out", str(folder / "new.mp4"))
        set_option(project.job, "out", str((place or own.parent) / "new.mp4"))

        assert outputs == [own / "film.react1.mp4", own / "film.react1-turnover"]
        assert output_path(project.film_job("local", "film").steps[-2]) == (place or own.parent) / "new.mp4"
        assert project.as_text("command").endswith(" --allow-outside")
        studio.close()
        project.job.path.unlink()


def test_a_take_stays_with_its_edit_when_another_one_is_removed(folder):
    """Edits without a name are called by their numbers, and a name may be given later."""
    rows = ("{in: 1f, out: 9f, prompt: sad%s}", "{in: 12f, out: 30f, prompt: happy%s}")
    text = "preset: emotion-edit\nsource: film.mp4\nedits:\n"
    project = opened(folder, text + "".join(f"  - {row % ''}\n" for row in rows))
    takes = [project.want_takes(written, [{}], "local", None)[0] for written in project.edits()]
    for take in takes:
        project.list.update(project.list.add_take(take), state="done")

    shown = []
    for remaining in (rows, rows[1:], (rows[1] % ", name: smile",)):
        project.job.path.write_text(text + "".join(f"  - {row.replace('%s', '')}\n" for row in remaining))
        edits = describe_project(project, {}).edits
        shown.append([(edit.name, [take.id for take in edit.takes if take.picked]) for edit in edits])

    first, second = ([take.id] for take in takes)
    assert shown == [[("edit 1", first), ("edit 2", second)], [("edit 1", second)], [("smile", second)]]
    project.close()


def test_an_option_that_names_no_file_is_refused_at_once(folder):
    """The film would else fail at its end, and not say which option names the file."""
    project = opened(folder, "preset: emotion-edit\nsource: film.mp4\nedits: []\n")
    (folder / "spoken.srt").write_text(SRT)

    for name, text in (("cues", "nope.srt"), ("timeline", "nope.edl"), ("timeline", "{file: nope.edl}")):
        with pytest.raises(PresetError, match=r"nope\.\w+ is not a file in "):
            set_option(project.job, name, text)
    with pytest.raises(PresetError, match=r"aaa… is not a file in "):
        set_option(project.job, "cues", "a" * 5000)
    for name in ("cues", "seam"):
        with pytest.raises(PresetError, match="the text contains an unpaired surrogate"):
            set_option(project.job, name, "\ud800")
    set_option(project.job, "cues", "spoken.srt")

    assert project.options() == {"preset": "emotion-edit", "source": "film.mp4", "cues": "spoken.srt"}
    project.close()


def test_what_waits_for_the_work_of_another_film_says_so(tmp_path):
    """It may wait for minutes, and nothing moves on the page."""
    import threading

    from react1.pipeline.studio.background_work import WAITS_FOR_OTHERS, Work

    begun, go_on, work = threading.Event(), threading.Event(), Work(tmp_path, lambda *_: None)

    def load():
        begun.set()
        go_on.wait(30)
        raise PresetError("enough")

    for item in ("first", "second"):
        work.start(item, load, lambda *_: None, lambda _: None)
    work.start("paid", load, lambda *_: None, lambda _: None, paid=True)
    begun.wait(30)
    doing = {item: progress.doing for item, progress in work.progress.items()}
    go_on.set()
    work.close()

    assert doing == {"first": "waiting", "second": WAITS_FOR_OTHERS, "paid": "waiting"}


def test_the_rows_of_the_ledger_add_up_to_its_sum(tmp_path):
    """Of a failure that may have been billed, both have the estimate."""
    from react1.pipeline.jobs.ledger import Ledger
    from react1.pipeline.jobs.ledger_entry import Call, Failed, Intended
    from react1.pipeline.studio.studio import Studio
    from react1.pipeline.studio.studio_options import StudioOptions

    now, home = "2026-11-30T10:00:00+00:00", tmp_path / "home"
    call = Call(provider="segmind", host="https://api.segmind.com", parameters={}, video="v" * 64, audio="")
    names = {"video_name": "a.mp4", "video_url": "https://f.example/a.mp4"}
    entry = Ledger(home).record_intent(Intended(at=now, call=call, nonce="n", estimate_usd=1.5, **names))
    Ledger(home).record(entry, "failed", Failed(at=now, error="no face"))

    answer = Studio(StudioOptions(home, (tmp_path,))).ledger()

    assert ([row.usd for row in answer.calls], answer.usd) == ([1.5], 1.5)


def test_a_face_is_followed_by_where_it_was_seen(tmp_path, monkeypatch):
    """Parts that are searched one by one count their faces by themselves, and the largest face is another one."""
    from types import SimpleNamespace

    from react1.pipeline.studio.viewing.live import BLOCK_FRAMES, LivePreview

    def face(number, left, unit_px):
        box = (left, 10.0, left + 8, 20.0)
        return SimpleNamespace(
            number=number, box=lambda _: box, landmarks=[0] * BLOCK_FRAMES, detected_frames=9, unit_px=unit_px
        )

    make_clip(tmp_path / "film.mp4", frames=2 * BLOCK_FRAMES, size=(64, 48), tracks=0)
    project = Project(tmp_path / "home", tmp_path / "job.yaml", tmp_path / "film.mp4", lambda *_, **__: None)
    blocks = iter([[face(1, 8, 1), face(2, 40, 5)], [face(1, 40, 5), face(2, 8, 1)]])
    monkeypatch.setattr(LivePreview, "_detections", lambda *_: None)
    monkeypatch.setattr(LivePreview, "_shots", lambda *_: [((0, BLOCK_FRAMES), next(blocks))])
    for number in (0, 1):
        project.live.scan(number * BLOCK_FRAMES)
    project.live._scanner.shutdown(wait=True)
    span = (BLOCK_FRAMES - 1, BLOCK_FRAMES + 1)

    followed = [project.live.path(*span, [(60, (left, 0.2, left + 0.1, 0.4))]) for left in (0.1, 0.7)]
    largest = project.live.path(*span, [])

    assert [[box[0] for box in boxes] for boxes in (*followed, largest)] == [[0.125] * 2, [0.625] * 2, [0.625] * 2]
    project.close()


def test_a_take_says_where_the_face_is_that_it_changes(folder):
    """In shares of the picture, also where it was sent as a crop; a shot without a face has none."""
    from records import segment_of, take_of

    from react1.pipeline.core.edits.face_choice import ChosenFaces, CropPath, ShotFace

    project = opened(folder, "preset: emotion-edit\nsource: film.mp4\nedits: []\n")
    shot = {"start_frame": 10, "end_frame": 20, "count": 2, "rule": "left"}
    seen = ShotFace(shot=1, number=1, clip_frame=3, at_px=(16, 24), height_px=10, **shot)
    faces = ChosenFaces(shots=(seen, ShotFace(shot=2, number=0, **shot)), named=True)
    segment = segment_of(project.media, 10, 20)
    crop = CropPath(side_px=720, picture_px=(128, 96), rows=((0, 0, 1),), reason="small")
    takes = [take_of(segment.model_copy(update={"faces": faces, "crop": cut}), project.media) for cut in (None, crop)]

    places = [changed_faces([take]) for take in takes]

    assert places == [
        [(segment.frames[3], (0.1875, 0.3958, 0.3125, 0.6042))],
        [(segment.frames[3], (0.0938, 0.1979, 0.1562, 0.3021))],
    ]
    project.close()


def test_a_film_whose_name_leaves_no_room_for_that_of_its_job_can_be_opened(tmp_path):
    """83 Japanese characters are a name, and twelve bytes more are none; its job is in the home folder."""
    from react1.pipeline.studio.studio import Studio
    from react1.pipeline.studio.studio_options import StudioOptions

    films, home = tmp_path / "films", tmp_path / "home"
    films.mkdir()
    film = make_clip(tmp_path / "film.mp4", frames=10, size=(64, 48), tracks=0).rename(films / f"{'映' * 83}.mp4")
    studio = Studio(StudioOptions(home, (films,)))

    project = studio.open(film)
    project.job.add({"in": "1f", "out": "9f", "prompt": "sad"})

    assert project.job.path.parent == home / "studio" / "jobs"
    assert len(studio.state(project).edits) == 1
    assert studio.state(project).problem == ""
    studio.close()
