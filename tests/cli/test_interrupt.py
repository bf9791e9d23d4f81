"""The real command is interrupted or killed during a run, and `react1 resume`, in this process, continues it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest
from export_lock import held_export

from react1.pipeline.cli.app import run_command

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform == "win32", reason="signals of this kind are POSIX")]


def _react1(environ, *argv):
    argv = [sys.executable, "-m", "react1", *map(str, argv)]
    return subprocess.Popen(argv, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def _stop_at(child, line, signal_number):
    """Send a signal after a line of progress with this start; return standard error and standard output."""
    output = []
    for text in child.stderr:
        output.append(text)
        if text.startswith(line):
            child.send_signal(signal_number)
            break
    rest_out, rest_err = child.communicate()
    return "".join(output) + rest_err, rest_out


@pytest.mark.parametrize(
    ("signal_number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 130), (signal.SIGKILL, -9)]
)
def test_an_interrupted_run_resumes_after_its_last_finished_step(
    talking_clip, tmp_path, monkeypatch, capsys, signal_number, status
):
    """It stops at once, says how to resume, and leaves no film; the resumed run writes the film."""
    environ = {**os.environ, "REACT1_HOME": str(tmp_path / "home")}
    film = tmp_path / "film.mp4"
    child = _react1(
        environ, "run", "preview", "--set", f"source={talking_clip}", "--edit", "0.6-1:sad:1", "--out", film
    )

    output, _ = _stop_at(child, "trim", signal_number)

    assert child.returncode == status
    assert "Traceback" not in output
    if signal_number != signal.SIGKILL:
        assert "resume with: react1 resume 2" in output
    assert not film.exists()
    monkeypatch.setenv("REACT1_HOME", environ["REACT1_HOME"])
    capsys.readouterr()
    resumed = run_command(["resume", "--json"])
    text, errors = capsys.readouterr()
    assert resumed == 0, errors
    assert film.exists()
    result = json.loads(text)
    assert result["status"] == "done"
    rows = json.loads((tmp_path / "home" / "runs" / result["run"] / "report.json").read_text())["steps"]
    assert {row["step"]: row["reused"] for row in rows}["trim"] is True
    assert run_command(["runs"]) == 0
    shown = capsys.readouterr().out
    assert shown.count("done") == 1
    assert len(shown.splitlines()) == 1


@pytest.mark.parametrize("signal_number", [signal.SIGINT, signal.SIGTERM])
def test_a_run_that_waits_to_write_its_film_is_stopped_as_any_other(talking_clip, tmp_path, signal_number):
    """Another run writes to the same path meanwhile."""
    environ = {**os.environ, "REACT1_HOME": str(tmp_path / "home")}
    film = tmp_path / "film.mp4"
    argv = ["run", "preview", "--set", f"source={talking_clip}", "--edit", "0.6-1:sad:1", "--out", film]

    with held_export(tmp_path / "home", film):
        child = _react1(environ, *argv)
        output, _ = _stop_at(child, f"note: {film}: another run is writing", signal_number)

    assert child.returncode == 130
    assert "resume with: react1 resume 2" in output
    assert "Traceback" not in output
    assert not film.exists()
