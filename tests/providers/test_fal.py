"""fal, by the conformance suite of the public contract, and what is fal's own."""

from __future__ import annotations

from fractions import Fraction

import pytest
from fal_host import FalHost
from long_list import lose_submit_in_long_list

from react1.pipeline.core.edits.choices import React1Choices
from react1.pipeline.providers.fal.client import fal
from react1.testing import Failure, ProviderTests

pytestmark = pytest.mark.slow


class TestFal(ProviderTests):
    host = FalHost

    def provider(self, environ, host):
        return fal({**environ, "REACT1_FAL_URL": host.url, "FAL_KEY": host.key})


@pytest.fixture
def trial(tmp_path):
    with TestFal().trial(tmp_path) as trial:
        yield trial


def test_the_submit_is_the_documented_one(trial):
    """Six inputs under fal's names, and no repetition by fal itself."""
    trial.run(prompt="sad", temperature=0.25, model_mode="lips", sync_mode="loop")

    (submit,) = trial.host.received("submit")
    body = submit.json()
    assert {name: value for name, value in body.items() if not name.endswith("_url")} == {
        "emotion": "sad",
        "model_mode": "lips",
        "lipsync_mode": "loop",
        "temperature": 0.25,
    }
    assert (submit.headers["x-fal-no-retry"], submit.headers["x-fal-request-timeout"]) == ("1", "1800")
    assert all(body[name].startswith(trial.host.url) for name in ("video_url", "audio_url"))


def test_uploads_expire_after_a_day(trial):
    """By the header of the request for a presigned URL."""
    trial.run()

    (first, _second) = trial.host.received("initiate")
    assert first.headers["x-fal-object-lifecycle-preference"] == '{"expiration_duration_seconds": 86400}'


@pytest.mark.parametrize(("error_type", "billed"), [("runner_disconnected", False), ("", None)])
def test_a_fault_of_fal_is_not_billed_and_a_rejected_input_may_be(trial, error_type, billed):
    """5xx are never billed; 422 may be."""
    trial.host.outcome, trial.host.error_type = "failed", error_type

    assert trial.fails().billed is billed


def test_a_request_that_the_queue_has_forgotten_is_found_in_the_list(trial):
    """Its output is kept there longer."""
    trial.host.pick_failure = lambda route: Failure("status", "status", status=404) if route == "status" else None
    trial.host.polls_until_done = -1

    assert trial.run().take.request_id == "job-0001"
    assert trial.host.received("history")[0].query["request_id"] == "job-0001"


def test_a_long_list_is_searched_page_by_page(trial):
    """The oldest of 101 requests is on the second page."""
    lose_submit_in_long_list(trial.host)

    assert trial.run().take.request_id == "job-0001"
    assert [request.query.get("cursor") for request in trial.host.received("history")] == [None, "100"]


def test_speaker_and_occlusion_are_refused():
    """Fal has no such options."""
    provider = fal({"FAL_KEY": "k"})

    assert provider.refusals(React1Choices()) == []
    assert provider.refusals(React1Choices(auto_active_speaker_detection=True, occlusion_detection_enabled=True)) == [
        f"{name}: true is not possible at fal; leave it out, or choose another provider"
        for name in ("auto_active_speaker_detection", "occlusion_detection_enabled")
    ]


def test_ten_dollars_a_minute():
    """Fal's published price."""
    assert fal({"FAL_KEY": "k"}).cost_usd(Fraction(15), 375) == 2.5


def test_three_hosts_get_the_key_by_default():
    """The queue, the list, and the storage."""
    settings = fal({"FAL_KEY": "k"}).settings

    assert (settings.base_url, settings.history_url, settings.upload_url) == (
        "https://queue.fal.run",
        "https://api.fal.ai",
        "https://rest.fal.ai",
    )
    assert settings.settle_after_s == 7200
