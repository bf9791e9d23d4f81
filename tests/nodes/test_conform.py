"""The node conform: faulty takes are measured and corrected, or refused; what did not change is the source's."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from numbered_clips import frame_number
from takes import EDITED_BOX, edited_take, film, segment

from react1.nodes.conform import Conform, ConformParams
from react1.nodes.transcode import Transcode, TranscodeParams
from react1.pipeline.core.errors import InputMediaError, ProviderError
from react1.pipeline.media.frames.decode import decode_frames
from react1.pipeline.splicing.pictures.planes import frame_planes

pytestmark = pytest.mark.slow

COUNT = 24


def sent(context, **changes):
    """A whole film as the provider gets it."""
    media = film(context, frames=changes.pop("frames", COUNT), tracks=0, **changes)
    return Transcode().run(context, TranscodeParams(), segment(media, 0, media.video.frame_count))


def conformed(context, take):
    return Conform().run(context, ConformParams(), take)


def pictures(context, media):
    return [frame_planes(frame) for frame in decode_frames(context.path(media.file), media.video.index)]


def box_and_rim(luma):
    """The middle of the changed box, and all that lies well outside it."""
    height, width = luma.shape
    low, high = EDITED_BOX
    rows, columns = (
        slice(int(height * low) + 6, int(height * high) - 6),
        slice(int(width * low) + 6, int(width * high) - 6),
    )
    rim = np.ones(luma.shape, bool)
    rim[int(height * low) - 40 : int(height * high) + 40, int(width * low) - 40 : int(width * high) + 40] = False
    return luma[rows, columns], luma[rim]


def check(context, take, result, *, level=160, depth=8):
    """One frame per source frame; the box is the take's, everything away from it the source's to the bit."""
    source = take.segment.source
    assert result.conformed and result.media.video.frame_count == source.video.frame_count
    assert result.media.video.timestamps.array[1] > 0
    for before, after in zip(pictures(context, source), pictures(context, result.media), strict=True):
        (box, rim), (_, own) = box_and_rim(after[0]), box_and_rim(before[0])
        assert np.array_equal(rim, own)
        assert abs(float(np.median(box)) / 2 ** (depth - 8) - level) <= 6


FAULTS = {
    "none": ({}, {"lag_frames": 0, "missing": 0, "surplus": 0}),
    "a frame short": ({"order": range(COUNT - 1)}, {"missing": 1}),
    "five frames long": ({"order": [*range(COUNT), *([COUNT - 1] * 5)]}, {"surplus": 5, "missing": 0}),
    "two frames late": ({"order": [0, 0, *range(COUNT - 2)]}, {"lag_frames": 2, "missing": 2}),
    "two frames early": ({"order": [*range(2, COUNT), COUNT - 1, COUNT - 1]}, {"lag_frames": -2}),
    "24 for 25, same frames": ({"rate": Fraction(24)}, {"resampled": False, "missing": 0}),
    "lines added": ({"extra_lines": 8}, {"size_given": "320x188", "missing": 0}),
    "half size": ({"size": (160, 90)}, {"size_given": "160x90"}),
    "level shifted": ({"levels": (0.95, 8.0)}, {"missing": 0}),
}


@pytest.mark.parametrize("defect", FAULTS)
def test_a_faulty_take_is_measured_and_corrected(context, defect):
    """The fault stands in the figures, and the frames are right after all."""
    changes, figures = FAULTS[defect]
    take = edited_take(context, sent(context), **changes)

    result = conformed(context, take)

    matches = result.metrics["conform"]
    assert {key: matches[key] for key in figures} == figures
    assert matches["frames_expected"] == COUNT
    if defect != "half size":
        check(context, take, result)


def test_the_level_shift_is_measured(context):
    """Gain and offset of the luma are found on what did not change."""
    result = conformed(context, edited_take(context, sent(context), levels=(0.95, 8.0)))

    (gain, offset), *_ = result.metrics["conform"]["color_shift"]
    assert abs(gain - 0.95) < 0.01 and abs(offset - 8) < 1.5
    assert any("levels or colors" in text for text in result.notes)


@pytest.mark.parametrize("composite", ["auto", "frame"])
def test_a_take_that_changes_no_frame_of_its_span_is_refused(context, composite):
    """It fails as a clip without a face does; the message says where, and that it is not paid for again."""
    placed = sent(context)
    update = {"media": placed.media, "cost_usd": 0.2, "request_id": "job-1"}
    take = edited_take(context, placed).model_copy(update=update)

    with pytest.raises(InputMediaError, match=r"\(request job-1\) changes no frame .* in frames 0–23 ") as refused:
        Conform().run(context, ConformParams(composite=composite), take)

    assert "not paid for again" in refused.value.message


def test_a_take_that_changes_only_the_handles_is_refused(context):
    """What is seen of the handles at a seam is no change of the span."""
    media = film(context, frames=8, tracks=0, size=(160, 90))
    placed = Transcode().run(context, TranscodeParams(), segment(media, 2, 6, head=2, tail=2))
    handles, one_more = ({0, 1, 6, 7}, {0, 1, 5, 6, 7})

    with pytest.raises(InputMediaError, match="changes no frame"):
        conformed(context, edited_take(context, placed, changed=handles))

    assert conformed(context, edited_take(context, placed, changed=one_more)).conformed


def test_ten_bits_stay_ten_bits(context):
    """The take is 8-bit; what it did not change keeps all levels of the source."""
    take = edited_take(context, sent(context, pix_fmt="yuv420p10le"))

    result = conformed(context, take)

    assert result.media.video.pix_fmt == "yuv420p10le"
    check(context, take, result, depth=10)


@pytest.mark.parametrize(("turn", "mirrored"), [(90, False), (180, False), (270, True)])
def test_a_turned_film_is_turned_back(context, turn, mirrored):
    """What was sent upright comes back as the source is coded."""
    take = edited_take(context, sent(context, rotation_deg=turn, mirrored=mirrored))

    result = conformed(context, take)

    assert result.media.video.width_px == take.segment.source.video.width_px
    check(context, take, result)


def test_a_squeezed_film_stays_squeezed(context):
    """The provider saw square pixels; the source's own shape comes back."""
    take = edited_take(context, sent(context, sar=Fraction(4, 3)))

    result = conformed(context, take)

    assert take.media.video.width_px == 426
    check(context, take, result)


def test_every_frame_of_a_fast_film_is_there(context):
    """50 frames/s are sent as 25: every source frame comes back, and the loss of motion is said."""
    take = edited_take(context, sent(context, frames=40, rate=Fraction(50)))

    result = conformed(context, take)

    assert result.metrics["conform"]["unseen_frames"] == 20
    assert any("were not sent" in text for text in result.notes)
    assert result.media.video.frame_count == 40


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"order": range(COUNT // 2)}, "no counterpart"),
        ({"size": (320, 240)}, "another shape"),
        ({"levels": (-1.0, 255.0)}, "does not show what was sent"),
    ],
)
def test_what_cannot_be_explained_is_refused(context, changes, message):
    """Half of it missing, another shape, another picture."""
    take = edited_take(context, sent(context), **changes)

    with pytest.raises(ProviderError, match=message):
        conformed(context, take)


def test_an_original_take_passes_through(context):
    """Nothing is measured on a take that keeps its footage."""
    placed = sent(context)
    take = edited_take(context, placed).model_copy(update={"status": "original"})

    assert conformed(context, take) is take


def test_the_frames_are_the_right_ones(context):
    """Read off the bar codes, on a film with an uneven rate."""
    pts = tuple(int(n) for n in np.cumsum([0, *([512, 700, 512, 300] * 5)]))
    take = edited_take(context, sent(context, frames=21, pts=pts))

    result = conformed(context, take)

    own = [frame_number(parts[0]) for parts in pictures(context, take.segment.source)]
    assert own == list(range(21))
    check(context, take, result)
    ticks = result.media.video.timestamps.array * result.media.video.time_base
    base = take.segment.source.video.time_base
    assert [float(t) for t in ticks] == [float(p * base) for p in pts]
