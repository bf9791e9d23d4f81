"""What a run says to people: frames, notes, folders that it would make."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from react1.pipeline.cli.commands.films.run import require_output_folder, summary
from react1.pipeline.core.errors import PresetError
from react1.pipeline.core.times import frames_text
from react1.pipeline.runner.run_records.outcome import RunResult, SegmentResult


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def _result(**changes) -> RunResult:
    segment = SegmentResult("a", 50, 110, "local", None, "done", 0.0, False)
    return RunResult("r", "done", Path("f.mp4"), None, 0.0, (segment,), **changes)


def test_people_count_the_last_frame_and_data_the_frame_after_it():
    """The summary says frames 50–109, `--json` has 50 and 110."""
    result = _result()

    assert summary(result)[0].startswith("a: frames 50–109, local")
    assert [result.to_json()["segments"][0][key] for key in ("start_frame", "end_frame")] == [50, 110]
    assert frames_text(7, 8) == "frame 7"


def test_notes_and_the_turnover_folder_are_in_the_json_object():
    """Both change with the result."""
    record = _result(notes=("a: the voice is quiet",), turnover=Path("cut_react1")).to_json()

    assert (record["notes"], record["turnover"]) == (["a: the voice is quiet"], "cut_react1")
    assert (_result().to_json()["notes"], _result().to_json()["turnover"]) == ([], None)


@pytest.mark.parametrize(("answer", "refused"), [("y", False), ("n", True), ("", True)])
def test_a_folder_that_does_not_exist_is_asked_about(tmp_path, monkeypatch, answer, refused):
    """It may be a mistyped name; without a yes nothing runs."""
    monkeypatch.setattr(sys, "stdin", _Terminal(answer + "\n"))
    monkeypatch.setattr(sys, "stderr", _Terminal())
    out = tmp_path / "dialy" / "film.mp4"

    if refused:
        with pytest.raises(PresetError, match="dialy does not exist; nothing ran"):
            require_output_folder(out, create=False)
    else:
        require_output_folder(out, create=False)
    assert "does not exist. Create it?" in sys.stderr.getvalue()
    require_output_folder(out, create=True)
    require_output_folder(tmp_path / "film.mp4", create=False)


def test_without_a_terminal_the_new_folder_is_noted(tmp_path, capsys):
    """A script is not stopped; it says which folder is made."""
    require_output_folder(tmp_path / "new" / "film.mp4", create=False)

    assert f"the folder {tmp_path / 'new'} does not exist and is created" in capsys.readouterr().err


def test_show_prints_the_notes_of_a_run(react1, tmp_path):
    """They are kept in the run's folder."""
    folder = tmp_path / "home" / "runs" / "20260101-000000-aaaa"
    folder.mkdir(parents=True)
    (folder / "run.json").write_text('{"status": "done", "notes": ["a: the voice is quiet"], "result": {}}')

    assert "note: a: the voice is quiet" in react1("show", folder.name).out


def test_show_prints_what_the_checks_found_in_sentences(react1, tmp_path):
    """And marks what is not as it should be."""
    checks = {"way": "exact", "untouched_identical": True, "sound_identical": False, "seams": [{"name": "a"}]}
    folder = tmp_path / "home" / "runs" / "20260101-000000-aaaa"
    folder.mkdir(parents=True)
    (folder / "run.json").write_text(json.dumps({"status": "done", "result": {"checks": checks}}))

    lines = react1("show", folder.name).out.splitlines()

    assert lines[-3:] == [
        "  checked: every frame outside the edits is the source's own, bit for bit",
        "  not so: all sound is the source's own, bit for bit",
        "  checked: a: the seams are not measured",
    ]
