"""The conformance suite on Ray, in a network namespace that has only loopback.

Ray is no part of the extra `test`, since it takes 360 MB; where it is installed, the suite runs.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from react1.pipeline.core.nodes.node import Need
from react1.pipeline.executors.cluster_executors import ray_options

ROOT = Path(__file__).resolve().parent.parent.parent
NAMESPACE = ["unshare", "--map-root-user", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"]


def _refused() -> str:
    """Return why the suite cannot run here, or nothing."""
    if importlib.util.find_spec("ray") is None:
        return "ray is not installed: these tests need the extra ray"
    if not (shutil.which("unshare") and shutil.which("ip")):
        return "Ray listens on all interfaces, and without unshare and ip there is no namespace with loopback only"
    if subprocess.run([*NAMESPACE, "true"], capture_output=True).returncode:
        return "Ray listens on all interfaces, and this machine allows no network namespace"
    return ""


@pytest.mark.slow
def test_ray_passes_the_suite(tmp_path):
    """Every test of the conformance suite passes on a cluster of two cores."""
    if reason := _refused():
        pytest.skip(reason)
    environ = {**os.environ, "RAY_USAGE_STATS_ENABLED": "0", "PYTHONPATH": str(ROOT / "tests" / "support")}
    suite = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--basetemp", str(tmp_path / "t")]

    process = subprocess.run(
        [*NAMESPACE, *suite, "tests/support/ray_suite.py"], cwd=ROOT, env=environ, capture_output=True, text=True
    )

    assert process.returncode == 0, process.stdout[-6000:]
    assert "skipped" not in process.stdout


def test_a_task_asks_for_what_a_call_needs():
    """Cores, memory in bytes, GPUs, and a share of each label."""
    assert ray_options(Need(cores=4, memory_mb=2, gpus=1, labels=("linux",))) == {
        "num_cpus": 4,
        "num_gpus": 1,
        "memory": 2 << 20,
        "resources": {"linux": 0.001},
    }
    assert ray_options(Need(cores=0)) == {"num_cpus": 0, "num_gpus": 0}
