"""A run may be killed at any moment: files with their final name are complete, and the next run resumes."""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform == "win32", reason="signals of this kind are POSIX")]
SUPPORT = Path(__file__).resolve().parent.parent / "support"
KILLS = 8
FILM = "film\n" + "\n".join(f"done film:{name}:warm" for name in "abcd")
RUN = """
    import asyncio, sys
    from pathlib import Path
    import toys
    from react1.pipeline.runner.execute import Options, execute

    home, source, out = map(Path, sys.argv[1:])
    print("ready", flush=True)
    asyncio.run(execute(toys.toy_job(source, out, names=tuple("abcd")), Options(home)))
"""


def _start(home: Path, source: Path, out: Path) -> subprocess.Popen[str]:
    environ = {**os.environ, "PYTHONPATH": str(SUPPORT)}
    argv = [sys.executable, "-c", textwrap.dedent(RUN), str(home), str(source), str(out)]
    child = subprocess.Popen(argv, env=environ, stdout=subprocess.PIPE, text=True)
    assert child.stdout.readline() == "ready\n"
    return child


def _assert_complete(home: Path) -> None:
    for path in (home / "objects").rglob("*"):
        if path.is_file() and path.suffix != ".part":
            assert hashlib.sha256(path.read_bytes()).hexdigest() == path.stem
    for folder in ("results", "external", "latest", "seen", "exports", "runs"):
        for path in (home / folder).rglob("*.json"):
            json.loads(path.read_text())


def test_a_run_killed_at_any_moment_leaves_no_incomplete_file(tmp_path):
    """After kills at random moments, a last run finishes with the complete film."""
    source, out, home = tmp_path / "film.txt", tmp_path / "out" / "film.txt", tmp_path / "home"
    source.write_text("film")
    rng, kills = random.Random(7), 0
    child, started_s = _start(tmp_path / "other", source, tmp_path / "elsewhere.txt"), time.monotonic()
    child.communicate()
    length_s = time.monotonic() - started_s

    while kills < KILLS:
        child = _start(home, source, out)
        try:
            child.wait(rng.uniform(0, length_s))
        except subprocess.TimeoutExpired:
            child.send_signal(signal.SIGKILL)
            kills += 1
        child.communicate()
        _assert_complete(home)
        assert not out.exists() or out.read_text() == FILM
        if child.returncode == 0:
            out.unlink()

    child = _start(home, source, out)
    child.communicate()
    assert child.returncode == 0
    assert out.read_text() == FILM
    assert list((home / "scratch").glob("*")) == []
    assert [path.name for path in out.parent.iterdir()] == [out.name]
