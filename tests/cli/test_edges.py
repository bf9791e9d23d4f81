"""Unusual failures of a command give one message, one JSON object and the right exit status."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest
from numbered_clips import Recipe, make_clip

from react1.pipeline.cli.app import run_command
from react1.pipeline.core.errors import PresetError
from react1.pipeline.core.settings import home_folder, max_cost_usd
from react1.pipeline.engine.available import problem
from react1.pipeline.runner import execute as executing
from react1.pipeline.runner.run_records.outcome import RunResult

pytestmark = pytest.mark.slow

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
    return make_clip(Path("clip.mp4"), Recipe(frames=15))


@pytest.fixture
def runs_as(monkeypatch, clip):
    """Replace the run by a function."""

    def patch(act):
        async def execute(job, options, run=None):
            return act()

        monkeypatch.setattr(executing, "execute", execute)
        return ("run", "emotion-edit", "--set", f"source={clip}", *EDIT, "--provider", "local")

    return patch


def _raise(error):
    raise error


@pytest.mark.skipif(problem() is not None, reason=f"the local engine: {problem()}")
def test_a_segment_that_kept_its_original_footage_ends_with_6_and_one_object(react1, clip):
    """The clip has no face, and the job keeps the original footage."""
    Path("job.yaml").write_text(
        f"preset: emotion-edit\nsource: {clip}\nout: new.mp4\non_failure: keep-original\n"
        "edits: [{in: 0.2, out: 0.4, prompt: sad}]\n"
    )

    result = react1("run", "job.yaml", "--provider", "local", "--json")

    assert (result.status, result.json["status"]) == (6, "kept-original")
    assert [segment["status"] for segment in result.json["segments"]] == ["original"]
    again = react1("run", "job.yaml", "--provider", "local")
    assert again.status == 6
    assert "original footage kept" in again.out


def test_prints_of_a_script_go_to_standard_error(react1, clip):
    """Standard output has one JSON object and nothing else."""
    Path("scripted.yaml").write_text(SCRIPT_PRESET)
    Path("noisy.py").write_text(NOISY)

    result = react1("run", "scripted.yaml", "--set", f"source={clip}", "--script", "noisy.py", "--json")

    assert (result.status, result.json["status"]) == (0, "done")
    assert "imported\n" in result.err
    assert "called\n" in result.err


@pytest.mark.parametrize("argv", [("run",), ("run", "x", "--nonsense"), ("show",), ("nosuch",), ("doctor", "a", "b")])
def test_a_usage_error_prints_one_object(react1, argv):
    """The usage text goes to standard error."""
    result = react1(*argv, "--json")

    assert (result.status, result.json["status"]) == (2, "failed")
    assert "Usage" in result.err


@pytest.mark.parametrize(
    "argv", [("plan", "nowhere"), ("show", "2020"), ("resume",), ("presets", "nowhere"), ("runs", "--home", "")]
)
def test_every_failed_command_prints_one_object(react1, argv):
    """This holds for all commands, not only `run`."""
    result = react1(*argv, "--json")

    assert (result.status, result.json["status"]) == (2, "failed")


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (ValueError("first\n  second\nthird"), 1, "internal error (please report): ValueError: first second third"),
        (SystemExit(0), 1, "internal error (please report): SystemExit: 0"),
        (KeyboardInterrupt(), 130, "stopped"),
    ],
)
def test_any_exception_is_reported_in_one_line(runs_as, react1, capsys, error, status, message):
    """One JSON object is printed, and the traceback is in the file that the message names."""
    argv = runs_as(lambda: _raise(error))

    assert run_command([*argv, "--json"]) == status
    output = capsys.readouterr()
    assert len(output.err.splitlines()) == 1
    assert f"react1: {message}" in output.err
    assert output.out.count('"status"') == 1
    if status == 1:
        assert "Traceback" in Path(output.err.split("details are in ")[1].strip()).read_text()


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (
            PermissionError(errno.EACCES, "Permission denied", "/a/b"),
            "react1: /a/b: Permission denied; check who may use",
        ),
        (OSError(errno.ENAMETOOLONG, "File name too long", b"/c"), "File name too long; choose a shorter one"),
        (OSError(errno.EFBIG, "File too large"), "react1: a file is larger than its disk, or a limit of this process"),
    ],
)
def test_a_path_that_the_system_refuses_is_no_internal_error(runs_as, react1, tmp_path, error, message):
    """A folder of somebody else is for the user to open; there is nothing to report, and no traceback to keep."""
    result = react1(*runs_as(lambda: _raise(error)), "--json")

    assert (result.status, result.json["error"]["kind"]) == (1, "StorageFailed")
    assert message in result.err and "internal" not in result.err and result.err.count("\n") == 1
    assert not list(tmp_path.rglob("faults"))


def test_a_file_name_that_is_not_utf8_can_be_printed(runs_as, react1):
    """Surrogates represent bytes that are not UTF-8."""
    argv = runs_as(lambda: RunResult("r", "done", Path("/tmp/\udcff.mp4"), None, 0.0))

    assert react1(*argv, "--json").json["output"] == "/tmp/\udcff.mp4"


@pytest.mark.skipif(sys.platform == "win32", reason="signals of this kind are POSIX")
@pytest.mark.parametrize("module", ["cli.app", "cli.commands.films.plan", "runner.planning.plan"])
def test_ctrl_c_during_imports_exits_quietly(tmp_path, module):
    """The status is 130, and there is no traceback."""
    (tmp_path / "sitecustomize.py").write_text(
        "import os, signal, sys\n"
        "class Stop:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        f"        if name == 'react1.pipeline.{module}': os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.meta_path.insert(0, Stop())\n"
    )
    argv = [sys.executable, "-m", "react1", "plan", "nowhere"]
    result = subprocess.run(argv, env={**os.environ, "PYTHONPATH": str(tmp_path)}, capture_output=True, text=True)

    assert (result.returncode, result.stdout) == (130, "")
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("verb", [["run", "x"], ["plan", "x"], ["resume"], ["runs"], ["show", "x"], ["demo"]])
@pytest.mark.parametrize("home", ["~nosuch/x", "", "file", "file/x"])
def test_an_invalid_home_is_refused_by_every_command(react1, verb, home):
    """The message is one line and says how to set the home folder."""
    Path("file").write_text("")

    result = react1(*verb, "--home", home)

    assert (result.status, result.out) == (2, "")
    assert len(result.err.splitlines()) == 1
    assert "set --home or REACT1_HOME" in result.err


def test_doctor_reports_a_home_that_is_not_a_folder(react1):
    """The other checks still run."""
    Path("file").write_text("")

    result = react1("doctor", "--home", "file", "--json")

    home = next(row for row in result.json["checks"] if row["check"] == "home")
    assert result.status == 1
    assert not home["ok"]
    assert "is not a folder" in home["about"]


def test_a_user_without_a_home_folder_gets_a_hint(monkeypatch):
    """HOME is not set, and the uid is unknown."""
    pwd = pytest.importorskip("pwd")
    for name in ("HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", lambda _: _raise(KeyError("no such user")))

    with pytest.raises(PresetError, match="set --home or REACT1_HOME"):
        home_folder(None, {})
    with pytest.raises(PresetError, match="set --home or REACT1_HOME"):
        home_folder("~/x", {})


@pytest.mark.parametrize("text", ["abc", "nan", "-1", "$5"])
def test_an_invalid_budget_is_refused(react1, monkeypatch, clip, text):
    """The status is that of a preset error, and nothing ran."""
    monkeypatch.setenv("REACT1_MAX_COST", text)

    result = react1("run", "emotion-edit", "--set", f"source={clip}", *EDIT, "--provider", "local")

    assert result.status == 2
    assert f"REACT1_MAX_COST {text!r} is not an amount of USD" in result.err
    assert not Path("../home").exists()


@pytest.mark.parametrize("amount", [float("nan"), -0.01, "much"])
def test_an_invalid_budget_in_python_is_refused(amount):
    """A comparison with NaN would never stop a run."""
    with pytest.raises(PresetError, match="max cost"):
        max_cost_usd(amount, {})
    assert max_cost_usd(0, {"REACT1_MAX_COST": "abc"}) == 0
    assert max_cost_usd(None, {"REACT1_MAX_COST": " 2.5 "}) == 2.5


def test_an_unreadable_run_does_not_hide_the_others(react1, tmp_path):
    """It is listed as unreadable."""
    for name, text in (("a", "{"), ("b", '{"status": "done", "what": "preview"}'), ("c", "[]")):
        folder = tmp_path / "home" / "runs" / f"20260101-000000-{name}"
        folder.mkdir(parents=True)
        (folder / "run.json").write_text(text)

    rows = react1("runs", "--json").json["runs"]

    assert [row["status"] for row in rows] == ["unreadable", "done", "unreadable"]
    assert react1("show", "20260101-000000-a").status == 2
