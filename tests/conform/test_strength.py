"""A part of a take is a face that is moved part of the way: no second contour, no loss of detail, exact ends."""

from __future__ import annotations

import numpy as np
import pytest
from takes import edited_take, moving_film, segment

from react1.nodes.conform import Conform, ConformParams
from react1.nodes.splice import Splice, SpliceParams
from react1.nodes.transcode import Transcode, TranscodeParams
from react1.nodes.trim import Trim, TrimParams
from react1.pipeline.conform.strength import MovedFace, partial_take
from react1.pipeline.core.edits.face_choice import StrengthPoint
from react1.pipeline.core.times import Frames
from react1.pipeline.media.frames.decode import decode_frames
from react1.pipeline.splicing.pictures.planes import frame_planes

COUNT, SIZE = 12, (192, 128)


@pytest.fixture
def take(context):
    """A take with a flat box in the middle of a moving film."""
    media = moving_film(context, frames=COUNT, size=SIZE, speed=1)
    return edited_take(context, Transcode().run(context, TranscodeParams(), segment(media, 0, COUNT)))


def conformed(context, take, strength):
    edit = take.segment.edit.model_copy(update={"strength": strength})
    take = take.model_copy(update={"segment": take.segment.model_copy(update={"edit": edit})})
    result = Conform().run(context, ConformParams(), take)
    return result, [frame_planes(frame) for frame in decode_frames(context.path(result.media.file))]


def equal(first, second):
    pairs = zip(first, second, strict=True)
    return all(np.array_equal(*planes) for frames in pairs for planes in zip(*frames, strict=True))


def source_planes(context, take):
    return [frame_planes(frame) for frame in decode_frames(context.path(take.segment.source.file))]


@pytest.mark.slow
def test_none_of_it_is_the_film_and_all_of_it_is_the_take_to_the_bit(context, take):
    """0 gives the source's own pixels, 1 what a conform without a strength gives."""
    none, nothing = conformed(context, take, 0.0)
    everything = conformed(context, take, 1.0)[1]

    assert none.unchanged and equal(nothing, source_planes(context, take))
    assert equal(everything, conformed(context, take, None)[1])
    assert not equal(everything, nothing)


@pytest.mark.slow
def test_half_of_it_lies_between(context, take):
    """The middle of the box is half as far from the film, and everything away from it is the film's."""
    film, all_of_it, half = (
        np.stack([parts[0] for parts in pictures]).astype(float)
        for pictures in (
            source_planes(context, take), conformed(context, take, None)[1], conformed(context, take, 0.5)[1]
        )
    )  # fmt: skip

    middle = np.s_[:, 56:72, 84:108]
    share = np.abs(half - film)[middle].mean() / np.abs(all_of_it - film)[middle].mean()
    assert 0.35 < share < 0.65
    assert not (half - film)[:, :16, :24].any()


@pytest.mark.slow
def test_an_envelope_ends_where_it_says(context, take):
    """From nothing at the first frame to all of it at the sixth."""
    envelope = tuple(StrengthPoint(at=Frames(at), strength=value) for at, value in ((0, 0.0), (6, 1.0)))
    _, pictures = conformed(context, take, envelope)

    film, all_of_it = source_planes(context, take), conformed(context, take, None)[1]
    assert equal(pictures[:1], film[:1]) and equal(pictures[6:], all_of_it[6:])
    assert not equal(pictures[3:4], film[3:4]) and not equal(pictures[3:4], all_of_it[3:4])


@pytest.mark.slow
def test_an_envelope_goes_on_in_a_later_part_of_its_edit(context):
    """All of the second part is used: the envelope ended in the first."""
    media = moving_film(context, frames=COUNT, size=SIZE, speed=1)
    part = segment(media, 6, COUNT).model_copy(update={"edit_start_frame": 0, "edit_end_frame": COUNT})
    cut = Trim().run(context, TrimParams(edits=[{"in": "6f", "out": f"{COUNT}f"}], handles="0f"), media)[0]
    take = edited_take(
        context, Transcode().run(context, TranscodeParams(), part.model_copy(update={"media": cut.media}))
    )
    envelope = tuple(StrengthPoint(at=Frames(at), strength=value) for at, value in ((0, 0.0), (6, 1.0)))

    result, _ = conformed(context, take, envelope)

    assert result.metrics["conform"]["strength"] == [1, 1]


def test_a_take_of_which_nothing_is_used_leaves_the_film_as_it_is(context, take):
    """The film is the same file."""
    none, _ = conformed(context, take, 0.0)

    film = Splice().run(context, SpliceParams(), take.segment.source, [none])

    assert film.file == take.segment.source.file


def line(at, width=160, height=96, thickness=2.0):
    """Draw a soft horizontal line."""
    y = np.arange(height)[:, None]
    luma = 150 - 110 * np.exp(-0.5 * ((y - at) / thickness) ** 2) + np.zeros((1, width))
    noise = np.random.default_rng(3).normal(0, 2.5, luma.shape)
    flat = np.full((height // 2, width // 2), 128, np.uint8)
    return [np.clip(luma + noise, 0, 255).round().astype(np.uint8), flat, flat.copy()]


def test_a_line_moves_instead_of_being_seen_twice():
    """Half-way it is one line in the middle with its own contrast; a plain mix has two with half of it."""
    mask = np.ones((24, 40), np.float32)

    half = partial_take(line(44), line(52), mask, 0.5)[0].astype(float).mean(1)

    assert abs(int(half.argmin()) - 48) <= 1
    assert half.min() < 60
    assert half[44] > 90 and half[52] > 90


def test_grain_is_not_averaged_away():
    """Two grains of their own give one that is as strong."""
    first, second = line(-50), line(-50)
    second[0] = (second[0].astype(int)[::-1]).astype(np.uint8)

    half = partial_take(first, second, np.ones((24, 40), np.float32), 0.5)

    assert half[0].std() > 0.9 * first[0].std()


def test_landmarks_lead_where_the_flow_alone_does_not():
    """The faces change the result: their landmarks are moved half of the way."""
    from made_tracks import face

    sent, taken = line(40), line(62)
    low, high = face(80, 48, 80), face(80, 48, 80)
    high[:, 1] += np.where(np.abs(low[:, 1] - 40) < 12, 22, 0)

    guided = partial_take(sent, taken, np.ones((24, 40), np.float32), 0.5, [MovedFace(low, high)])
    free = partial_take(sent, taken, np.ones((24, 40), np.float32), 0.5)

    assert not np.array_equal(guided[0], free[0])
