"""How a command ends when something odd happens: one line, one object, the right status."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import made
import pytest

from react1.pipeline.cli.app import run_command
from react1.pipeline.core.errors import PresetError
from react1.pipeline.core.settings import home_folder, max_cost_usd
from react1.pipeline.engine.available import problem
from react1.pipeline.runner import execute as executing
from react1.pipeline.runner.outcome import RunResult

EDIT = ("--edit", "0.2-0.4:sad")
SCRIPT_PRESET = """
name: scripted
inputs:
  source: {kind: media}
steps:
  - fetch: {uri: $source}
  - trim: {edits: [{in: 0.2, out: 0.4}]}
  - script: {function: "noisy:same"}
"""
NOISY = """
import os
print("imported")
def same(clip, segment):
    print("called")
    return clip
"""


@pytest.fixture
def clip(react1):
    return made.make_clip(Path("clip.mp4"), made.Recipe(frames=15))


@pytest.fixture
def runs_as(monkeypatch, clip):
    """Let a function stand for the whole run."""

    def put(act):
        async def execute(job, options, run=None):
            return act()

        monkeypatch.setattr(executing, "execute", execute)
        return ("run", "emotion-edit", "--set", f"source={clip}", *EDIT, "--provider", "local")

    return put


def _raise(error):
    raise error


@pytest.mark.skipif(problem() is not None, reason=f"the local engine: {problem()}")
def test_a_segment_that_kept_its_original_footage_ends_with_6_and_one_object(react1, clip):
    """No face in the clip, and a job that goes on without."""
    Path("job.yaml").write_text(
        f"preset: emotion-edit\nsource: {clip}\nout: new.mp4\non_failure: keep-original\n"
        "edits: [{in: 0.2, out: 0.4, prompt: sad}]\n"
    )

    ran = react1("run", "job.yaml", "--provider", "local", "--json")

    assert (ran.status, ran.json["status"]) == (6, "kept-original")
    assert [segment["status"] for segment in ran.json["segments"]] == ["original"]
    again = react1("run", "job.yaml", "--provider", "local")
    assert again.status == 6
    assert "original footage kept" in again.out


def test_what_a_script_prints_is_not_part_of_the_result(react1, clip):
    """Standard output holds one object and nothing else."""
    Path("scripted.yaml").write_text(SCRIPT_PRESET)
    Path("noisy.py").write_text(NOISY)

    ran = react1("run", "scripted.yaml", "--set", f"source={clip}", "--script", "noisy.py", "--json")

    assert (ran.status, ran.json["status"]) == (0, "done")
    assert "imported\n" in ran.err
    assert "called\n" in ran.err


@pytest.mark.parametrize("words", [("run",), ("run", "x", "--nonsense"), ("show",), ("nosuch",), ("doctor", "a", "b")])
def test_usage_errors_are_one_object_too(react1, words):
    """The explanation goes to standard error."""
    ran = react1(*words, "--json")

    assert (ran.status, ran.json["status"]) == (2, "failed")
    assert "Usage" in ran.err


@pytest.mark.parametrize(
    "words", [("plan", "nowhere"), ("show", "2020"), ("resume",), ("presets", "nowhere"), ("runs", "--home", "")]
)
def test_every_verb_that_fails_gives_one_object(react1, words):
    """Not the run alone."""
    ran = react1(*words, "--json")

    assert (ran.status, ran.json["status"]) == (2, "failed")


@pytest.mark.parametrize(
    ("error", "status", "told"),
    [
        (ValueError("first\n  second\nthird"), 1, "a fault of ours: ValueError: first second third"),
        (SystemExit(0), 1, "a fault of ours: SystemExit: 0"),
        (KeyboardInterrupt(), 130, "stopped"),
    ],
)
def test_whatever_is_raised_is_one_line(runs_as, react1, capsys, error, status, told):
    """And one object; the details are kept where the line says."""
    words = runs_as(lambda: _raise(error))

    assert run_command([*words, "--json"]) == status
    said = capsys.readouterr()
    assert len(said.err.splitlines()) == 1
    assert f"react1: {told}" in said.err
    assert said.out.count('"status"') == 1
    if status == 1:
        assert "Traceback" in Path(said.err.split("details are in ")[1].strip()).read_text()


def test_a_name_that_is_no_text_can_be_printed(runs_as, react1):
    """Lone surrogates stand for bytes that are not UTF-8."""
    words = runs_as(lambda: RunResult("r", "done", Path("/tmp/\udcff.mp4"), None, 0.0))

    assert react1(*words, "--json").json["output"] == "/tmp/\udcff.mp4"


@pytest.mark.skipif(sys.platform == "win32", reason="signals of this kind are POSIX")
@pytest.mark.parametrize("module", ["cli.app", "cli.commands.plan", "runner.plan"])
def test_a_stop_while_the_program_is_still_loading_is_quiet(tmp_path, module):
    """Ctrl-C in the first moments: status 130, and no traceback."""
    (tmp_path / "sitecustomize.py").write_text(
        "import os, signal, sys\n"
        "class Stop:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        f"        if name == 'react1.pipeline.{module}': os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.meta_path.insert(0, Stop())\n"
    )
    words = [sys.executable, "-m", "react1", "plan", "nowhere"]
    ran = subprocess.run(words, env={**os.environ, "PYTHONPATH": str(tmp_path)}, capture_output=True, text=True)

    assert (ran.returncode, ran.stdout) == (130, "")
    assert "Traceback" not in ran.stderr


@pytest.mark.parametrize("verb", [["run", "x"], ["plan", "x"], ["resume"], ["runs"], ["show", "x"], ["demo"]])
@pytest.mark.parametrize("home", ["~nosuch/x", "", "file", "file/x"])
def test_a_home_that_is_none_is_refused_by_every_verb(react1, verb, home):
    """One line says how to set it."""
    Path("file").write_text("")

    ran = react1(*verb, "--home", home)

    assert (ran.status, ran.out) == (2, "")
    assert len(ran.err.splitlines()) == 1
    assert "set --home or REACT1_HOME" in ran.err


def test_doctor_says_that_a_home_is_not_a_folder(react1):
    """And goes on with its other checks."""
    Path("file").write_text("")

    ran = react1("doctor", "--home", "file", "--json")

    home = next(row for row in ran.json["checks"] if row["check"] == "home")
    assert ran.status == 1
    assert not home["ok"]
    assert "is not a folder" in home["about"]


def test_a_user_without_a_home_is_told_to_set_one(monkeypatch):
    """No HOME, and a uid that nobody knows."""
    pwd = pytest.importorskip("pwd")
    for name in ("HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", lambda _: _raise(KeyError("no such user")))

    with pytest.raises(PresetError, match="set --home or REACT1_HOME"):
        home_folder(None, {})
    with pytest.raises(PresetError, match="set --home or REACT1_HOME"):
        home_folder("~/x", {})


@pytest.mark.parametrize("text", ["abc", "nan", "-1", "$5"])
def test_a_budget_that_is_no_amount_is_refused(react1, monkeypatch, clip, text):
    """It is the user's to mend, and nothing ran."""
    monkeypatch.setenv("REACT1_MAX_COST", text)

    ran = react1("run", "emotion-edit", "--set", f"source={clip}", *EDIT, "--provider", "local")

    assert ran.status == 2
    assert f"REACT1_MAX_COST {text!r} is not an amount of USD" in ran.err
    assert not Path("../home").exists()


@pytest.mark.parametrize("amount", [float("nan"), -0.01, "much"])
def test_a_budget_given_in_python_is_checked_too(amount):
    """A comparison with it would never stop anything."""
    with pytest.raises(PresetError, match="max cost"):
        max_cost_usd(amount, {})
    assert max_cost_usd(0, {"REACT1_MAX_COST": "abc"}) == 0
    assert max_cost_usd(None, {"REACT1_MAX_COST": " 2.5 "}) == 2.5


def test_one_run_that_cannot_be_read_does_not_hide_the_others(react1, tmp_path):
    """It is listed as what it is."""
    for name, text in (("a", "{"), ("b", '{"status": "done", "what": "preview"}'), ("c", "[]")):
        folder = tmp_path / "home" / "runs" / f"20260101-000000-{name}"
        folder.mkdir(parents=True)
        (folder / "run.json").write_text(text)

    rows = react1("runs", "--json").json["runs"]

    assert [row["status"] for row in rows] == ["unreadable", "done", "unreadable"]
    assert react1("show", "20260101-000000-a").status == 2
