"""A valid preset, job and command line load into the expected job."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import pytest
from ruamel.yaml import YAML
from sample_nodes import REGISTRY

from react1.pipeline.config.load import job_from_document, load_job
from react1.pipeline.core.edits.edit import Edit
from react1.pipeline.core.errors import PresetError, StorageFailed
from react1.pipeline.core.nodes.registry import load_registry
from react1.pipeline.core.times import Frames, Seconds, Timecode

JOB = """\
preset: mine.yaml
source: films/a b.mp4
edits:
  - {in: "00:00:12.400", out: "00:00:15.800", prompt: happy, temperature: 0.7}
  - {in: "00:01:02:05", out: "00:01:05:00", emotion: sad, audio: adr/line3.wav}
on_failure: keep-original
"""


def step(job, step_id):
    return next(candidate for candidate in job.steps if candidate.id == step_id)


def test_a_job_fills_in_its_preset(job_folder):
    """Values, times and the alias `emotion` arrive exactly."""
    job = job_folder.job(JOB)

    first, second = step(job, "trim").params.edits
    assert (first.in_, first.out) == (Seconds(Fraction(62, 5)), Seconds(Fraction(79, 5)))
    assert (second.in_, second.prompt) == (Timecode(0, 1, 2, 5), "sad")
    assert (job.name, job.on_failure) == ("mine", "keep-original")
    assert job.files == (job_folder.folder / "job.yaml", job_folder.folder / "mine.yaml")


def test_a_text_is_parsed_once_and_lies_where_each_file_is(job_folder, tmp_path, monkeypatch):
    """A second folder with the same preset has its own paths and problems, and costs no second parse."""
    parsed, parse = [], YAML.parse
    monkeypatch.setattr(YAML, "parse", lambda self, text: parsed.append(text) or parse(self, text))
    text = JOB + "# parsed once\n"
    first = job_folder.job(text)
    count = len(parsed)
    job_folder.write("other/mine.yaml", (job_folder.folder / "mine.yaml").read_bytes())
    job_folder.write("other/job.yaml", text)
    wrong = text.replace("happy", "hapy")

    second = job_folder.load("job.yaml", base=tmp_path / "other")

    assert parsed.count(text) == 1 and len(parsed) == count
    assert [job.inputs["source"] for job in (first, second)] == [
        str(tmp_path / place / "films/a b.mp4") for place in ("", "other")
    ]
    job_folder.write("other/job.yaml", wrong)
    for place in ("job.yaml", "other/job.yaml", "job.yaml"):
        job_folder.write(place, wrong)
        assert job_folder.problems(place)[0].startswith(f"{place}:4:55: edits.0.prompt: 'hapy'")


def test_a_job_names_its_project(job_folder):
    """The option overrides it, it survives a resume, and a job without one is stored as before."""
    job = job_folder.job(JOB + "project: 2026\n")
    other = job_folder.job(JOB + "project: 2026\n", sets={"project": "spot"})

    assert (job.project, other.project, job_folder.job(JOB).project) == ("2026", "spot", "")
    assert job_from_document(other.document, REGISTRY).project == "spot"
    assert "project" not in job_folder.job(JOB).document


@pytest.mark.parametrize("value", ["''", "[a]", "'a\\nb'", "true", "x" * 101])
def test_a_project_is_a_name_in_one_line(job_folder, value):
    """The message says so, with the place."""
    value = value.replace("'a\\nb'", '"a\\nb"')
    (problem,) = job_folder.job_problems(JOB + f"project: {value}\n")
    assert "project: expected a name of 1 to 100 characters in one line, not" in problem


def test_an_input_of_a_preset_may_be_called_project(job_folder):
    """Then the job sets that input, and names no project."""
    job_folder.write("own.yaml", "inputs: {project: {kind: text}}\nsteps:\n  - fetch: {uri: $project}\n")
    job_folder.write("job.yaml", "{preset: own.yaml, project: a.mp4}")

    job = job_folder.load("job.yaml")

    assert (job.project, job.inputs["project"]) == ("", "a.mp4")


def test_paths_start_from_the_file_they_are_written_in(job_folder):
    """The paths of film, audio and result in a job start from the job's folder."""
    job_folder.write("jobs/job.yaml", JOB.replace("mine.yaml", "../mine.yaml") + "out: cut/new.mp4\n")

    job = job_folder.load("jobs/job.yaml")

    assert step(job, "fetch").params.uri == str(job_folder.folder / "jobs/films/a b.mp4")
    assert step(job, "trim").params.edits[1].audio == str(job_folder.folder / "jobs/adr/line3.wav")
    assert step(job, "splice").params.out == str(job_folder.folder / "jobs/cut/new.mp4")


def test_paths_of_the_command_line_start_from_the_current_folder(job_folder):
    """`--set` and `--out` ignore the job's folder."""
    job_folder.write("jobs/job.yaml", JOB.replace("mine.yaml", "../mine.yaml"))

    job = job_folder.load("jobs/job.yaml", sets={"source": "-x 'y'\n.mp4"}, out="o.mp4")

    assert job.inputs["source"] == str(job_folder.folder / "-x 'y'\n.mp4")
    assert job.inputs["out"] == str(job_folder.folder / "o.mp4")


@pytest.mark.parametrize(
    ("source", "out"),
    [
        ("films/a.MOV", "films/a.react1.MOV"),
        ("films/{source.stem}.mp4", "films/{source.stem}.react1.mp4"),
        ("https://host.example/clips/my%20film.mkv?x=1", "my_film.react1.mkv"),
        ("https://host.example/watch?v=1", "watch.react1.mp4"),
        ("https://host.example/..%2f..%2fetc", "etc.react1.mp4"),
        ("https://host.example/", "video.react1.mp4"),
    ],
)
def test_a_result_goes_next_to_its_source_or_into_the_current_folder(job_folder, source, out):
    """A URL has no folder of its own."""
    job = job_folder.load(sets={"source": source}, edits=["1-2:sad"])

    assert job.inputs["out"] == str(job_folder.folder / out)


def test_urls_are_not_changed(job_folder):
    """A scheme makes a URL; one letter and a colon do not."""
    job = job_folder.load(sets={"source": "s3+x://bucket/a b.mp4", "out": "C:/x"}, edits=["1-2:sad"])

    assert job.inputs["source"] == "s3+x://bucket/a b.mp4"
    assert job.inputs["out"] == str(job_folder.folder / "C:/x")


@pytest.mark.parametrize(
    ("text", "start", "end", "prompt", "temperature"),
    [
        ("00:00:12.400-00:00:15.800:happy:0.7", Seconds(Fraction(62, 5)), Seconds(Fraction(79, 5)), "happy", 0.7),
        ("12.4-15.8:sad", Seconds(Fraction(62, 5)), Seconds(Fraction(79, 5)), "sad", None),
        ("310f-395f:angry:1", Frames(310), Frames(395), "angry", 1.0),
        ("00:01:02:05-00:01:05:00:sad:0.6", Timecode(0, 1, 2, 5), Timecode(0, 1, 5, 0), "sad", 0.6),
        ("01:00:02;05-01:00:05;00:neutral", Timecode(1, 0, 2, 5, True), Timecode(1, 0, 5, 0, True), "neutral", None),
        ("00:00:12-13.5:surprised:0", Seconds(Fraction(12)), Seconds(Fraction(27, 2)), "surprised", 0.0),
    ],
)
def test_an_edit_of_the_command_line_is_read_exactly(job_folder, text, start, end, prompt, temperature):
    """Colons in times are distinguished from the colons that separate parts."""
    (edit,) = step(job_folder.load(sets={"source": "a.mp4"}, edits=[text]), "trim").params.edits

    assert (edit.in_, edit.out, edit.prompt, edit.temperature) == (start, end, prompt, temperature)


def test_edits_from_python_are_used_unchanged(job_folder):
    """The command line and Python use the same call."""
    edit = Edit.model_validate({"in": 1, "out": "40f", "prompt": "sad", "audio": "x.wav"})

    (loaded_edit,) = step(job_folder.load(sets={"source": "a.mp4"}, edits=[edit]), "trim").params.edits

    assert loaded_edit == edit.model_copy(update={"audio": str(job_folder.folder / "x.wav")})


def test_the_command_line_overrides_the_job(job_folder):
    """Edits are replaced, not added to."""
    job = job_folder.job(
        JOB, sets={"loud": "-20.5", "on_failure": "stop", "track": "2"}, edits=["1-2:angry"], provider="local"
    )

    assert [edit.prompt for edit in step(job, "trim").params.edits] == ["angry"]
    assert step(job, "normalize_audio").params.target_lufs == -20.5
    assert step(job, "normalize_audio").params.track == 2
    assert step(job, "react1").params.provider == "local"
    assert job.on_failure == "stop"


def test_an_input_without_a_value_keeps_the_nodes_default(job_folder):
    """`default: null` is not passed to the node."""
    job = job_folder.job(JOB)

    assert step(job, "normalize_audio").params.track == 0


def test_two_dollars_are_a_literal_dollar_and_values_are_not_expanded(job_folder, monkeypatch):
    """A value cannot refer to the environment or to another input."""
    monkeypatch.setenv("HOME", "/secret")
    job_folder.write(
        "d.yaml",
        "inputs: {source: {kind: media}, t: {kind: text, default: $source}}\n"
        "steps:\n- fetch: {uri: $source}\n- trim: {edits: [{in: 1, out: 2}]}\n"
        "- transcode: {tags: {a: $$HOME, b: a$HOME, c: $t, d: '{HOME}'}}\n",
    )

    job = job_folder.load("d.yaml", sets={"source": "$HOME/~"})

    assert step(job, "transcode").params.tags == {"a": "$HOME", "b": "a$HOME", "c": "$source", "d": "{HOME}"}
    assert job.inputs["source"] == str(job_folder.folder / "$HOME/~")


def test_aliases_are_expanded(job_folder):
    """An edit can reuse a value of another."""
    job = job_folder.job(
        "preset: mine.yaml\nsource: a.mp4\nedits:\n- {in: &t 1, out: 2}\n- {in: 3, out: 4, temperature: *t}\n"
    )

    assert step(job, "trim").params.edits[1].temperature == 1


def test_a_document_rebuilds_the_same_job_without_its_files(job_folder):
    """The document goes through JSON, and the files are deleted."""
    job = job_folder.job(JOB)
    for path in job.files:
        path.unlink()

    document = json.loads(json.dumps(job.document))
    again = job_from_document(document, REGISTRY)

    assert again == job
    assert again.document == job.document
    assert again.document is document  # hundreds of films that wait keep one each


def test_an_outdated_document_is_reported(job_folder):
    """A document of an older version does not cause a traceback."""
    document = job_folder.job(JOB).document
    document["steps"][0]["params"] = {"url": "x"}

    with pytest.raises(PresetError, match="step 'fetch' of the stored job"):
        job_from_document(document, REGISTRY)
    with pytest.raises(PresetError, match="stored job cannot be read"):
        job_from_document({"steps": 5}, REGISTRY)
    with pytest.raises(PresetError, match="stored job cannot be read"):
        job_from_document(None, REGISTRY)


def test_a_file_has_priority_over_a_shipped_preset_of_the_same_name(job_folder):
    """Without such a file the shipped preset is loaded."""
    job_folder.write("emotion-edit", "steps: [fetch: {uri: x}]")

    assert job_folder.load("emotion-edit").files == (job_folder.folder / "emotion-edit",)
    (job_folder.folder / "emotion-edit").unlink()
    assert job_folder.load("emotion-edit", sets={"source": "x"}, edits=["1-2:sad"]).files[0].name == "emotion-edit.yaml"


def test_an_unreadable_file_is_a_storage_error(job_folder, monkeypatch):
    """The message has the system's reason."""

    def refuse(*_args, **_options):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)

    with pytest.raises(StorageFailed, match=r"mine\.yaml: cannot be read: Permission denied"):
        load_job("mine.yaml", registry=REGISTRY, base=job_folder.folder)


def test_an_old_name_of_an_input_still_works(job_folder, tmp_path):
    """In a preset's `from`, and in the job of a run that is resumed."""
    preset = tmp_path / "old.yaml"
    preset.write_text(
        "name: old\ninputs:\n  source: {kind: media}\n  edits: {kind: edits}\nsteps:\n  - fetch: {uri: $source}\n"
        "  - trim: {edits: $edits}\n  - transcode: {from: {given: trim}}\n"
    )
    job = load_job(str(preset), registry=load_registry(), sets={"source": "a.mp4"}, edits=["1-2:sad"], base=tmp_path)
    document = json.loads(json.dumps(job.document).replace('"segment"', '"given"'))

    resumed = job_from_document(document, load_registry())

    assert job.steps[2].wires == {"segment": ("trim",)}
    assert resumed.steps[2].wires == {"segment": ("trim",)}
