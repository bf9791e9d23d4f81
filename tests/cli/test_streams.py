"""Closed, full and broken streams, as a shell makes them: no traceback, and no run is lost for want of a listener."""

from __future__ import annotations

import io
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import made
import pytest

from react1.pipeline.cli.progress import progress_for
from react1.pipeline.cli.streams import separate_streams
from react1.pipeline.runner.events import Message, RunStarted, StepEnded, StepStarted

pytestmark = pytest.mark.skipif(not Path("/dev/full").exists(), reason="streams of this kind are POSIX")
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
    """Run a line of bash; a traceback in what is said fails the test."""
    environ = {**os.environ, "REACT1_HOME": str(tmp_path / "home"), "REACT1": REACT1}

    def run(line: str, **more: str) -> subprocess.CompletedProcess[str]:
        ran = subprocess.run(
            ["bash", "-c", line.replace("react1", REACT1, 1)],
            env={**environ, **more},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert "Traceback" not in ran.stdout + ran.stderr
        assert "Exception ignored" not in ran.stderr
        return ran

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
def test_a_stream_that_nobody_reads_does_not_change_how_a_command_ends(shell, line, status):
    """Nothing that belongs to standard error goes to standard output instead."""
    ran = shell(line)

    assert (ran.returncode, ran.stderr) == (status, "")
    assert "nowhere" not in ran.stdout
    assert "Usage" not in ran.stdout


@pytest.mark.parametrize("verb", ["presets", "presets --json", "run nowhere --json", "--version", "--help"])
def test_a_result_that_cannot_be_written_is_told(shell, verb):
    """A full disk behind standard output: one line says so."""
    ran = shell(f"react1 {verb} >/dev/full")

    assert ran.returncode == (2 if "nowhere" in verb else 1)
    assert "No space left on device" in ran.stderr or "nowhere" in verb


def test_odd_bytes_in_a_name_give_json_that_can_be_read(shell, tmp_path):
    """A path need not be UTF-8; the object is."""
    home = tmp_path / "home" / "runs" / "20260101-000000-aaaa"
    home.mkdir(parents=True)
    (home / "run.json").write_text(json.dumps({"status": "done", "result": {"output": "/tmp/\udcff-名.mp4"}}))

    ran = shell("react1 runs --json | iconv -f ascii -t ascii")
    text = shell("react1 runs", PYTHONIOENCODING="ascii")

    assert json.loads(ran.stdout)["runs"][0]["output"] == "/tmp/\udcff-名.mp4"
    assert text.returncode == 0


@pytest.fixture
def look(tmp_path):
    """A preset of two quick steps, and a clip for it."""
    (tmp_path / "look.yaml").write_text(PRESET)
    made.make_clip(tmp_path / "clip.mp4", made.Recipe(frames=15))
    return "run look.yaml --set source=clip.mp4"


@pytest.mark.parametrize(
    ("end", "said"),
    [
        ("2> >(head -0)", "run"),
        ("2> >(head -1 >/dev/null)", "run"),
        ("2>&-", "run"),
        ("2>/dev/full", "run"),
        ("2>/dev/null | head -0", ""),
        (">&- 2>/dev/null", ""),
    ],
)
def test_a_run_goes_on_when_nobody_listens(shell, look, tmp_path, end, said):
    """It ends as done, whoever hung up."""
    ran = shell(f"react1 {look} {end}; exit ${{PIPESTATUS[0]}}")

    assert (ran.returncode, ran.stderr) == (0, "")
    assert said in ran.stdout
    assert "done" in shell("react1 runs").stdout


def test_a_run_whose_result_cannot_be_written_says_so(shell, look):
    """The run itself is done."""
    ran = shell(f"react1 {look} --json >/dev/full")

    assert ran.returncode == 1
    assert len(ran.stderr.splitlines()) == 1
    assert "done" in shell("react1 runs").stdout


def test_bars_on_a_terminal_that_goes_away_do_not_end_a_run(monkeypatch):
    """The drawing library writes to the same guarded stream."""

    class Gone(io.StringIO):
        def isatty(self):
            return True

        def write(self, text):
            raise OSError(5, "Input/output error")

    monkeypatch.setattr(sys, "stderr", Gone())
    with separate_streams(), progress_for(quiet=False) as watcher:
        for event in (RunStarted("a"), StepStarted("fetch", ""), Message("hm"), StepEnded("fetch", "", False, 1.0)):
            watcher.on(event)
