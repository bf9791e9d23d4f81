"""Where a take comes and goes: which frames, with which weight, and that nothing else is touched."""

from __future__ import annotations

import numpy as np
import pytest
from numbered_clips import frame_number
from pydantic import ValidationError
from takes import TAKE_OFFSET, film, numbered_take, packets, segment, source_take

from react1.pipeline.core.errors import InputMediaError, MissingExtra
from react1.pipeline.media.frames.decode import decode_frames
from react1.pipeline.media.tools.ffmpeg import ffmpeg_path
from react1.pipeline.splicing import splice as splicing
from react1.pipeline.splicing.pictures import morph
from react1.pipeline.splicing.pictures.frames import take_frames, with_inserts
from react1.pipeline.splicing.pictures.planes import frame_planes
from react1.pipeline.splicing.pictures.seams import plan_inserts, plan_ramps
from react1.pipeline.splicing.splice_params import CUT, Seam

pytestmark = pytest.mark.slow

COUNT = 30


def meant(context, media, takes, seam):
    """Give the planes of every frame as the film should show it."""
    placed = plan_inserts(context, media, takes, seam)
    return placed, [frame_planes(frame) for _, frame in with_inserts(decode_frames(context.path(media.file)), placed)]


def own(context, file):
    return [frame_planes(frame) for frame in decode_frames(context.path(file))]


def blend(below, above, share, of):
    """Say what a mix is, with whole numbers that no rounding of ours touches."""
    exact = (below.astype(np.float64) * (of - share) + above.astype(np.float64) * share) / of
    return np.floor(exact + 0.5)


@pytest.mark.parametrize(
    ("value", "way", "frames"),
    [
        ("cut", "cut", 3),
        ("dissolve", "dissolve", 3),
        ({"video": "morph", "frames": 5}, "morph", 5),
        ({"video": {"dissolve": 4}}, "dissolve", 4),
        ({"video": "cut"}, "cut", 3),
        ({}, "dissolve", 3),
    ],
)
def test_a_seam_is_written_short_or_long(value, way, frames):
    """Every spelling means one of the three ways."""
    seam = Seam.model_validate(value)

    assert (seam.video, seam.frames) == (way, frames)
    assert seam.ramp_frames == (0 if way == "cut" else frames)


@pytest.mark.parametrize(
    "value", ["fade", {"video": {"wipe": 3}}, {"video": {"dissolve": 3}, "frames": 2}, {"frames": -1}, {"length": 2}, 7]
)
def test_what_is_no_seam_is_refused(value):
    """An unknown way, a length twice, a length below nothing."""
    with pytest.raises(ValidationError):
        Seam.model_validate(value)


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv420p10le", "yuv444p"])
def test_the_plate_and_the_take_of_the_same_moment_are_mixed(context, pix_fmt):
    """Three frames before the in point and after the out point, weights of quarters, rounded to the nearest level."""
    media = film(context, frames=COUNT, tracks=0, pix_fmt=pix_fmt, options={"crf": "25"})
    take = numbered_take(context, segment(media, 10, 14, head=6, tail=5))
    before, above = own(context, media.file), own(context, take.media.file)

    (placed,), after = meant(context, media, [take], Seam())

    assert (placed.start, placed.end) == (7, 17)
    weights = {7: 1, 8: 2, 9: 3, 10: 4, 11: 4, 12: 4, 13: 4, 14: 3, 15: 2, 16: 1}
    for number in range(COUNT):
        for plane, item in enumerate(after[number]):
            other = above[number - 4][plane] if number in weights else before[number][plane]
            assert np.array_equal(item, blend(before[number][plane], other, weights.get(number, 0), 4)), number


@pytest.mark.parametrize(("head", "tail", "span"), [(0, 0, (10, 14)), (1, 2, (9, 16)), (5, 0, (7, 14))])
def test_a_ramp_is_as_long_as_its_handle_at_most(context, head, tail, span):
    """Where there is no handle there is a cut; two frames are mixed in thirds."""
    media = film(context, frames=COUNT, tracks=0)
    take = numbered_take(context, segment(media, 10, 14, head=head, tail=tail))
    before, above = own(context, media.file), own(context, take.media.file)

    (placed,), after = meant(context, media, [take], Seam())

    assert (placed.start, placed.end) == span
    if tail == 2:
        place = 14 - 10 + head
        assert np.array_equal(after[14][0], blend(before[14][0], above[place][0], 2, 3))
        assert np.array_equal(after[15][0], blend(before[15][0], above[place + 1][0], 1, 3))


def test_a_cut_touches_the_edit_alone(context):
    """Handles or not."""
    media = film(context, frames=COUNT, tracks=0)
    take = numbered_take(context, segment(media, 10, 14, head=6, tail=6))

    (placed,), after = meant(context, media, [take], CUT)

    assert (placed.start, placed.end) == (10, 14)
    numbers = [frame_number(parts[0]) for parts in after]
    assert numbers == [n + TAKE_OFFSET if 10 <= n < 14 else n for n in range(COUNT)]


def test_frames_of_a_ramp_that_would_not_change_are_not_touched(context):
    """Where the handle shows the film itself the packets stay; a handle that differs by one frame is mixed there."""
    media = film(context, frames=COUNT, gop=4, tracks=0)
    placed = segment(media, 10, 14, head=5, tail=5)
    take = source_take(context, placed, changed=range(10, 14))
    late = source_take(context, placed, changed=range(9, 15))

    (same,), _ = meant(context, media, [take], Seam())
    (item,), after = meant(context, media, [late], Seam())

    assert (same.start, same.end) == (10, 14)
    assert (item.start, item.end) == (9, 15)
    before, above = own(context, media.file), own(context, late.media.file)
    assert np.array_equal(after[9][0], blend(before[9][0], above[4][0], 3, 4))


def test_packets_outside_the_ramps_are_the_source_s(context):
    """The whole way: the film is exact, its ramp shows the mix, and what lies outside is copied."""
    media = film(context, frames=40, gop=4, tracks=0)
    take = numbered_take(context, segment(media, 16, 20, head=4, tail=4))

    result = splicing.splice(context, ffmpeg_path(), media, [take], Seam())

    assert result.metrics["way"] == "exact", result.metrics["reason"]
    before, after = packets(context.path(media.file)), packets(result.path)
    same = {pts for (pts, *_, item), (_, _, other) in zip(before, after, strict=True) if item == other}
    times = media.video.timestamps.array.tolist()
    assert {times[n] for n in (*range(12), *range(24, 40))} <= same
    was, came = own(context, media.file), [frame_planes(frame) for frame in decode_frames(result.path)]
    above = own(context, take.media.file)
    for number, share in ((13, 1), (14, 2), (15, 3), (16, 4), (20, 3), (21, 2), (22, 1)):
        wanted = blend(was[number][0], above[number - 12][0], share, 4)
        assert np.abs(came[number][0] - wanted).mean() < 2, number


def test_parts_of_one_edit_dissolve_into_each_other(context):
    """The second part comes in over the first one's last frames; before and after them each part is itself."""
    media = film(context, frames=COUNT, tracks=0)
    first = numbered_take(context, segment(media, 8, 14, head=3, tail=4))
    second = source_take(context, segment(media, 14, 20, head=4, tail=3), changed=range(COUNT), level=90)
    item, two = own(context, first.media.file), own(context, second.media.file)

    _, after = meant(context, media, [second, first], Seam())

    for number, share in ((11, 1), (12, 2), (13, 3)):
        assert np.array_equal(after[number][0], blend(item[number - 5][0], two[number - 10][0], share, 4))
    assert frame_number(after[10][0]) == 10 + TAKE_OFFSET
    assert np.array_equal(after[14][0], two[4][0]) and np.array_equal(after[19][0], two[9][0])


def test_a_ramp_stays_out_of_a_neighbour_s_span(context):
    """Two edits one frame apart share that frame, and nothing else of either changes."""
    media = film(context, frames=COUNT, tracks=0)
    takes = [numbered_take(context, segment(media, start, end, head=4, tail=4)) for start, end in ((6, 10), (11, 15))]

    placed, after = meant(context, media, takes, Seam())

    assert [(item.start, item.end) for item in placed] == [(3, 11), (10, 18)]
    inside = [*range(6, 10), *range(11, 15)]
    assert [frame_number(after[number][0]) for number in inside] == [number + TAKE_OFFSET for number in inside]


def test_ramps_end_at_neighbours_and_handles():
    """Plain numbers: a long gap, a short gap, none."""

    class Span:
        def __init__(self, start, end, head=9, tail=9):
            self.start_frame, self.end_frame, self.head_frames, self.tail_frames = start, end, head, tail

    matches = plan_ramps([Span(10, 20), Span(22, 24), Span(24, 30, tail=1)], Seam(frames=5))

    assert [(item.fade_in, item.fade_out) for item in matches] == [(5, 2), (2, 0), (2, 1)]


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv420p10le"])
def test_a_morph_moves_what_a_dissolve_would_show_twice(context, pix_fmt):
    """A disc that lies 6 pixels further in the take is shown once, in between; the rest is the plate's."""
    pytest.importorskip("cv2", reason="a morph needs the extra local")
    media = film(context, frames=12, tracks=0, pix_fmt=pix_fmt)
    deep = 4 if "10" in pix_fmt else 1
    below, above = textured(0, deep), textured(6, deep)

    result = morph.morph(below, above, 1, 2, 10 if deep > 1 else 8)

    wanted, plain = textured(3, deep), (below[0].astype(float) + above[0]) / 2
    assert result[0].dtype == below[0].dtype and result[1].shape == below[1].shape
    error = np.abs(result[0].astype(float) - wanted[0])[40:100, 60:130].mean()
    assert error < 0.4 * np.abs(plain - wanted[0])[40:100, 60:130].mean()
    assert np.array_equal(result[0][:, 220:], below[0][:, 220:])
    take = numbered_take(context, segment(media, 6, 8, head=3, tail=3))
    (placed,), _ = meant(context, media, [take], Seam.model_validate("morph"))
    assert (placed.start, placed.end) == (3, 11)


def textured(shift, deep):
    """Draw a textured disc at a place that `shift` moves, on flat grey; 240x136, luma and two chroma planes."""
    rows, columns = np.mgrid[:136, :240].astype(np.float64)
    inside = (rows - 70) ** 2 + (columns - 90 - shift) ** 2 < 28**2
    grain = 40 * np.sin((columns - shift) * 0.17) + 30 * np.cos(rows * 0.21)
    luma = np.where(inside, 120 + grain, 110).round()
    flat = np.full((68, 120), 128 * deep, np.uint16 if deep > 1 else np.uint8)
    return [(luma * deep).astype(flat.dtype), flat, flat.copy()]


def test_a_morph_without_opencv_says_what_to_install(monkeypatch):
    """One line, with the name of the extra."""
    monkeypatch.setitem(__import__("sys").modules, "cv2", None)

    with pytest.raises(MissingExtra, match=r"react1-nodes\[local\]"):
        morph.require_opencv()


def test_a_take_that_is_too_short_for_its_handle_is_refused(context):
    """Before anything is coded."""
    media = film(context, frames=COUNT, tracks=0)
    take = numbered_take(context, segment(media, 10, 14, head=3, tail=1))
    longer = take.model_copy(update={"segment": segment(media, 10, 14, head=3, tail=4)})

    with pytest.raises(InputMediaError, match="too few frames"):
        plan_inserts(context, media, [longer], Seam())


@pytest.mark.parametrize("changes", [{"gop": 10, "bframes": 2}, {"codec": "ffv1", "suffix": ".mkv"}, {"gop": 100}])
@pytest.mark.parametrize("skip", [0, 3, 25, 39, 59, 60, 90])
def test_a_take_is_read_from_any_of_its_frames(context, changes, skip):
    """Of many frames before it none is decoded that need not be."""
    media = film(context, **{"suffix": ".mov", "frames": 60, "size": (192, 108), "tracks": 0, **changes})

    shown = [frame_number(frame.to_ndarray(format="gray")) for frame in take_frames(context.path(media.file), skip)]

    assert shown == list(range(skip, 60))
