"""`react1 serve` as a user starts it."""

import signal
import subprocess
import sys

import httpx
import pytest

REACT1 = [sys.executable, "-m", "react1"]


def test_it_says_where_it_listens_and_stops_when_asked(tmp_path):
    """One line once it answers; a SIGINT ends it without a traceback."""
    faults = tmp_path / "faults.yaml"
    faults.write_text("engine: copy\n")
    argv = [*REACT1, "serve", "--port", "0", "--home", str(tmp_path / "home"), "--faults", str(faults), "--key", "SG_x"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        line = running.stdout.readline()
        address = line.removeprefix("listening on ").strip()

        answer = httpx.get(f"{address}/v1/get-user-credits", headers={"x-api-key": "SG_x"}, trust_env=False)
        running.send_signal(signal.SIGINT)
        _, said = running.communicate(timeout=20)

    assert line.startswith("listening on http://127.0.0.1:")
    assert answer.json()["credits"] == 10_000
    assert "Traceback" not in said
    assert running.returncode == 130


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--faults", "none.yaml"], "the faults none.yaml cannot be read"),
        (["--host", "203.0.113.7", "--port", "0"], "cannot listen on"),
    ],
)
def test_what_it_cannot_do_is_one_line(tmp_path, words, told):
    """Exit 2, before anything is served."""
    argv = [*REACT1, "serve", "--home", str(tmp_path), *words]

    ran = subprocess.run(argv, capture_output=True, text=True, timeout=30, cwd=tmp_path)

    assert ran.returncode == 2
    assert told in ran.stderr
    assert len(ran.stderr.strip().splitlines()) == 1
    assert ran.stdout == ""


LOOK = """
import sys
from importlib import util
real = util.find_spec
util.find_spec = lambda name, *rest: None if name in ("fastapi", "uvicorn") else real(name, *rest)
from react1.pipeline.cli import main
main(["serve"])
"""


def test_a_missing_extra_is_one_line():
    """With what to install."""
    ran = subprocess.run([sys.executable, "-c", LOOK], capture_output=True, text=True, timeout=30)

    assert ran.returncode == 2
    assert ran.stderr.strip().endswith("pip install 'react1-nodes[server,local]'")
    assert len(ran.stderr.strip().splitlines()) == 1


def test_the_help_loads_no_server():
    """Neither FastAPI nor uvicorn, nor the engine."""
    code = "import sys\nfrom react1.pipeline.cli.app import run_command\nrun_command(['serve', '--help'])\n"
    code += "print([name for name in ('fastapi', 'uvicorn', 'mediapipe', 'av') if name in sys.modules])"

    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert ran.stdout.strip().endswith("[]")
