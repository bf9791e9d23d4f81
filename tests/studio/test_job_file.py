"""The job file is changed in place: comments stay, tabs do not overwrite each other, undo survives a restart."""

from __future__ import annotations

import json

import pytest

from react1.pipeline.core.errors import PresetError
from react1.pipeline.studio.projects.job_file import EditConflict, JobFile

TEXT = """\
# the interview, second try
preset: emotion-edit
source: interview.mp4   # 25 fps

edits:
  - {in: 50f, out: 90f, prompt: happy, temperature: 0.7}  # the smile
  # the next one is difficult
  - name: late
    in: "00:00:04:00"
    out: "00:00:05:00"
    prompt: sad
snap: shot
"""


@pytest.fixture
def job(tmp_path):
    path = tmp_path / "job.yaml"
    path.write_text(TEXT)
    return JobFile(path, tmp_path / "history.json")


def test_one_field_changes_one_field(job):
    """Every other byte of the file is as before."""
    first = job.edits()[0]

    job.set_fields(0, first.digest, {"temperature": 0.9})

    assert job.text() == TEXT.replace("temperature: 0.7", "temperature: 0.9")


def test_an_emotion_that_is_called_so_in_the_file_is_changed_where_it_stands(job):
    """Jobs may say `emotion` for `prompt`; the page knows one name, and the file keeps the person's word."""
    job.path.write_text(
        TEXT.replace("prompt: happy", "emotion: happy").replace("prompt: sad", "takes: {emotion: [sad]}")
    )

    first, second = job.edits()
    job.set_fields(0, first.digest, {"prompt": "angry"})

    assert (first.fields["prompt"], second.fields["takes"]) == ("happy", {"prompt": ["sad"]})
    assert "emotion: angry, temperature: 0.7" in job.text()
    job.set_fields(0, job.edits()[0].digest, {"prompt": None, "takes": {"prompt": ["happy", "sad"]}})
    job.set_fields(1, second.digest, {"takes": None})
    assert "emotion:" not in job.text()


def test_comments_survive_adding_and_removing(job):
    """Also of the edits around."""
    name = job.add({"in": "10f", "out": "20f", "prompt": "angry"})
    job.remove(0, job.edits()[0].digest)

    text = job.text()
    assert name == "edit-1"
    assert "# the interview, second try" in text
    assert "source: interview.mp4   # 25 fps" in text
    assert [edit.fields.get("name") for edit in job.edits()] == ["late", "edit-1"]


def test_rubbish_in_an_edit_is_its_problem_and_can_be_sent_to_the_page(job):
    """From the page or in the file: a text that is none, and a number that no float holds."""
    for fields, message in (
        ({"audio": "\ud800.wav"}, "unpaired surrogate"),
        ({"strength": 10**400}, "is not a strength"),
    ):
        with pytest.raises(PresetError, match=message):
            job.set_fields(0, job.edits()[0].digest, fields)
    job.path.write_text(TEXT.replace("prompt: happy", r'prompt: happy, audio: "\uD800.wav"'))

    edit = job.edits()[0]

    assert (edit.edit, edit.problem) == (None, "a text contains an unpaired surrogate")
    assert json.dumps(edit.fields, ensure_ascii=False).encode()


def test_two_tabs_may_change_different_edits(job):
    """The second change was made for the file of before, and both are in the file."""
    first, second = job.edits()

    job.set_fields(first.index, first.digest, {"prompt": "angry"})
    job.set_fields(second.index, second.digest, {"prompt": "neutral"})

    assert [edit.fields["prompt"] for edit in job.edits()] == ["angry", "neutral"]


def test_two_tabs_never_overwrite_the_same_edit_silently(job):
    """The later change is refused, and the earlier one stays."""
    first = job.edits()[0]
    job.set_fields(0, first.digest, {"prompt": "angry"})

    with pytest.raises(EditConflict, match="another tab"):
        job.set_fields(0, first.digest, {"prompt": "sad"})

    assert job.edits()[0].fields["prompt"] == "angry"


def test_an_edit_is_found_where_it_moved_to(job):
    """An edit that was added before it in a text editor does not redirect the change."""
    late = job.edits()[1]
    job.path.write_text(TEXT.replace("edits:\n", "edits:\n  - {in: 1f, out: 9f}\n"))

    job.set_fields(late.index, late.digest, {"prompt": "happy"})

    assert [edit.fields.get("prompt") for edit in job.edits()] == [None, "happy", "happy"]


def test_undo_and_redo_give_the_bytes_back_after_a_restart(job, tmp_path):
    """The history is on disk."""
    job.set_fields(0, job.edits()[0].digest, {"temperature": 0.1})
    changed = job.text()

    again = JobFile(job.path, tmp_path / "history.json")
    again.undo()
    assert again.text() == TEXT
    again.redo()
    assert again.text() == changed
    assert not again.can_redo


def test_undo_does_not_throw_away_what_a_text_editor_wrote(job):
    """It is refused; the file stays."""
    job.set_fields(0, job.edits()[0].digest, {"temperature": 0.1})
    job.path.write_text(job.text() + "handles: 4f\n")

    with pytest.raises(EditConflict):
        job.undo()

    assert "handles: 4f" in job.text()


@pytest.mark.parametrize("fields", [{"temperature": 3}, {"prompt": "bored"}, {"out": "40f"}, {"unknown": 1}])
def test_an_invalid_change_is_not_written(job, fields):
    """The file stays valid."""
    with pytest.raises(PresetError):
        job.set_fields(0, job.edits()[0].digest, fields)

    assert job.text() == TEXT


def test_a_new_job_is_written_with_its_first_edit(tmp_path):
    """Opening a film writes nothing."""
    job = JobFile(tmp_path / "film.mp4.react1.yaml", tmp_path / "history.json", {"source": 'a "film".mp4'})
    assert job.edits() == []
    assert not job.path.exists()

    job.add({"in": "0f", "out": "25f"})

    assert job.document()["source"] == 'a "film".mp4'
    assert len(job.edits()) == 1


def test_edits_of_another_file_are_not_changed(tmp_path):
    """A list of edits belongs to the editing system that wrote it."""
    path = tmp_path / "job.yaml"
    path.write_text("preset: emotion-edit\nsource: a.mp4\nedits: cut.edl\n")

    with pytest.raises(PresetError, match="in another file"):
        JobFile(path, tmp_path / "history.json").add({"in": "0f", "out": "2f"})


def test_windows_lines_and_dashes_at_the_margin_stay(tmp_path):
    """The style of the file is kept."""
    text = "preset: emotion-edit\r\nsource: a.mp4\r\nedits:\r\n- in: 1f\r\n  out: 9f\r\n"
    path = tmp_path / "job.yaml"
    path.write_bytes(text.encode())
    job = JobFile(path, tmp_path / "history.json")

    job.set_fields(0, job.edits()[0].digest, {"out": "8f"})

    assert path.read_bytes().decode() == text.replace("9f", "8f")


def test_another_strength_is_another_take():
    """A take is fitted to the film at one strength, so a change of it is not shown by the old one."""
    from react1.pipeline.core.edits.edit import Edit
    from react1.pipeline.studio.projects.take_list import place_key

    full, half, sad = (
        Edit.model_validate({"in": "1f", "out": "9f", **fields})
        for fields in ({"prompt": "happy"}, {"prompt": "happy", "strength": 0.5}, {"prompt": "sad"})
    )

    assert place_key(full) != place_key(half)
    assert place_key(full) == place_key(sad)
