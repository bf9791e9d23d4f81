"""The clip that is to be sent is checked first: size, rate, duration, voice."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from fractions import Fraction

import pytest
from job_runner import JobRunner

from react1.pipeline.core.values import Timestamps
from react1.pipeline.jobs import budget
from react1.pipeline.jobs.budget import check_request


@pytest.fixture
def runner(tmp_path):
    return JobRunner(tmp_path, "http://127.0.0.1:9")


def check(runner, voice=True, **changes):
    """Check a request whose clip has these properties; return the error."""
    request = runner.request()
    segment = request.segment
    video = segment.media.video.model_copy(update=changes)
    clip = segment.media.model_copy(update={"video": video})
    changed = segment.model_copy(update={"media": clip, "voice": segment.voice if voice else None})
    upload = request.upload.model_copy(update={"segment": changed})
    return check_request(replace(request, upload=upload), runner.store)[1]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"width_px": 4098, "height_px": 2160}, "is 4098x2160, and segmind accepts at most 4096x2160"),
        ({"width_px": 2162, "height_px": 3840}, "is 2162x3840, and segmind accepts at most 4096x2160"),
        ({"rate": Fraction(50)}, "has 50.000 frames/s, and segmind needs a constant 24, 25, 30"),
        ({"rate": Fraction(30000, 1001)}, "has 29.970 frames/s"),
        ({"constant_rate": False}, "25.000 frames/s, not constant"),
        ({"timestamps": Timestamps(runs=((0, 512, 376),), last_duration=512)}, "lasts 15.04 s with its handles"),
        ({"voice": False}, "has no voice, which segmind needs; the film is silent there, so give the edit an `audio`"),
    ],
)
def test_clip_that_the_provider_would_not_accept_is_refused(runner, changes, message):
    """The message says which step is missing."""
    assert message in str(check(runner, **changes))


def test_clip_that_fits_is_checked_for_a_face(runner):
    """The span in the film is checked then; a synthetic clip has no face."""
    pytest.importorskip("ai_edge_litert", reason="the local engine is not installed")

    assert "no face" in str(check(runner, width_px=2160, height_px=3840))


@pytest.mark.parametrize("first", [True, False])
def test_takes_of_a_matrix_share_what_was_found_in_their_clip_only(runner, monkeypatch, first):
    """One lets the provider find the speaker, the other names a face that the provider cannot be told."""
    monkeypatch.setattr(budget, "check_segment", lambda segment, store, limits: ((), None))
    runner.segment = runner.segment.model_copy(update={"edit": runner.segment.edit.model_copy(update={"face": 1})})
    requests = [runner.request(auto_active_speaker_detection=speaker) for speaker in (first, not first)]

    async def run():
        async with runner.manager() as jobs:
            await jobs.check_all(requests, fail_fast=False)
            return set(jobs._rejected)

    (rejected,) = asyncio.run(run())
    assert rejected == next(each.call.key for each in requests if not each.choices.auto_active_speaker_detection)
