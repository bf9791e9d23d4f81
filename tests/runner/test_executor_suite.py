"""The conformance suite for each executor, and the settings that choose one."""

from __future__ import annotations

import asyncio
import sys

import pytest

from react1.pipeline.core.errors import PresetError
from react1.pipeline.core.nodes.node import Need
from react1.pipeline.executors.choose_executor import choose_executor
from react1.pipeline.executors.local_executor import Capacity, LocalExecutor
from react1.pipeline.executors.process_executor import ProcessExecutor
from react1.pipeline.store.store import Store
from react1.testing import ExecutorTests
from react1.testing.executor_tests import coordinator_command

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the suite reads /proc")


class TestLocal(ExecutorTests):
    """Threads of this process."""

    separate_workers = False

    def open(self, store):
        return LocalExecutor(store)

    def coordinator(self, home, folder):
        return coordinator_command(home, folder)


@pytest.mark.slow
class TestProcesses(ExecutorTests):
    """Processes of this machine."""

    def open(self, store):
        return ProcessExecutor(store, capacity=Capacity(2))

    @pytest.fixture(autouse=True)
    def setting(self, monkeypatch):
        monkeypatch.setenv("REACT1_EXECUTOR", "processes")

    def coordinator(self, home, folder):
        return coordinator_command(home, folder)


def _choose(tmp_path, place=""):
    store = Store(tmp_path / "home", place=place)
    local = LocalExecutor(store)
    return choose_executor(store, local, lambda key, share: None), local


def test_the_setting_chooses_the_executor(tmp_path, monkeypatch):
    """Nothing is started, and no engine imported, before the first call."""

    async def choose(setting):
        monkeypatch.setenv("REACT1_EXECUTOR", setting)
        executor, local = _choose(tmp_path)
        return "local" if executor is local else type(executor).__name__

    names = ["", "local", "processes", "processes:3", "dask://127.0.0.1:8786", "ray", "ray://127.0.0.1:6379"]
    chosen = [asyncio.run(choose(name)) for name in names]

    assert chosen == ["local", "local", *["ProcessExecutor"] * 2, "DaskExecutor", *["RayExecutor"] * 2]
    assert not {"ray", "distributed"} & set(sys.modules) or "distributed" in sys.modules


@pytest.mark.parametrize("setting", ["threads", "processes:x", "dask://", "dask://host", "ray://a b:1", "ftp://a:1"])
def test_a_setting_that_names_no_executor_is_refused(tmp_path, monkeypatch, setting):
    """The message has the value and the forms."""
    monkeypatch.setenv("REACT1_EXECUTOR", setting)

    with pytest.raises(PresetError, match="is no executor; write local, processes"):
        _choose(tmp_path)


def test_a_run_with_a_wrong_setting_ends_before_it_begins(react1, monkeypatch, tmp_path):
    """Exit 2, and no run is recorded."""
    film = tmp_path / "film.txt"
    film.write_text("film")
    monkeypatch.setenv("REACT1_EXECUTOR", "threads")

    result = react1("run", "prepare", film, "--edit", "0-1:sad", "--out", "clips")

    assert (result.status, "REACT1_EXECUTOR 'threads' is no executor" in result.err) == (2, True), result.err
    assert not (tmp_path / "home" / "runs").exists()


def test_workers_elsewhere_need_a_shared_store(tmp_path, monkeypatch):
    """A home folder is of one machine; with REACT1_STORE the same setting is accepted."""
    monkeypatch.setenv("REACT1_EXECUTOR", "dask://farm.example:8786")
    with pytest.raises(PresetError, match=r"cannot read .*; set REACT1_STORE"):
        _choose(tmp_path)
    (tmp_path / "mounted").mkdir()

    async def choose():
        return _choose(tmp_path, str(tmp_path / "mounted"))

    assert asyncio.run(choose())[0].address == "tcp://farm.example:8786"


async def _started(capacity, needs):
    """Return the names of the calls that run at once, and of all in the order of their start."""
    order, may_end = [], asyncio.Event()

    async def call(name, need):
        async with capacity.hold(need):
            order.append(name)
            await may_end.wait()

    tasks = [asyncio.create_task(call(name, need)) for name, need in needs.items()]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    running = list(order)
    may_end.set()
    await asyncio.gather(*tasks)
    return running, order


def test_cores_are_shared_in_the_order_of_arrival():
    """Two cores run one call of two, or two of one; a call that needs more than there are takes all."""
    needs = {name: Need(cores=cores) for name, cores in (("a", 1), ("wide", 9), ("b", 1), ("waits", 0))}

    running, order = asyncio.run(_started(Capacity(2), needs))

    assert sorted(running) == ["a", "waits"]
    assert order.index("wide") < order.index("b")


def test_a_declared_need_of_memory_changes_what_runs_at_once():
    """Two calls that fit together do; two that do not run one after the other, and one that never fits runs alone."""

    def running(memory_mb, *needs_mb):
        needs = {str(number): Need(cores=1, memory_mb=need_mb) for number, need_mb in enumerate(needs_mb)}
        at_once, order = asyncio.run(_started(Capacity(8, memory_mb), needs))
        assert len(order) == len(needs_mb)
        return len(at_once)

    assert running(3000, 1000, 1000, 1000, 1000) == 3
    assert running(3000, 0, 0, 0, 0) == 4
    assert running(3000, 2000, 2000) == 1
    assert running(1000, 5000, 5000) == 1
    assert running(0, 5000, 5000) == 2  # the memory of the machine is not known
    assert Capacity().memory_mb > 0


def test_a_cancelled_wait_for_cores_holds_none():
    """The next in line gets them."""

    async def play():
        capacity, need = Capacity(1), Need(cores=1)
        async with capacity.hold(need):
            waiting = asyncio.create_task(capacity.hold(need).__aenter__())
            await asyncio.sleep(0)
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
        async with asyncio.timeout(30), capacity.hold(need):
            return True

    assert asyncio.run(play())
