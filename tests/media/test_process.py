"""Tools as child processes: they end with whoever started them, and to start one costs nothing of a large process."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading

import pytest

from react1.pipeline.core.errors import ToolFailed
from react1.pipeline.media.tools import process
from react1.pipeline.media.tools.ffmpeg import ffmpeg_path
from react1.pipeline.media.tools.process import LineProcess, run_tool

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux kills a child with its parent")
needs_setpriv = pytest.mark.skipif(shutil.which("setpriv") is None, reason="needs setpriv of util-linux")


@pytest.fixture(params=[pytest.param("setpriv", marks=needs_setpriv), "a function after the fork"])
def way(request, monkeypatch):
    """How a child is told to die with its parent."""
    if request.param != "setpriv":
        monkeypatch.setattr(process, "_setpriv", tuple)
    return request.param


@pytest.fixture
def started(monkeypatch):
    """The options of each child that is started."""
    seen, popen = [], subprocess.Popen
    monkeypatch.setattr(subprocess, "Popen", lambda argv, **options: seen.append(options) or popen(argv, **options))
    return seen


def test_a_child_is_killed_when_the_thread_that_started_it_ends(way, started):
    """This process is copied for it only where setpriv is not there."""
    children = []

    def start():
        children.append(LineProcess(["sh", "-c", "echo runs; exec sleep 60"]))
        assert children[0].read() == "runs\n"

    thread = threading.Thread(target=start)
    thread.start()
    thread.join()

    assert os.waitstatus_to_exitcode(os.waitpid(children[0].pid, 0)[1]) == -signal.SIGKILL
    assert ("preexec_fn" in started[-1]) == (way != "setpriv")


@needs_setpriv
def test_a_child_whose_parent_has_died_meanwhile_does_not_begin(tmp_path):
    """Its own parent is another process then; here, one that is not the named one."""
    words = [*process._setpriv(), str(os.getpid() + 1), "touch", str(tmp_path / "begun")]

    assert subprocess.run(words, check=False).returncode == 1
    assert not (tmp_path / "begun").exists()


def test_a_tool_that_is_not_there_or_fails_is_one_line(way):
    """The message names the tool, not what started it."""
    with pytest.raises(ToolFailed, match=r"^/nowhere/tool could not be started: No such file or directory$"):
        run_tool(["/nowhere/tool"])
    with pytest.raises(ToolFailed, match=r"^sh failed with exit code 3: not today$"):
        run_tool(["sh", "-c", "echo not today >&2; exit 3"])


def test_ffmpeg_s_failure_is_told_by_its_cause(tmp_path):
    """Not by the last of the lines that follow from it."""
    raw = ["-f", "rawvideo", "-pix_fmt", "yuv420p", "-video_size", "641x359", "-i", "/dev/zero", "-frames:v", "1"]

    with pytest.raises(ToolFailed, match="width not divisible by 2") as failed:
        run_tool([ffmpeg_path(), *raw, "-c:v", "libx264", str(tmp_path / "odd.mp4")])

    assert "Conversion failed" not in failed.value.message


def test_an_ended_tool_is_not_waited_for():
    """While it writes its log, nothing sleeps until it is looked at again: the end of the log wakes who waits."""
    ended, limits = threading.Event(), []
    log_reader = threading.Thread(target=ended.wait)
    log_reader.start()

    class Tool:
        def wait(self, limit_s):
            limits.append(limit_s)
            if log_reader.is_alive():
                raise subprocess.TimeoutExpired("tool", limit_s)

    process._wait(Tool(), log_reader, 60, ended.set)

    assert len(limits) > 1 and not any(limits[:-1])
