"""The clip that is to be sent is looked at before it is: size, rate, length, voice."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest
from asks import Counter

from react1.pipeline.core.values import Timestamps
from react1.pipeline.jobs.precheck import check_request


@pytest.fixture
def counter(tmp_path):
    return Counter(tmp_path, "http://127.0.0.1:9")


def looked(counter, voice=True, **changes):
    """Look at an ask whose clip has these properties."""
    ask = counter.ask()
    segment = ask.segment
    video = segment.media.video.model_copy(update=changes)
    clip = segment.media.model_copy(update={"video": video})
    placed = segment.model_copy(update={"media": clip, "voice": segment.voice if voice else None})
    upload = ask.upload.model_copy(update={"segment": placed})
    return check_request(replace(ask, upload=upload), counter.store)[1]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"width_px": 4098, "height_px": 2160}, "is 4098x2160, and segmind takes at most 4096x2160"),
        ({"width_px": 2162, "height_px": 3840}, "is 2162x3840, and segmind takes at most 4096x2160"),
        ({"rate": Fraction(50)}, "has 50.000 frames/s, and segmind wants a constant 24, 25, 30"),
        ({"rate": Fraction(30000, 1001)}, "has 29.970 frames/s"),
        ({"constant_rate": False}, "25.000 frames/s, not constant"),
        ({"timestamps": Timestamps(runs=((0, 512, 376),), last_duration=512)}, "lasts 15.04 s with its handles"),
        ({"voice": False}, "has no voice, which segmind needs"),
    ],
)
def test_a_clip_that_the_host_would_not_take_is_refused(counter, changes, says):
    """In one line that says which step is missing."""
    assert says in str(looked(counter, **changes))


def test_a_clip_that_fits_is_refused_for_its_face_alone(counter):
    """The span in the film is looked at then; a made clip has no face."""
    pytest.importorskip("mediapipe", reason="the local engine is not installed")

    assert "no face" in str(looked(counter, width_px=2160, height_px=3840))
