"""A take of a crop comes back into the picture: where it was painted, and nothing else is touched."""

from __future__ import annotations

import numpy as np
import pytest
from takes import moving_film, segment, write_pictures

from react1.nodes.conform import Conform, ConformParams
from react1.nodes.transcode import Transcode, TranscodeParams
from react1.pipeline.conform.frame_pairs import to_picture
from react1.pipeline.core.edits.face_choice import CropPath
from react1.pipeline.core.errors import InputMediaError
from react1.pipeline.core.values import Take
from react1.pipeline.faces.crop import write_crop
from react1.pipeline.media.frames.decode import decode_frames
from react1.pipeline.splicing.pictures.planes import frame_planes

COUNT, SIZE = 12, (256, 144)
SIDE, SENT = 60.0, 216
DOT_PX = 3.0
"""Standard deviation of the painted dot, in px of the picture."""


def rows(speed):
    return tuple((70 + speed * number, 40 + speed * number / 3, SENT / SIDE) for number in range(COUNT))


def cropped(context, speed=1.37, **film):
    """A segment that is sent as a crop, which moves by fractions of a pixel."""
    media = moving_film(context, frames=COUNT, size=SIZE, speed=1, **film)
    placed = Transcode().run(context, TranscodeParams(), segment(media, 0, COUNT))
    path = CropPath(side_px=SENT, picture_px=SIZE, rows=rows(speed), reason="crop is on")
    return placed.model_copy(update={"media": write_crop(context, placed.media, path, ()), "crop": path})


def painted(context, placed, draw):
    """Make a take as a host does: 8 bits, coded; `draw(luma, frame number)` changes what was sent."""
    sent = pictures(context, placed.media)
    drawn = [[draw(parts[0].astype(float), number), *parts[1:]] for number, parts in enumerate(sent)]
    drawn = [[np.clip(parts[0].round(), 0, 255).astype(np.uint8), *parts[1:]] for parts in drawn]
    return Take(segment=placed, media=write_pictures(context, drawn), provider="local", request={})


def pictures(context, media):
    return [frame_planes(frame) for frame in decode_frames(context.path(media.file), media.video.index)]


def conformed(context, take, composite="auto"):
    result = Conform().run(context, ConformParams(composite=composite), take)
    source, new = (pictures(context, media) for media in (take.segment.source, result.media))
    return result, *(np.stack([parts[0] for parts in each]).astype(int) for each in (source, new))


def dot(at, number, level=60.0):
    """Draw a soft dot at a place of the picture, as the crop shows it."""
    left, top, scale = rows(1.37)[number]
    y, x = np.mgrid[:SENT, :SENT] + 0.5
    distance = np.hypot(x / scale + left - at[0], y / scale + top - at[1])
    return level * np.exp(-0.5 * (distance / DOT_PX) ** 2)


@pytest.mark.slow
def test_a_take_that_is_what_was_sent_is_refused(context):
    """Coded once more, it still changes nothing."""
    placed = cropped(context)

    for take in (
        Take(segment=placed, media=placed.media, provider="local", request={}),
        painted(context, placed, lambda luma, number: luma),
    ):
        with pytest.raises(InputMediaError, match="changes no frame"):
            conformed(context, take)


@pytest.mark.slow
@pytest.mark.parametrize("composite", ["auto", "face", "frame"])
def test_what_a_take_leaves_as_it_was_sent_is_the_film(context, composite):
    """At least 50 dB in the crop, also where all of it is used: there and back costs less than coding."""
    placed = cropped(context)
    at = (108.4, 72.7)
    take = painted(context, placed, lambda luma, number: luma + dot(at, number))

    _, source, new = conformed(context, take, composite)

    y, x = np.mgrid[: SIZE[1], : SIZE[0]] + 0.5
    for number in range(COUNT):
        left, top, _ = rows(1.37)[number]
        inside = (x > left) & (x < left + SIDE) & (y > top) & (y < top + SIDE)
        passed = inside & (np.hypot(x - at[0], y - at[1]) > 6 * DOT_PX)
        error = np.mean((new[number] - source[number])[passed] ** 2)
        assert error <= 255**2 / 10**5, number


@pytest.mark.slow
@pytest.mark.parametrize("options", [{}, {"pix_fmt": "yuv420p10le"}], ids=["8 bits", "10 bits"])
def test_a_painted_dot_comes_back_where_it_was_painted(context, options):
    """Within a quarter of a pixel in every frame of a moving crop, with its own height; outside nothing changes."""
    placed = cropped(context, **options)
    at = (108.4, 72.7)
    take = painted(context, placed, lambda luma, number: luma + dot(at, number))

    _, source, new = conformed(context, take)

    change = (new - source) / (4 if options else 1)
    y, x = np.mgrid[: SIZE[1], : SIZE[0]] + 0.5
    for number in range(COUNT):
        weight = change[number]
        center = (weight * x).sum() / weight.sum(), (weight * y).sum() / weight.sum()
        assert np.hypot(center[0] - at[0], center[1] - at[1]) < 0.25, (number, center)
        assert 50 < weight.max() < 66, number
        left, top, _ = rows(1.37)[number]
        outside = (x < left) | (x > left + SIDE) | (y < top) | (y > top + SIDE)
        assert not weight[outside].any(), number


def test_a_crop_that_is_used_up_to_its_border_has_a_soft_edge():
    """All of its middle is used, its outermost rows fade into the film, and nothing beyond."""
    crop = CropPath(side_px=SENT, picture_px=SIZE, rows=rows(1.37), reason="crop is on")
    planes = [np.full((SENT // part, SENT // part), 90, np.uint8) for part in (1, 2, 2)]

    shown = to_picture(crop, 6, planes, planes, np.ones((2, 2), np.float32))

    left, top, _ = rows(1.37)[6]
    column = shown.mask[:, int(left + SIDE / 2)]
    assert (column[int(top) + 4 : int(top + SIDE) - 4] > 0.99).all()
    assert 0 < column[int(top) + 1] < 0.6
    assert not column[: int(top)].any() and not column[int(top + SIDE) + 1 :].any()
    assert (shown.sent[0][shown.inside] == 90).all() and shown.inside.sum() > 0.9 * SIDE**2


@pytest.mark.slow
def test_another_face_is_blurred_in_what_is_sent_only(context, monkeypatch):
    """The one beside it, up to the chosen one; the film keeps it."""
    from made_tracks import face, shot

    from react1.pipeline.faces.choose import ShotChoice

    placed = cropped(context)
    people = shot(
        {1: {n: face(90, 70, 30) for n in range(COUNT)}, 2: {n: face(125, 70, 30) for n in range(COUNT)}},
        range(COUNT),
    )
    clip = Transcode().run(context, TranscodeParams(), segment(placed.source, 0, COUNT)).media

    shares = []
    monkeypatch.setattr(context, "progress", shares.append)
    hidden = write_crop(context, clip, placed.crop, [ShotChoice(people, 0, "left")])

    before, after = pictures(context, placed.media)[0][0].astype(int), pictures(context, hidden)[0][0].astype(int)
    left, top, scale = placed.crop.rows[0]
    inside = {
        name: np.abs(after - before)[
            int((62 - top) * scale) : int((78 - top) * scale), int((x - 6 - left) * scale) : int((x + 6 - left) * scale)
        ].mean()
        for name, x in (("chosen", 90), ("other", 123))
    }
    assert inside["chosen"] < 1 and inside["other"] > 4
    # The faces of the clip have been found before, and that was most of the work.
    assert 0.6 < shares[0] < shares[-1] == 1 and shares == sorted(shares)
