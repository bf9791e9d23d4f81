"""A run may be killed at any moment: files with their final name are complete, and the next run resumes."""

from __future__ import annotations

import hashlib
import json
import os
import random
import select
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
FORK = """
    import asyncio, gc, os, sys, traceback
    from pathlib import Path
    import toys
    from react1.pipeline.runner.execute import Options, execute

    gc.freeze()
    for line in sys.stdin:
        home, source, out = map(Path, line.rstrip().split("|"))
        child = os.fork()
        if not child:
            status = 1
            try:
                asyncio.run(execute(toys.toy_job(source, out, names=tuple("abcd")), Options(home)))
                status = 0
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(status)
        print(child, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


class Runs:
    """Runs in processes of their own, one after the other, forked from one that has imported everything once."""

    def __init__(self) -> None:
        environ = {**os.environ, "PYTHONPATH": str(SUPPORT)}
        argv = [sys.executable, "-c", textwrap.dedent(FORK)]
        self._process = subprocess.Popen(argv, env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)

    def __enter__(self) -> Runs:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def start(self, home: Path, source: Path, out: Path) -> int:
        """Start a run; return its process."""
        self._process.stdin.write(f"{home}|{source}|{out}\n".encode())
        return int(self._process.stdout.readline())

    def wait(self, timeout_s: float | None = None) -> int | None:
        """Return the exit status of the run; None if it has not ended in this time."""
        readable, _, _ = select.select([self._process.stdout], [], [], timeout_s)
        return int(self._process.stdout.readline()) if readable else None


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
    with Runs() as runs:
        runs.start(tmp_path / "other", source, tmp_path / "elsewhere.txt")
        started_s = time.monotonic()
        assert runs.wait() == 0
        length_s = time.monotonic() - started_s

        while kills < KILLS:
            child = runs.start(home, source, out)
            status = runs.wait(rng.uniform(0, length_s))
            if status is None:
                os.kill(child, signal.SIGKILL)
                status = runs.wait()
                kills += 1
            _assert_complete(home)
            assert not out.exists() or out.read_text() == FILM
            if status == 0:
                out.unlink()

        runs.start(home, source, out)
        assert runs.wait() == 0
    assert out.read_text() == FILM
    assert list((home / "scratch").glob("*")) == []
    assert [path.name for path in out.parent.iterdir()] == [out.name]
