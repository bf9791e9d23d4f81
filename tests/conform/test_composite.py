"""What of a take is used: what it changed, the face alone, or the whole frame; in the source's own bit depth."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from takes import moving_film, segment, texture, write_pictures

from react1.nodes.conform import Conform, ConformParams
from react1.nodes.transcode import Transcode, TranscodeParams
from react1.pipeline.conform.changed_region import label_regions, track_largest_change
from react1.pipeline.core.errors import ProviderError
from react1.pipeline.core.values import Take
from react1.pipeline.media.frames.decode import decode_frames
from react1.pipeline.splicing.pictures.planes import frame_planes

pytestmark = pytest.mark.slow

COUNT, SIZE = 20, (240, 136)
FACE, PERSON, CORNER = (slice(48, 100), slice(50, 100)), (slice(56, 80), slice(180, 204)), (slice(0, 20), slice(0, 20))


def sent(context, **changes):
    media = moving_film(context, frames=COUNT, size=SIZE, speed=1, **changes)
    return Transcode().run(context, TranscodeParams(), segment(media, 0, COUNT))


def taken(context, placed, draw):
    """Make a take as a host does: 8 bits, coded; `draw(luma, frame number)` changes what was sent."""
    source = [frame_planes(frame) for frame in decode_frames(context.path(placed.media.file), placed.media.video.index)]
    pictures = [[draw(parts[0].astype(int), number), *parts[1:]] for number, parts in enumerate(source)]
    pictures = [[np.clip(parts[0], 0, 255).astype(np.uint8), *parts[1:]] for parts in pictures]
    return Take(segment=placed, media=write_pictures(context, pictures), provider="local", request={})


def run_conform(context, take, composite):
    result = Conform().run(context, ConformParams(composite=composite), take)
    source, new = (pictures(context, media) for media in (take.segment.source, result.media))
    return (
        result,
        np.stack([parts[0] for parts in source]).astype(int),
        np.stack([parts[0] for parts in new]).astype(int),
    )


def pictures(context, media):
    return [frame_planes(frame) for frame in decode_frames(context.path(media.file), media.video.index)]


def two_people(luma, number):
    """Lighten a face all the time, and somebody else's in the second half of it; drift the rest by one level."""
    luma = luma + 1
    luma[FACE] += 40
    if number >= COUNT // 2:
        luma[PERSON] += 60
    return luma


def test_auto_uses_every_change(context):
    """Both people."""
    result, source, new = run_conform(context, taken(context, sent(context), two_people), "auto")

    assert np.abs(new[-1][FACE] - source[-1][FACE]).mean() > 30
    assert np.abs(new[-1][PERSON] - source[-1][PERSON]).mean() > 30
    assert result.metrics["conform"]["composite"] == "auto" and result.metrics["conform"]["other_places"] is None


def test_face_uses_only_the_largest_change_and_reports_the_other(context):
    """The second person's pixels are the source's in every frame, the first one's are the take's."""
    result, source, new = run_conform(context, taken(context, sent(context), two_people), "face")

    changed = np.abs(new - source)
    assert (changed[:, FACE[0], FACE[1]].mean((1, 2)) > 30).all()
    assert not changed[:, :, 150:].any() and not changed[:, CORNER[0], CORNER[1]].any()
    assert result.metrics["conform"]["other_places"] == 1
    assert any("changed 1 other place too: left as in the source" in note for note in result.notes)


def test_face_does_not_flicker(context):
    """A face that is left alone for three frames fades there and back, never between one frame and the next."""

    def blinking(luma, number):
        luma[FACE] += 0 if 8 <= number < 11 else 40
        luma[PERSON] += 20
        return luma

    _, source, new = run_conform(context, taken(context, sent(context), blinking), "face")

    middle = (new - source)[:, 60:90, 60:90].mean((1, 2))
    assert np.abs(np.delete(middle, [8, 9, 10]) - 40).max() < 6
    assert not (new - source)[:, :, 160:].any()


def test_face_follows_a_face_that_moves(context):
    """It walks through the picture by 4 pixels a frame; a change that stands still elsewhere is not taken."""

    def walking(luma, number):
        luma[40:80, 10 + 4 * number : 50 + 4 * number] += 40
        luma[100:124, 200:224] += 40
        return luma

    _, source, new = run_conform(context, taken(context, sent(context), walking), "face")

    for number in range(COUNT):
        change = new[number] - source[number]
        assert change[48:72, 18 + 4 * number : 42 + 4 * number].mean() > 30, number
        assert not change[96:, 196:].any(), number


def test_frame_uses_the_complete_frame(context):
    """Every pixel is the take's, be its change too small to be seen; nothing of a whole frame is complained of."""

    def striped(luma, number):
        luma[FACE] += 40
        return luma + np.where(np.arange(SIZE[0]) % 40 < 8, 2, 0)

    take = taken(context, sent(context), striped)

    result, _, new = run_conform(context, take, "frame")

    expected = np.stack([parts[0] for parts in pictures(context, take.media)]).astype(int)
    assert np.abs(new - expected).max() <= 1
    assert result.metrics["conform"]["touched_share"] == 1.0
    assert not any("differs everywhere" in note for note in result.notes)
    _, source, auto = run_conform(context, take, "auto")
    outside = (slice(None), slice(None), slice(160, None))
    assert np.array_equal(auto[outside], source[outside])


def test_frame_corrects_levels_too(context):
    """A take that is darker everywhere is corrected."""

    def darker(luma, number):
        luma[FACE] += 40
        return (luma * 0.9 + 4).round().astype(int)

    _, source, new = run_conform(context, taken(context, sent(context), darker), "frame")

    assert np.abs(new[:, :, 150:] - source[:, :, 150:]).mean() < 1.5
    assert abs((new - source)[:, FACE[0], FACE[1]].mean() - 40) < 4


@pytest.mark.parametrize("composite", ["auto", "face"])
def test_ten_bit_levels_are_kept(context, composite):
    """What is not touched is the source's to the bit, and inside the change its fine levels are there."""
    placed = sent(context, pix_fmt="yuv420p10le")

    result, source, new = run_conform(context, taken(context, placed, two_people), composite)

    assert result.media.video.pix_fmt == "yuv420p10le"
    assert np.array_equal(source[:, CORNER[0], CORNER[1]], new[:, CORNER[0], CORNER[1]])
    assert abs((new - source)[:, 60:90, 60:90].mean() - 160) < 12
    assert len(np.unique(new[:, 60:90, 60:90] % 4)) == 4


def test_frame_keeps_ten_bits(context):
    """The take's 8 bits, at the source's depth."""
    result, source, new = run_conform(
        context, taken(context, sent(context, pix_fmt="yuv420p10le"), two_people), "frame"
    )

    assert result.media.video.pix_fmt == "yuv420p10le" and new.max() > 255
    assert abs((new - source)[:, 60:90, 60:90].mean() - 160) < 12


def test_touching_cells_are_one_region():
    """Corners count; nothing is region 0."""
    cells = np.array([[1, 0, 0, 1], [0, 1, 0, 1], [0, 0, 0, 0], [1, 1, 0, 0]], bool)

    region = label_regions(cells)

    assert len(np.unique(region[cells])) == 3 and region[0, 0] == region[1, 1] and not region[~cells].any()
    assert (label_regions(np.ones((3, 3), bool)) == 1).all() and not label_regions(np.zeros((3, 3), bool)).any()


def test_without_a_change_there_is_no_face():
    """Nothing to follow, and no other place."""
    small = np.stack([np.stack([part[:54, :96] for part in [texture((192, 108), 0)[0]] * 3])] * 5)

    region = track_largest_change(small, small, Fraction(25))

    assert not region.mask.any() and region.other_count == 0


@pytest.mark.parametrize("rate", [24, 25, 30, 60, 120])
def test_a_face_that_rests_for_a_moment_is_followed_at_any_frame_rate(rate):
    """With 0.3 s between two changes of it, and with 0.5 s it is another one, as at 25 frames/s."""

    def region(pause_s):
        sent = np.full((2 * rate, 3, 54, 96), 90, np.uint8)
        taken, pause = sent.copy(), round(pause_s * rate)
        taken[: rate - pause, :, 20:30, 40:52] = 150
        taken[rate:, :, 20:30, 40:52] = 150
        return track_largest_change(sent, taken, Fraction(rate)), pause

    joined, _ = region(0.3)
    parted, _ = region(0.5)

    assert (joined.other_count, parted.other_count) == (0, 1)
    assert joined.mask[:, 25, 46].min() > 0.9


def test_a_black_take_is_refused_in_frame_mode_too(context):
    """Its file is whole, but shows nothing of what was sent."""
    take = taken(context, sent(context), lambda luma, number: luma * 0 + 16)

    with pytest.raises(ProviderError, match="does not show what was sent"):
        run_conform(context, take, "frame")
