"""`react1 serve`, started as a user does."""

import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from react1.pipeline.cli.commands.upkeep.serve import remove_key

pytestmark = pytest.mark.slow

REACT1 = [sys.executable, "-m", "react1"]


def test_it_prints_its_url_and_stops_on_sigint(tmp_path):
    """It prints one line when it is ready, and SIGINT ends it without a traceback."""
    faults = tmp_path / "faults.yaml"
    faults.write_text("engine: copy\n")
    argv = [*REACT1, "serve", "--port", "0", "--home", str(tmp_path / "home"), "--faults", str(faults), "--key", "SG_x"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        line = process.stdout.readline()
        address = line.removeprefix("listening on ").strip()

        answer = httpx.get(f"{address}/v1/get-user-credits", headers={"x-api-key": "SG_x"}, trust_env=False)
        refused = httpx.get(f"{address}/v1/get-user-credits", headers={"x-api-key": "SG_y"}, trust_env=False)
        command_line = Path(f"/proc/{process.pid}/cmdline")
        arguments = command_line.read_bytes() if command_line.exists() else b""
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=20)

    assert line.startswith("listening on http://127.0.0.1:")
    assert answer.json()["credits"] == 10_000
    assert refused.status_code == 401
    assert b"SG_x" not in arguments
    assert "Traceback" not in errors
    assert process.returncode == 130


def test_the_key_is_removed_from_the_arguments():
    """Those of a process can be read by all users of the machine."""
    argv = ["python", "-m", "react1", "serve", "--key", "SG_x", "--key=SG_x", "--port", "0", "--keys"]

    assert remove_key(argv, "SG_x") == ["python", "-m", "react1", "serve", "--port", "0", "--keys"]
    assert remove_key(argv[:4], "SG_x") == argv[:4]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--faults", "none.yaml"], "the faults none.yaml cannot be read"),
        (["--host", "0.0.0.0", "--port", "0"], "can be reached by other machines, and there is no key"),
        (["--host", "::", "--port", "0"], "set REACT1_SERVER_KEY to the"),
    ],
)
def test_a_start_failure_is_one_line(react1, arguments, message):
    """It exits with 2 before it serves anything."""
    result = react1("serve", *arguments)

    assert result.status == 2
    assert message in result.err
    assert len(result.err.strip().splitlines()) == 1
    assert result.out == ""


def test_a_start_failure_with_a_key_is_one_line(tmp_path):
    """Such a process starts itself again first, without the key among its arguments."""
    argv = [*REACT1, "serve", "--home", str(tmp_path), "--host", "203.0.113.7", "--port", "0", "--key", "SG_x"]

    result = subprocess.run(argv, capture_output=True, text=True, timeout=30, cwd=tmp_path)

    assert result.returncode == 2
    assert "cannot listen on" in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
    assert result.stdout == ""


LOOK = """
import sys
from importlib import util
real = util.find_spec
util.find_spec = lambda name, *rest: None if name in ("fastapi", "uvicorn") else real(name, *rest)
from react1.pipeline.cli import main
main(["serve"])
"""


def test_a_missing_extra_is_one_line():
    """The message says what to install."""
    result = subprocess.run([sys.executable, "-c", LOOK], capture_output=True, text=True, timeout=30)

    assert result.returncode == 2
    assert result.stderr.strip().endswith("pip install 'react1-nodes[server,local]'")
    assert len(result.stderr.strip().splitlines()) == 1


def test_the_help_loads_no_server():
    """It imports neither FastAPI nor uvicorn nor the engine."""
    code = "import sys\nfrom react1.pipeline.cli.app import run_command\nrun_command(['serve', '--help'])\n"
    code += "print([name for name in ('fastapi', 'uvicorn', 'ai_edge_litert', 'av') if name in sys.modules])"

    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert result.stdout.strip().endswith("[]")
