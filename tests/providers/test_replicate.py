"""Replicate, by the conformance suite of the public contract, and what is Replicate's own."""

from __future__ import annotations

import pytest
from long_list import lose_submit_in_long_list
from replicate_host import ReplicateHost

from react1.pipeline.core.edits.choices import React1Choices
from react1.pipeline.providers.replicate.client import replicate
from react1.testing import ProviderTests

pytestmark = pytest.mark.slow


class TestReplicate(ProviderTests):
    host = ReplicateHost

    def provider(self, environ, host):
        return replicate({**environ, "REACT1_REPLICATE_URL": host.url, "REPLICATE_API_TOKEN": host.key})


@pytest.fixture
def trial(tmp_path):
    with TestReplicate().trial(tmp_path) as trial:
        yield trial


def test_the_create_is_the_documented_one(trial):
    """All six inputs, since the model's defaults are others, and a deadline as long as the data is kept."""
    trial.run(prompt="sad", temperature=0.25)

    (submit,) = trial.host.received("submit")
    sent = submit.json()["input"]
    assert {name: value for name, value in sent.items() if name not in ("video", "audio")} == {
        "emotion": "sad",
        "model_mode": "face",
        "sync_mode": "bounce",
        "temperature": 0.25,
    }
    assert submit.headers["cancel-after"] == "60m"


def test_uploaded_files_are_streamed_and_removed_after_the_run(trial):
    """Two files, each by one multipart request whose content is the file's; nothing is left there."""
    trial.run()

    bodies = [request.body for request in trial.host.received("upload")]
    assert trial.video in bodies[0]
    assert len(trial.host.received("remove")) == 2
    assert trial.host.files == {}


@pytest.mark.parametrize(("state", "billed"), [("failed", None), ("canceled", None), ("aborted", False)])
def test_only_a_prediction_that_never_ran_is_surely_not_billed(trial, state, billed):
    """`aborted` is a state that the official client does not know."""
    trial.host.outcome, trial.host.failed_state = "failed", state

    error = trial.fails()

    assert error.billed is billed
    assert f"{state}: no face in the video" in error.message


def test_a_long_list_is_searched_page_by_page(trial):
    """The oldest of 101 predictions is on the second page."""
    lose_submit_in_long_list(trial.host)

    assert trial.run().take.request_id == "job-0001"
    assert [request.query.get("cursor") for request in trial.host.received("history")] == [None, "100"]


def test_speaker_and_occlusion_are_refused():
    """Replicate has no such options."""
    provider = replicate({"REPLICATE_API_TOKEN": "k"})

    assert len(provider.refusals(React1Choices(auto_active_speaker_detection=True))) == 1
    assert len(provider.refusals(React1Choices(occlusion_detection_enabled=True))) == 1


def test_the_token_goes_to_one_host_by_default():
    """Predictions and files are at the same."""
    settings = replicate({"REPLICATE_API_TOKEN": "k"}).settings

    assert {settings.base_url, settings.history_url, settings.upload_url} == {"https://api.replicate.com"}
