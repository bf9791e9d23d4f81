"""Ctrl-C and kill, on the real command with a real clip; then `react1 resume`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals of this kind are POSIX")


def _react1(environ, *argv):
    argv = [sys.executable, "-m", "react1", *map(str, argv)]
    return subprocess.Popen(argv, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def _stop_at(child, line, how):
    """Send a signal once a line of progress begins so; give all that it said."""
    said = []
    for text in child.stderr:
        said.append(text)
        if text.startswith(line):
            child.send_signal(how)
            break
    rest_out, rest_err = child.communicate()
    return "".join(said) + rest_err, rest_out


@pytest.mark.parametrize(("how", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 130), (signal.SIGKILL, -9)])
def test_a_stopped_run_is_resumed_from_its_last_finished_step(talking_clip, tmp_path, how, status):
    """It stops at once, says how to go on, leaves no film and no child; resumed, it ends with the film."""
    environ = {**os.environ, "REACT1_HOME": str(tmp_path / "home")}
    film = tmp_path / "film.mp4"
    child = _react1(
        environ, "run", "preview", "--set", f"source={talking_clip}", "--edit", "0.6-1.4:sad:1", "--out", film
    )

    said, _ = _stop_at(child, "trim", how)

    assert child.returncode == status
    assert "Traceback" not in said
    if how != signal.SIGKILL:
        assert "carry on with: react1 resume 2" in said
    assert not film.exists()
    resumed = _react1(environ, "resume", "--json")
    out, err = resumed.communicate()
    assert resumed.returncode == 0, err
    assert film.exists()
    told = json.loads(out)
    assert told["status"] == "done"
    rows = json.loads((tmp_path / "home" / "runs" / told["run"] / "report.json").read_text())["steps"]
    assert {row["step"]: row["reused"] for row in rows}["trim"] is True
    shown, _ = _react1(environ, "runs").communicate()
    assert shown.count("done") == 1
    assert len(shown.splitlines()) == 1
