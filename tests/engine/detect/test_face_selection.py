"""How much of an expression a face gets in each frame, by how well it is seen."""

from __future__ import annotations

from fractions import Fraction

import made_tracks
import numpy as np
import pytest

from react1.pipeline.engine.detect.detect import FrameDetections
from react1.pipeline.engine.detect.face_selection import sharpness_weights
from react1.pipeline.engine.detect.people import tracks_in
from react1.pipeline.engine.occlusion.occlusion import FaceTexels


@pytest.mark.parametrize("fps", [24, 25, 30, 60, 120])
def test_a_fade_for_blur_takes_as_long_at_any_frame_rate(fps):
    """It begins a quarter of a second before the blur, not three frames, which would be abrupt at 60."""
    sharp, blurred = (np.full((1329, 4), edge, np.uint8) for edge in (100, 20))
    first, last = fps, fps + round(0.2 * fps)
    texels = {number: FaceTexels(blurred if first <= number < last else sharp) for number in range(2 * fps)}

    weights = sharpness_weights(texels, 2 * fps, Fraction(fps))

    changing = np.flatnonzero((weights > 0) & (weights < 1))
    before_s, after_s = (first - changing[0]) / fps, (changing[-1] + 1 - last) / fps
    assert (weights[first:last] == 0).all()
    assert before_s == pytest.approx(0.24, abs=0.04)
    assert after_s == pytest.approx(before_s, abs=0.01)


@pytest.mark.parametrize(("fps", "least"), [(24, 4), (25, 4), (50, 8), (120, 19)])
def test_a_face_is_ignored_that_is_seen_for_less_than_a_sixth_of_a_second(fps, least):
    """Four frames last 0.16 s at 25 frames/s and 0.03 s at 120."""
    face, shot = made_tracks.face(300, 200), (0, fps)

    def tracks(seen):
        frames = [FrameDetections((face,) if number < seen else ()) for number in range(fps)]
        return tracks_in(frames, shot, shot, Fraction(fps))

    assert not tracks(least - 1)
    assert len(tracks(least)) == 1
