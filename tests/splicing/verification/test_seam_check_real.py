"""The checks of seams on real footage: honest work passes with the defaults, wrong work does not."""

from __future__ import annotations

import numpy as np
import pytest
from takes import drawn_take, segment

from react1.nodes.splice import Splice, SpliceParams
from react1.pipeline.core.errors import CheckFailed
from react1.pipeline.media.probe import probe

pytestmark = pytest.mark.slow

START, END = 40, 64
FILMS = {
    "faces/talk_h264_700x700_vfr_6s.mp4": (slice(300, 420), slice(280, 420)),
    "faces/talk_mpeg1_360x288_3s.mpg": (slice(110, 190), slice(130, 230)),
}
"""Films, and where in them somebody's face is."""


def placed(context, media_folder, name):
    file = context.add_external(media_folder / name)
    return segment(probe(context.path(file), file), START, END, head=4, tail=4)


def warmed(face):
    """Make a face lighter, more from frame to frame, and less towards the end."""

    def draw(parts, number):
        depth = min(max(number - START + 1, 0), max(END - number, 0), 6) / 6
        parts[0][face] = np.clip(parts[0][face] + 16 * depth, 0, 255)
        return parts

    return draw


@pytest.mark.parametrize("name", FILMS)
def test_honest_work_on_real_footage_passes(context, media_folder, name):
    """With the default thresholds, in a film that is copied and in one that is re-encoded."""
    take = drawn_take(context, placed(context, media_folder, name), warmed(FILMS[name]))

    figures = Splice().run(context, SpliceParams(), take.segment.source, [take]).metrics["splice"]

    assert figures["seam_delta_e"] < 1.5
    assert (figures["frozen_frames"], figures["doubled_frames"]) == (0, 0)


WRONG = {
    "stands still": ({"of": lambda number: 44 if 44 <= number < END else number}, "frozen_frames"),
    "is a second behind": ({"of": lambda number: number - 25 if START <= number < END else number}, "seam_delta_e"),
    "is mirrored": ({}, "seam_delta_e"),
}


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("name", FILMS)
def test_wrong_work_on_real_footage_fails(context, media_folder, name, wrong):
    """By the check that is there for it; without that one it would pass or fail by another.

    At high quality, which searches no quantiser; honest work passes at the default one, too.
    """
    changes, key = WRONG[wrong]

    def draw(parts, number):
        mirrored = wrong == "is mirrored" and START <= number < END
        return [part[:, ::-1] for part in parts] if mirrored else parts

    take = drawn_take(context, placed(context, media_folder, name), draw, **changes)
    others = {item: None for item in ("seam_delta_e", "frozen_frames", "doubled_frames") if item != key}

    params = SpliceParams.model_validate({"seam": "cut", "checks": others, "quality": "high"})
    with pytest.raises(CheckFailed, match=key):
        Splice().run(context, params, take.segment.source, [take])
