"""`react1 pick`: the choice goes into the job file, and what cannot be chosen is said in one line."""

from __future__ import annotations

import json

import pytest

from react1.pipeline.cli.app import run_command
from react1.pipeline.core.edit import Edit
from react1.pipeline.runner.run_folder import RunFolder

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
    return {"edit": edit, "takes": [one.name for one in Edit.model_validate(changes).takes.takes], "pick": None}


@pytest.fixture
def desk(tmp_path, capsys, monkeypatch):
    """A job file, and a run of it that waits for choices."""
    file, home = tmp_path / "job.yaml", tmp_path / "home"
    file.write_bytes(JOB.encode())
    folder = home / "runs" / RUN
    folder.mkdir(parents=True)
    short = _edit(**{"in": "3f", "out": "9f", "takes": {"prompt": ["happy", "sad"], "temperature": [0.4]}})
    long = _edit(**{"in": 20, "out": 60, "name": "long", "takes": {"prompt": ["sad", "angry"]}})
    made = [{"name": "happy-0.4", "status": "done"}, {"name": "sad-0.4", "status": "original"}]
    told = {
        "document": {"files": [str(file)], "steps": [{"params": None}, {"params": {"provider": "local"}}]},
        "choices": [{"segment": "s02", **short}, {"segment": "long-1", **long}, {"segment": "long-2", **long}],
        "result": {"segments": [{"name": "s02", "takes": made}]},
    }
    RunFolder(RUN, folder).write(run=RUN, status="choose", **told)
    monkeypatch.setenv("REACT1_HOME", str(home))

    def pick(*words):
        capsys.readouterr()
        status = run_command(["pick", *words])
        said = capsys.readouterr()
        assert "Traceback" not in said.err
        return status, said.out.replace(f"{tmp_path}/", ""), said.err.replace(f"{tmp_path}/", "")

    pick.file, pick.folder = file, folder
    return pick


def test_a_choice_by_name_goes_to_its_edit(desk):
    """And nowhere else; the words say where it stands, and what is open."""
    status, out, _ = desk(RUN, "s02", "happy-0.4")

    assert (status, out) == (0, "job.yaml:7: s02 is happy-0.4\nto choose yet: long-1, long-2\n")
    assert desk.file.read_text() == JOB.replace("temperature: [0.4]}", "temperature: [0.4], pick: happy-0.4}")


def test_a_choice_by_number_holds_for_all_parts_of_a_long_edit(desk):
    """A part or the edit's own name say the same."""
    desk(RUN, "s02", "1")
    _, first, _ = desk(RUN[:12], "long-2", "2")
    once = desk.file.read_text()
    _, second, _ = desk(RUN, "long", "angry")

    assert (
        first == "job.yaml:12: long-2 is angry\nrun the job again to splice it: react1 run job.yaml --provider local\n"
    )
    assert second.startswith("job.yaml:12: long-1 is already angry\n")
    assert once == desk.file.read_text()
    assert once.endswith("      prompt: [sad, angry]\n      pick: angry\n")


def test_a_program_gets_one_object(desk):
    """With where it was written and what is open."""
    _, out, _ = desk(RUN, "s02", "happy-0.4", "--json")

    assert json.loads(out) == {
        "run": RUN, "segment": "s02", "take": "happy-0.4", "file": "job.yaml", "line": 7, "changed": True,
        "waiting": ["long-1", "long-2"], "provider": "local",
    }  # fmt: skip


def test_mode_links_and_a_mark_at_the_front_stay(desk, tmp_path):
    """The file is replaced, not what leads to it."""
    real = tmp_path / "elsewhere.yaml"
    real.write_bytes(b"\xef\xbb\xbf" + JOB.replace("\n", "\r\n").encode())
    real.chmod(0o640)
    desk.file.unlink()
    desk.file.symlink_to(real)

    desk(RUN, "s02", "1")

    wanted = JOB.replace("[0.4]}", "[0.4], pick: happy-0.4}").replace("\n", "\r\n")
    assert real.read_bytes() == b"\xef\xbb\xbf" + wanted.encode()
    assert desk.file.is_symlink()
    assert real.stat().st_mode & 0o777 == 0o640
    assert sorted(path.name for path in tmp_path.iterdir()) == ["elsewhere.yaml", "home", "job.yaml"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("s2", "1"), f"react1: run {RUN}: segment 's2' is not one of s02, long-1, long-2; did you mean 's02'?"),
        (("s02", "3"), "react1: segment s02 has takes 1 to 2, and no 3"),
        (
            ("s02", "hapy-0.4"),
            "react1: segment s02: take 'hapy-0.4' is not one of happy-0.4, sad-0.4; did you mean 'happy-0.4'?",
        ),
        (("s02", "sad-0.4"), "react1: take sad-0.4 of s02 failed in this run; choose another, or run it again"),
    ],
)
def test_what_is_not_there_cannot_be_chosen(desk, words, told):
    """One line, exit 2, and the file stays as it is."""
    assert desk(RUN, *words) == (2, "", told + "\n")
    assert desk.file.read_text() == JOB


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (
            "in: 3f",
            "in: 4f",
            "react1: job.yaml has no edit of this span any more; run the job again, or write pick: happy-0.4 in it",
        ),
        (
            "[happy, sad]",
            "[angry, sad]",
            (
                "react1: job.yaml has other takes now, so run the job again: 'happy-0.4' is not one of angry-0.4, "
                "sad-0.4; did you mean 'angry-0.4'?"
            ),
        ),
        (
            JOB,
            "preset: preview\nedits: []\n",
            "react1: the edit of s02 stands in no job file; say it where it stands, in its takes: pick: happy-0.4",
        ),
        ("[0.4]", "[0.4", "job.yaml:7:52: expected ',' or ']', but got '}' (while parsing a flow sequence)"),
    ],
)
def test_a_file_that_was_changed_since_is_not_guessed_at(desk, old, new, told):
    """Where the edit is gone, or its takes are, or the file is broken."""
    changed = JOB.replace(old, new)
    desk.file.write_text(changed)

    status, _, err = desk(RUN, "s02", "happy-0.4")

    assert (status, err) == (2, told + "\n")
    assert desk.file.read_text() == changed


def test_a_file_that_is_gone_is_named(desk):
    """With what to write, as there is nothing to write it into."""
    desk.file.unlink()

    told = "react1: job.yaml is not there any more; write pick: angry in the takes of long-1 where they stand now\n"
    assert desk(RUN, "long-1", "2") == (2, "", told)


def test_a_run_without_takes_has_nothing_to_choose(desk):
    """It says how an edit asks for some."""
    RunFolder(RUN, desk.folder).write(choices=[])

    assert (
        desk(RUN, "s02", "1")[2]
        == f"react1: run {RUN} has no takes to choose from; an edit asks for some with `takes: …`\n"
    )
