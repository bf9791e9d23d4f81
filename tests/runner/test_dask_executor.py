"""The conformance suite on a Dask cluster of two workers, and what calls ask of workers."""

from __future__ import annotations

import os

import pytest

from react1.pipeline.core.errors import ToolFailed
from react1.pipeline.core.nodes.node import Need
from react1.pipeline.executors.cluster_executors import DaskExecutor, dask_resources
from react1.testing import ExecutorTests
from react1.testing.executor_tests import coordinator_command

pytest.importorskip("distributed", reason="these tests need the extra dask")
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::DeprecationWarning:distributed")]


@pytest.fixture(scope="module")
def dask(tmp_path_factory):
    from clusters import open_dask

    with open_dask(tmp_path_factory.mktemp("dask"), environ={**os.environ}) as address:
        yield address


class TestDask(ExecutorTests):
    """Workers that share the home folder, as on one machine."""

    @pytest.fixture(autouse=True)
    def cluster(self, dask, monkeypatch):
        monkeypatch.setattr(type(self), "address", dask, raising=False)
        monkeypatch.setenv("REACT1_EXECUTOR", f"dask://{dask}")
        monkeypatch.setenv("REACT1_SILENCE_S", "3")

    def open(self, store):
        return DaskExecutor(store, address=f"tcp://{self.address}")

    def coordinator(self, home, folder):
        return coordinator_command(home, folder)


def test_a_call_asks_for_what_workers_declare():
    """Labels and GPUs must be declared; the rest counts only where it is."""
    need = Need(cores=4, memory_mb=8000, labels=("linux",))

    assert dask_resources(need, {"cores", "linux"}) == {"cores": 4.0, "linux": 1.0}
    assert dask_resources(Need(), set()) == {}
    with pytest.raises(ToolFailed, match="no dask worker declares the resource 'gpus'"):
        dask_resources(Need(gpus=1), {"cores"})
    with pytest.raises(ToolFailed, match="'linux'"):
        dask_resources(need, {"cores"})
