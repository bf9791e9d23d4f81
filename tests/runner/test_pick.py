"""`react1 pick` writes a choice into the job file; errors are one line."""

from __future__ import annotations

import json

import pytest

from react1.pipeline.cli.app import run_command
from react1.pipeline.core.edits.edit import Edit
from react1.pipeline.runner.run_records.run_folder import RunFolder

JOB = """\
preset: preview   # quick
source: talk.mp4
edits:
  - {in: 1, out: 2, name: open, prompt: happy}
  - in: 3f   # after the breath
    out: 9f
    takes: {prompt: [happy, sad], temperature: [0.4]}   # which?
  - in: 20
    out: 60
    name: long
    takes:
      prompt: [sad, angry]
"""
RUN = "20260101-120000-abcd"


def _edit(**changes):
    edit = Edit.model_validate(changes).model_dump(mode="json", by_alias=True, exclude_none=True)
    return {"edit": edit, "takes": [take.name for take in Edit.model_validate(changes).takes.takes], "pick": None}


@pytest.fixture
def run_pick(tmp_path, capsys, monkeypatch):
    """Return a function that calls `react1 pick` on a run that waits for choices."""
    file, home = tmp_path / "job.yaml", tmp_path / "home"
    file.write_bytes(JOB.encode())
    folder = home / "runs" / RUN
    folder.mkdir(parents=True)
    short = _edit(**{"in": "3f", "out": "9f", "takes": {"prompt": ["happy", "sad"], "temperature": [0.4]}})
    long = _edit(**{"in": 20, "out": 60, "name": "long", "takes": {"prompt": ["sad", "angry"]}})
    takes = [{"name": "happy-0.4", "status": "done"}, {"name": "sad-0.4", "status": "original"}]
    record = {
        "document": {"files": [str(file)], "steps": [{"params": None}, {"params": {"provider": "local"}}]},
        "choices": [{"segment": "s02", **short}, {"segment": "long-1", **long}, {"segment": "long-2", **long}],
        "result": {"segments": [{"name": "s02", "takes": takes}]},
    }
    RunFolder(RUN, folder).write(run=RUN, status="choose", **record)
    monkeypatch.setenv("REACT1_HOME", str(home))

    def pick(*words):
        capsys.readouterr()
        status = run_command(["pick", *words])
        captured = capsys.readouterr()
        assert "Traceback" not in captured.err
        return status, captured.out.replace(f"{tmp_path}/", ""), captured.err.replace(f"{tmp_path}/", "")

    pick.file, pick.folder = file, folder
    return pick


def test_a_choice_by_name_changes_its_edit_only(run_pick):
    """The output has the line, and the segments without a choice."""
    status, out, _ = run_pick(RUN, "s02", "happy-0.4")

    assert (status, out) == (0, "job.yaml:7: s02 is happy-0.4\nstill to choose: long-1, long-2\n")
    assert run_pick.file.read_text() == JOB.replace("temperature: [0.4]}", "temperature: [0.4], pick: happy-0.4}")


def test_a_choice_by_number_counts_for_all_parts_of_a_long_edit(run_pick):
    """The name of a part and the name of the edit are equivalent."""
    run_pick(RUN, "s02", "1")
    _, first, _ = run_pick(RUN[:12], "long-2", "2")
    once = run_pick.file.read_text()
    _, second, _ = run_pick(RUN, "long", "angry")

    assert (
        first == "job.yaml:12: long-2 is angry\nrun the job again to splice it: react1 run job.yaml --provider local\n"
    )
    assert second.startswith("job.yaml:12: long-1 is already angry\n")
    assert once == run_pick.file.read_text()
    assert once.endswith("      prompt: [sad, angry]\n      pick: angry\n")


def test_json_output_is_one_object(run_pick):
    """It has the file, the line and the segments without a choice."""
    _, out, _ = run_pick(RUN, "s02", "happy-0.4", "--json")

    assert json.loads(out) == {
        "run": RUN, "segment": "s02", "take": "happy-0.4", "file": "job.yaml", "line": 7, "changed": True,
        "waiting": ["long-1", "long-2"], "provider": "local",
    }  # fmt: skip


def test_mode_links_and_byte_order_mark_stay(run_pick, tmp_path):
    """The file is replaced, not the link to it."""
    real = tmp_path / "elsewhere.yaml"
    real.write_bytes(b"\xef\xbb\xbf" + JOB.replace("\n", "\r\n").encode())
    real.chmod(0o640)
    run_pick.file.unlink()
    run_pick.file.symlink_to(real)

    run_pick(RUN, "s02", "1")

    expected = JOB.replace("[0.4]}", "[0.4], pick: happy-0.4}").replace("\n", "\r\n")
    assert real.read_bytes() == b"\xef\xbb\xbf" + expected.encode()
    assert run_pick.file.is_symlink()
    assert real.stat().st_mode & 0o777 == 0o640
    assert sorted(path.name for path in tmp_path.iterdir()) == ["elsewhere.yaml", "home", "job.yaml"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("s2", "1"), f"react1: run {RUN}: segment 's2' is not one of s02, long-1, long-2; did you mean 's02'?"),
        (("s02", "3"), "react1: segment s02 has takes 1 to 2, not 3"),
        (
            ("s02", "hapy-0.4"),
            "react1: segment s02: take 'hapy-0.4' is not one of happy-0.4, sad-0.4; did you mean 'happy-0.4'?",
        ),
        (("s02", "sad-0.4"), "react1: take sad-0.4 of s02 failed in this run; choose another, or run it again"),
    ],
)
def test_an_unknown_choice_is_refused(run_pick, words, message):
    """One line, exit status 2, and the file does not change."""
    assert run_pick(RUN, *words) == (2, "", message + "\n")
    assert run_pick.file.read_text() == JOB


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "in: 3f",
            "in: 4f",
            "react1: job.yaml has no edit of this span any more; run the job again, or write pick: happy-0.4 into it",
        ),
        (
            "[happy, sad]",
            "[angry, sad]",
            (
                "react1: job.yaml has other takes now; run the job again: 'happy-0.4' is not one of angry-0.4, "
                "sad-0.4; did you mean 'angry-0.4'?"
            ),
        ),
        (
            JOB,
            "preset: preview\nedits: []\n",
            "react1: the edit of s02 is not in a job file; write pick: happy-0.4 into its takes where it is defined",
        ),
        ("[0.4]", "[0.4", "job.yaml:7:52: expected ',' or ']', but got '}' (while parsing a flow sequence)"),
    ],
)
def test_a_changed_file_is_refused(run_pick, old, new, message):
    """The edit or its takes are gone, or the file is invalid."""
    changed = JOB.replace(old, new)
    run_pick.file.write_text(changed)

    status, _, err = run_pick(RUN, "s02", "happy-0.4")

    assert (status, err) == (2, message + "\n")
    assert run_pick.file.read_text() == changed


def test_a_deleted_file_is_named(run_pick):
    """The message says what to write into the new file."""
    run_pick.file.unlink()

    message = "react1: job.yaml does not exist any more; write pick: angry into the takes of long-1 in its new file\n"
    assert run_pick(RUN, "long-1", "2") == (2, "", message)


def test_a_run_without_takes_has_no_choice(run_pick):
    """The message says how an edit requests takes."""
    RunFolder(RUN, run_pick.folder).write(choices=[])

    assert (
        run_pick(RUN, "s02", "1")[2]
        == f"react1: run {RUN} has no takes to choose from; request some with `takes: …` in an edit\n"
    )
