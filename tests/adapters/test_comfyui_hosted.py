"""A hosted provider in ComfyUI: the key and the limit are the server's, and a sent call is never paid twice."""

from __future__ import annotations

import threading

import comfyui_jobs
import pytest
from server_client import open_server

from react1.pipeline.jobs import budget
from react1.pipeline.jobs.ledger import Ledger
from react1.pipeline.server.job_store import JobStore
from react1.pipeline.server.renderers import mark_source

pytestmark = pytest.mark.slow
KEY = "SG_secret0123456789abcdef"


class Provider:
    """Copies what it receives, and can be held up."""

    def __init__(self, home):
        self.home = home
        self.started, self.released = threading.Event(), threading.Event()
        self.released.set()

    def __call__(self, request, folder, check, max_s):
        self.started.set()
        while not self.released.wait(0.01):
            check()
        return mark_source(request, folder, check, max_s)

    @property
    def sent(self):
        """The prompts of all calls."""
        return [job.sent["prompt"] for job in sorted(JobStore(self.home).jobs(), key=lambda job: job.created_s)]


@pytest.fixture
def provider(server, tmp_path, monkeypatch):
    """Run a provider on loopback for the stand-in server, which may spend 1 USD per run."""
    double = Provider(tmp_path / "provider")
    monkeypatch.setattr(budget, "check_segment", lambda segment, store, limits: ((), None))
    with open_server(double.home, {"engine": "mark"}, renderer=double, key=KEY) as client:
        for name, value in (("REACT1_SEGMIND_URL", client.url), ("SEGMIND_API_KEY", KEY), ("REACT1_MAX_COST", "1")):
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("REACT1_POLL_S", "0.05")
        yield double
        double.released.set()


def workflow(prompt="sad", max_cost=0.9, provider="segmind"):
    """Return a workflow that may cost something."""
    return comfyui_jobs.workflow(prompt=prompt, run={"provider": provider, "max_cost_usd": max_cost})


def test_a_hosted_provider_runs_and_shows_its_estimate_first(server, provider):
    """The call is in the ledger, and the same workflow pays nothing again."""
    first = server.run(workflow())
    again = server.run(workflow(max_cost=0.8))

    assert not first.errors
    estimates = [text for node, text in server.texts if "estimate: $" in text]
    assert len(estimates) == 1
    assert "of at most $0.90" in estimates[0]
    assert "cost: $0." in first.ui["3"]["text"][0]
    assert "stored before" in again.ui["3"]["text"][0]
    assert provider.sent == ["sad"]
    (entry,) = Ledger(server.folder / "user" / "__react1").entries()
    assert entry.state == "done"


@pytest.mark.parametrize(
    ("variable", "value", "max_cost", "message"),
    [
        ("SEGMIND_API_KEY", None, 0.9, "SEGMIND_API_KEY"),
        ("REACT1_MAX_COST", None, 0.9, "start ComfyUI with REACT1_MAX_COST=USD"),
        ("REACT1_MAX_COST", "1", 0.0, "max_cost_usd is 0, and segmind costs money"),
    ],
)
def test_without_a_key_and_a_limit_nothing_is_queued(server, provider, monkeypatch, variable, value, max_cost, message):
    """A workflow of somebody else can spend nothing."""
    if value is None:
        monkeypatch.delenv(variable)
    outcome = server.run(workflow(max_cost=max_cost))

    assert (outcome.refused, message in outcome.errors["3"]) == (True, True)
    assert provider.sent == []


def test_a_preset_that_is_always_local_needs_no_limit(server, provider):
    """It costs nothing, whatever keys the server has."""
    job = workflow(max_cost=0.0, provider="auto")
    job["3"]["inputs"]["preset"] = "preview"

    outcome = server.run(job)

    assert not outcome.errors
    assert provider.sent == []


@pytest.mark.parametrize(("max_cost", "allowed"), [(0.01, "1"), (0.9, "0.02")])
def test_neither_limit_is_exceeded(server, provider, monkeypatch, max_cost, allowed):
    """The smaller one counts; the message names the box's widget and the server's setting."""
    monkeypatch.setenv("REACT1_MAX_COST", allowed)
    message = server.run(workflow(max_cost=max_cost)).errors["3"]

    assert f"more than the budget of ${min(max_cost, float(allowed)):.2f}" in message
    assert "raise max_cost_usd, which REACT1_MAX_COST of the server limits" in message
    assert "--" not in message
    assert provider.sent == []


def test_stop_leaves_the_sent_call_to_the_next_run(server, provider):
    """The provider works on; the next run waits for the same call."""
    provider.released.clear()
    stopper = threading.Thread(target=lambda: (provider.started.wait(30), server.stop.set()))
    stopper.start()
    stopped = server.run(workflow())
    stopper.join()
    provider.released.set()
    resumed = server.run(workflow())

    assert stopped.interrupted
    assert not resumed.errors
    assert provider.sent == ["sad"]
    assert "cost: $0." in resumed.ui["3"]["text"][0] or "stored before" in resumed.ui["3"]["text"][0]


def test_cost_tells_what_a_run_would_cost(server, provider):
    """Nothing is sent; a local run costs nothing."""
    job = workflow()
    del job["4"]
    job["5"] = {
        "class_type": "react1_cost",
        "inputs": {"video": ["1", 0], "edits": ["2", 0], "preset": "emotion-edit", "provider": "segmind"}
        | {"on_failure": "stop"},
    }
    hosted = server.run(job)
    job["5"]["inputs"]["provider"] = "local"
    local = server.run(job)

    assert hosted.outputs["5"][0][0] > 0.05
    assert f"cost: ${hosted.outputs['5'][0][0]:.2f}" in hosted.ui["5"]["text"][0]
    assert local.outputs["5"][0][0] == 0.0
    assert provider.sent == []


def test_cost_is_estimated_again_after_a_run(server, provider):
    """What is stored then costs nothing, with the same inputs; after that nothing has to run."""
    job, costs = workflow(), []
    job["0"] = {
        "class_type": "react1_cost",
        "inputs": {"video": ["1", 0], "edits": ["2", 0], "preset": "emotion-edit", "provider": "segmind"}
        | {"on_failure": "stop"},
    }

    for boxes in ("012", "01234", "01234", "01234"):
        last = server.run({name: box for name, box in job.items() if name in boxes})
        costs.append(last.outputs["0"][0][0])

    assert costs[0] > 0.05
    assert (costs[2:], last.ran) == ([0.0, 0.0], [])


def test_a_single_step_spends_only_what_the_server_allows(server, provider, monkeypatch):
    """A step has no widget for it."""
    job = comfyui_jobs.steps(react1={"provider": "segmind"})
    monkeypatch.delenv("REACT1_MAX_COST")
    refused = server.run(job)
    monkeypatch.setenv("REACT1_MAX_COST", "1")
    paid = server.run(job)

    assert "more than the budget of $0.00" in refused.errors["7"]
    assert not paid.errors
    assert provider.sent == ["sad"]
