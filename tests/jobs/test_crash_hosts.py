"""The crash trial on fal and Replicate: killed around the submit, each call is made once and keeps its take.

All stages, and the table of them: benchmarks/crash.py --provider fal.
"""

from __future__ import annotations

import sys

import pytest

pytest.importorskip("fastapi", reason="the crash trial shares code with the one of the local server")
pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform == "win32", reason="signals of this kind are POSIX")]

from crash_hosts import HOSTS, HostLab  # noqa: E402


@pytest.fixture(scope="module", params=sorted(HOSTS))
def lab(request, tmp_path_factory):
    """Two hosts with failures, a clip, and processes that pay."""
    with HostLab(tmp_path_factory.mktemp("crash"), request.param) as lab:
        yield lab


@pytest.mark.parametrize("stage", ["submit", "response lost", "history"])
def test_call_killed_around_the_submit_is_made_once_and_keeps_its_take(lab, stage):
    """With failures of every kind between the kills."""
    row = lab.stage(stage)

    assert (row.missed, row.errors) == ([], [])
    assert row.kills >= 4
    assert (row.doubles, row.lost, row.jobs) == (0, 0, row.calls)
