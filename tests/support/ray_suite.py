"""The conformance suite on Ray; `test_ray_executor.py` runs it where only loopback exists: Ray listens everywhere."""

from __future__ import annotations

import pytest

from react1.pipeline.executors.cluster_executors import RayExecutor
from react1.testing import ExecutorTests

pytestmark = [
    pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning", "ignore::ResourceWarning")
]


@pytest.fixture(scope="module")
def head():
    """Start a head with two cores in this process's namespace; its drivers come and go."""
    from ray.cluster_utils import Cluster

    cluster = Cluster(
        initialize_head=True, head_node_args={"num_cpus": 2, "resources": {"linux": 1}, "include_dashboard": False}
    )
    yield cluster.address
    cluster.shutdown()


class TestRay(ExecutorTests):
    """Workers that share the home folder, as on one machine."""

    @pytest.fixture(autouse=True)
    def cluster(self, head, monkeypatch):
        monkeypatch.setattr(type(self), "address", head, raising=False)
        monkeypatch.setenv("REACT1_EXECUTOR", f"ray://{head}")
        monkeypatch.setenv("REACT1_SILENCE_S", "3")

    def open(self, store):
        return RayExecutor(store, address=self.address)

    def coordinator(self, home, folder):
        from react1.testing.executor_tests import coordinator_command

        return coordinator_command(home, folder)
