"""The conformance suite of an executor: the same results as here, whatever is killed, and no tool is left behind."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, ClassVar, TypeVar
from unittest import mock

from ..pipeline.core.errors import CheckFailed, InputMediaError, InternalError, React1Error, StorageFailed, ToolFailed
from ..pipeline.core.nodes.node import Need
from ..pipeline.core.values import Media
from ..pipeline.executors.base import Call, Executor, Result, execute_call, from_json
from ..pipeline.media.tools.process import LineProcess
from ..pipeline.store.keys import digest
from ..pipeline.store.store import Store
from .clips import ClipRecipe, make_clip
from .executor_nodes import Probe, make_film
from .fake_provider import FakeProvider

LIMIT_S = 120.0
"""After this time a test that waits for something fails."""
FILM_LIMIT_S = 600.0
"""The same for a test that makes a complete film."""
_T = TypeVar("_T")


class ExecutorTests:
    """The conformance suite of an executor: subclass it, and override `open`.

        class TestAcme(ExecutorTests):
            def open(self, store):
                return AcmeExecutor(store)

    Each test has a home folder of its own. pytest collects the subclass. Linux only, since it reads /proc.
    """

    separate_workers: ClassVar[bool] = True
    """Whether calls run in other processes than the coordinator."""
    place: ClassVar[str] = ""
    """The value of REACT1_STORE."""

    def open(self, store: Store) -> Executor:
        """Return the executor; it is closed after the test."""
        raise NotImplementedError

    def coordinator(self, home: Path, folder: Path) -> list[str] | None:
        """Return a command that runs `Probe(waits="tool")` with this home and folder, to be killed; None for none."""
        return None

    def test_a_result_is_the_same_as_here_and_made_once(self, tmp_path: Path) -> None:
        """The value and the bytes are those of a call in this process; the second call is reused."""
        call, here = self._call(tmp_path), Store(tmp_path / "here", place="")

        results = self._play(tmp_path, lambda executor: _one_after_the_other(executor, call, call))

        assert [result.reused for result in results] == [False, True]
        assert results[0].value == results[1].value == execute_call(call, here).value
        assert _text(self._store(tmp_path), results[0]) == "take"

    def test_errors_come_back_with_what_they_carry(self, tmp_path: Path) -> None:
        """The class, the message and the attributes are those that the node raised; nothing is stored."""

        async def play(executor: Executor) -> list[BaseException | Result]:
            calls = [self._call(tmp_path, end=end) for end in ("input", "check", "unknown", "full")]
            return await asyncio.gather(*map(executor.run, calls), return_exceptions=True)

        wrong_input, check, unknown, full = self._play(tmp_path, play)

        assert isinstance(wrong_input, InputMediaError) and wrong_input.message == "no face here"
        assert isinstance(check, CheckFailed) and check.findings == {"s01": "it does not fit"}
        assert "an unexpected error" in str(unknown)
        assert isinstance(unknown, InternalError if self.separate_workers else ZeroDivisionError)
        assert isinstance(full, StorageFailed if self.separate_workers else OSError)
        assert self._results(tmp_path) == []

    def test_a_worker_with_other_tools_refuses_the_call(self, tmp_path: Path) -> None:
        """Otherwise another ffmpeg would publish under the key of the coordinator's."""
        call = self._call(tmp_path)
        parts = {**call.args["parts"], "tools": {"ffmpeg": "0.9"}}

        error = self._fails(tmp_path, Call(call.fn, {**call.args, "parts": parts}, call.key))

        assert isinstance(error, ToolFailed)
        assert "and 0.9 where the run was started" in error.message
        assert self._results(tmp_path) == []

    def test_a_killed_worker_changes_no_result(self, tmp_path: Path) -> None:
        """Killed in Python code, in a tool or after its file was stored: the call runs again, and others go on."""
        if not self.separate_workers:
            return

        async def play(executor: Executor) -> list[Result]:
            results = []
            for waits in ("python", "tool", "stored"):
                folder = tmp_path / waits
                folder.mkdir()
                work = asyncio.create_task(executor.run(self._call(folder, text=waits, waits=waits)))
                pid = await _first_pid(folder, f"at-{waits}-")
                if waits == "tool":
                    await _first_pid(folder, "tool-")
                os.kill(pid, signal.SIGKILL)
                other = await executor.run(self._call(folder, text="other"))
                (folder / "go").touch()
                results += [await work, other]
            return results

        results = self._play(tmp_path, play)

        store = self._store(tmp_path)
        assert [_text(store, result) for result in results] == ["python", "other", "tool", "other", "stored", "other"]
        assert [result.reused for result in results[::2]] == [False] * 3
        _no_tool_is_left(tmp_path)

    def test_a_film_is_the_same_although_a_worker_is_killed(self, tmp_path: Path) -> None:
        """Byte for byte that of threads of this process; its take is paid for once in each of the two homes."""
        if not self.separate_workers:
            return
        clip = make_clip(tmp_path / "film.mp4", ClipRecipe(frames=24, size=(160, 90)))
        here, there = tmp_path / "here", tmp_path / "there"
        for folder in (here, there):
            folder.mkdir()
        (here / "go").touch()

        async def play(executor: Executor) -> None:
            work = asyncio.create_task(make_film(clip, there, tmp_path / "home", executor))
            pid = asyncio.create_task(_first_pid(there, "at-hold-"))
            await asyncio.wait([work, pid], return_when=asyncio.FIRST_COMPLETED)
            assert pid.done(), f"the film ended before its worker was killed: {work}"
            os.kill(pid.result(), signal.SIGKILL)
            (there / "go").touch()
            await work

        with FakeProvider() as fake:
            asyncio.run(make_film(clip, here, tmp_path / "local"))
            with mock.patch.dict(os.environ, {"REACT1_STORE": self.place}):
                self._play(tmp_path, play, FILM_LIMIT_S)

        film = (here / "film.mp4").read_bytes()
        assert film != clip.read_bytes()
        assert (there / "film.mp4").read_bytes() == film
        assert len(fake.submissions) == 2
        _no_tool_is_left(tmp_path)

    def test_a_call_that_always_crashes_harms_no_other(self, tmp_path: Path) -> None:
        """It fails in one line after some attempts, and the other calls have their results."""
        if not self.separate_workers:
            return

        async def play(executor: Executor) -> list[BaseException | Result]:
            calls = [self._call(tmp_path, end="crash"), *(self._call(tmp_path, text=text) for text in "abc")]
            return await asyncio.gather(*map(executor.run, calls), return_exceptions=True)

        crash, *others = self._play(tmp_path, play)

        assert isinstance(crash, ToolFailed), repr(crash)
        assert [_text(self._store(tmp_path), other) for other in others if isinstance(other, Result)] == list("abc")

    def test_a_cancelled_call_leaves_nothing_running(self, tmp_path: Path) -> None:
        """When `run` returns, the tool has ended and no scratch is left; the next call runs as ever."""

        async def play(executor: Executor) -> Result:
            for waits in ("tool", "python"):
                folder = tmp_path / waits
                folder.mkdir()
                work = asyncio.create_task(executor.run(self._call(folder, waits=waits)))
                await _first_pid(folder, "tool-" if waits == "tool" else "at-python-")
                work.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await work
                await _until(lambda: not _tools(tmp_path), "a tool runs after its call was cancelled")
            return await executor.run(self._call(tmp_path, text="next"))

        result = self._play(tmp_path, play)

        assert _text(self._store(tmp_path), result) == "next"
        assert len(self._results(tmp_path)) == 1

    def test_a_call_is_cancelled_by_its_key(self, tmp_path: Path) -> None:
        """`cancel` ends the task that waits for the call."""

        async def play(executor: Executor) -> bool:
            call = self._call(tmp_path, waits="tool")
            work = asyncio.create_task(executor.run(call))
            await _first_pid(tmp_path, "tool-")
            await executor.cancel(call.key)
            await executor.cancel("ff" * 32)
            await asyncio.wait([work], timeout=LIMIT_S)
            await _until(lambda: not _tools(tmp_path), "a tool runs after its call was cancelled")
            return work.cancelled()

        assert self._play(tmp_path, play)

    def test_a_killed_coordinator_leaves_no_tool(self, tmp_path: Path) -> None:
        """Its calls end with it, and a new coordinator runs them again."""
        command = self.coordinator(tmp_path / "home", tmp_path)
        if command is None:
            return
        child = LineProcess(command)
        try:
            asyncio.run(_first_pid(tmp_path, "tool-"))
            os.kill(child.pid, signal.SIGKILL)
            asyncio.run(_until(lambda: not _tools(tmp_path), "a tool has outlived its coordinator"))
        finally:
            child.close()
        (tmp_path / "go").touch()
        (result,) = self._play(
            tmp_path, lambda executor: _one_after_the_other(executor, self._call(tmp_path, waits="tool"))
        )

        assert _text(self._store(tmp_path), result) == "take"

    def _play(
        self, tmp_path: Path, play: Callable[[Executor], Coroutine[Any, Any, _T]], limit_s: float = LIMIT_S
    ) -> _T:
        async def run() -> _T:
            async with self._opened(self._store(tmp_path)) as executor:
                return await asyncio.wait_for(play(executor), limit_s)

        return asyncio.run(run())

    @asynccontextmanager
    async def _opened(self, store: Store) -> AsyncIterator[Executor]:
        executor = self.open(store)
        try:
            yield executor
        finally:
            await executor.aclose()

    def _fails(self, tmp_path: Path, call: Call) -> React1Error:
        async def play(executor: Executor) -> React1Error:
            try:
                await executor.run(call)
            except React1Error as error:
                return error
            raise AssertionError("the call did not fail")

        return self._play(tmp_path, play)

    def _store(self, tmp_path: Path) -> Store:
        return Store(tmp_path / "home", place=self.place)

    def _results(self, tmp_path: Path) -> list[str]:
        return list(self._store(tmp_path).backend.records.names("results"))

    def _call(self, folder: Path, **params: Any) -> Call:
        return probe_call(folder, **params)


def probe_call(folder: Path, **params: Any) -> Call:
    """Return a call of `Probe` with its files in this folder."""
    values = {"folder": str(folder), **params}
    parts = {"node": Probe.name, "version": Probe.version, "params": values, "inputs": {}, "tools": {}}
    args = {"params": values, "inputs": {}, "parts": parts}
    return Call(f"{Probe.__module__}:{Probe.__name__}", args, digest(parts), Need(cores=1))


async def _one_after_the_other(executor: Executor, *calls: Call) -> list[Result]:
    return [await executor.run(call) for call in calls]


async def _until(condition: Callable[[], _T | None], failure: str) -> _T:
    """Wait until a condition is true, and return its value."""
    deadline_s = time.monotonic() + LIMIT_S
    while time.monotonic() < deadline_s:
        value = condition()
        if value:
            return value
        await asyncio.sleep(0.01)
    raise AssertionError(failure)


async def _first_pid(folder: Path, prefix: str) -> int:
    """Wait for a file `<prefix><pid>`, and return the process ID."""
    return await _until(
        lambda: next((int(path.name.removeprefix(prefix)) for path in folder.glob(f"{prefix}*")), None),
        f"no {prefix} in {folder}",
    )


def _tools(folder: Path) -> list[int]:
    """Return the tools below a folder that still run, by their process IDs; a zombie does not."""
    return [int(path.name.removeprefix("tool-")) for path in folder.rglob("tool-*") if _runs(path.name[5:])]


def _runs(pid: str) -> bool:
    try:
        status = Path("/proc", pid, "stat").read_text().rpartition(")")[2].split()[0]
        command = Path("/proc", pid, "cmdline").read_bytes()
    except OSError:
        return False
    return status not in "ZX" and b"tool-" in command


def _no_tool_is_left(folder: Path) -> None:
    asyncio.run(_until(lambda: not _tools(folder), "a tool is left"))


def _text(store: Store, result: Result) -> str:
    media: Media = from_json(Media, result.value)
    return store.path(media.file).read_text()


COORDINATOR = f"""
import asyncio, sys
from pathlib import Path
from {__package__} import executor_tests
from {__package__.rpartition(".")[0] or "react1"}.pipeline.executors.choose_executor import choose_executor
from {__package__.rpartition(".")[0] or "react1"}.pipeline.executors.local_executor import LocalExecutor

store = executor_tests.Store(Path(sys.argv[1]))

async def main():
    executor = choose_executor(store, LocalExecutor(store), lambda key, share: None)
    await executor.run(executor_tests.probe_call(Path(sys.argv[2]), waits="tool"))

asyncio.run(main())
"""
"""A coordinator that runs one call with a tool: `python -c COORDINATOR HOME FOLDER`, under the settings."""


def coordinator_command(home: Path, folder: Path) -> list[str]:
    """Return the command that runs `COORDINATOR`."""
    return [sys.executable, "-c", COORDINATOR, str(home), str(folder)]
