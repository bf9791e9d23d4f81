"""Closed, full and broken standard streams cause no traceback and end no run."""

from __future__ import annotations

import io
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from numbered_clips import Recipe, make_clip

from react1.pipeline.cli.messages import separate_streams
from react1.pipeline.cli.progress import progress_for
from react1.pipeline.runner.events import Message, RunStarted, StepEnded, StepStarted

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/dev/full").exists(), reason="streams of this kind are POSIX"),
]
REACT1 = f"{shlex.quote(sys.executable)} -m react1"
PRESET = """
name: look
inputs:
  source: {kind: media}
steps:
  - fetch: {uri: $source}
  - trim: {edits: [{in: 0.2, out: 0.4}]}
"""


@pytest.fixture
def shell(tmp_path):
    """Run a line of bash; a traceback in the output fails the test."""
    environ = {**os.environ, "REACT1_HOME": str(tmp_path / "home"), "REACT1": REACT1}

    def run(line: str, **more: str) -> subprocess.CompletedProcess[str]:
        result = subprocess.run(
            ["bash", "-c", line.replace("react1", REACT1, 1)],
            env={**environ, **more},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert "Traceback" not in result.stdout + result.stderr
        assert "Exception ignored" not in result.stderr
        return result

    return run


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("react1 presets 2>&-", 0),
        ("react1 run nowhere 2>&-", 2),
        ("react1 run nowhere 2>/dev/full", 2),
        ("react1 run 2>&-", 2),
        ("react1 presets >&-", 0),
        ("react1 presets <&- >&- 2>&-", 0),
        ("react1 presets | head -0; exit ${PIPESTATUS[0]}", 0),
        ("react1 presets --json | head -0; exit ${PIPESTATUS[0]}", 0),
        ("react1 run nowhere 2> >(head -0)", 2),
    ],
)
def test_a_closed_stream_does_not_change_the_exit_status(shell, line, status):
    """Text for standard error does not go to standard output instead."""
    result = shell(line)

    assert (result.returncode, result.stderr) == (status, "")
    assert "nowhere" not in result.stdout
    assert "Usage" not in result.stdout


@pytest.mark.parametrize("verb", ["presets", "presets --json", "run nowhere --json", "--version", "--help"])
def test_a_result_that_cannot_be_written_is_reported(shell, verb):
    """Standard output is on a full disk; the message is one line."""
    result = shell(f"react1 {verb} >/dev/full")

    assert result.returncode == (2 if "nowhere" in verb else 1)
    assert "No space left on device" in result.stderr or "nowhere" in verb


def test_invalid_bytes_in_a_file_name_give_valid_json(shell, tmp_path):
    """A path may not be UTF-8, but the JSON object is ASCII."""
    home = tmp_path / "home" / "runs" / "20260101-000000-aaaa"
    home.mkdir(parents=True)
    (home / "run.json").write_text(json.dumps({"status": "done", "result": {"output": "/tmp/\udcff-名.mp4"}}))

    result = shell("react1 runs --json | iconv -f ascii -t ascii")
    text = shell("react1 runs", PYTHONIOENCODING="ascii")

    assert json.loads(result.stdout)["runs"][0]["output"] == "/tmp/\udcff-名.mp4"
    assert text.returncode == 0


@pytest.fixture
def preset_arguments(tmp_path):
    """Write a preset of two quick steps and a clip; return the arguments of a run."""
    (tmp_path / "look.yaml").write_text(PRESET)
    make_clip(tmp_path / "clip.mp4", Recipe(frames=15))
    return "run look.yaml --set source=clip.mp4"


@pytest.mark.parametrize(
    ("end", "message"),
    [
        ("2> >(head -0)", "run"),
        ("2> >(head -1 >/dev/null)", "run"),
        ("2>&-", "run"),
        ("2>/dev/full", "run"),
        ("2>/dev/null | head -0", ""),
        (">&- 2>/dev/null", ""),
    ],
)
def test_a_run_finishes_without_readers(shell, preset_arguments, tmp_path, end, message):
    """It is done, whichever stream is closed."""
    result = shell(f"react1 {preset_arguments} {end}; exit ${{PIPESTATUS[0]}}")

    assert (result.returncode, result.stderr) == (0, "")
    assert message in result.stdout
    assert states_of_runs(tmp_path) == ["done"]


def states_of_runs(folder):
    """Return the recorded state of each run of the shell's home folder."""
    return [json.loads(path.read_text())["status"] for path in (folder / "home" / "runs").glob("*/run.json")]


def test_a_run_reports_a_result_that_cannot_be_written(shell, preset_arguments, tmp_path):
    """The run itself is done."""
    result = shell(f"react1 {preset_arguments} --json >/dev/full")

    assert result.returncode == 1
    assert len(result.stderr.splitlines()) == 1
    assert states_of_runs(tmp_path) == ["done"]
    assert "done" in shell("react1 runs").stdout


def test_a_closed_terminal_does_not_end_a_run_with_bars(monkeypatch):
    """Rich writes to the same stream, whose failed writes are dropped."""

    class Gone(io.StringIO):
        def isatty(self):
            return True

        def write(self, text):
            raise OSError(5, "Input/output error")

    monkeypatch.setattr(sys, "stderr", Gone())
    with separate_streams(), progress_for(quiet=False) as watcher:
        for event in (RunStarted("a"), StepStarted("fetch", ""), Message("hm"), StepEnded("fetch", "", False, 1.0)):
            watcher.on(event)
