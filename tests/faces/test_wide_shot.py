"""A small face in a wide shot: its change through the crop is the change without it, at its place."""

from __future__ import annotations

import math

import numpy as np
import pytest
import two_faces
from takes import segment

from react1.nodes.conform import Conform, ConformParams
from react1.nodes.face import Face, FaceParams
from react1.nodes.transcode import Transcode, TranscodeParams
from react1.nodes.upload import UploadParams, UploadSegment
from react1.pipeline.core.edits.choices import resolve_choices
from react1.pipeline.media.frames.decode import decode_frames
from react1.pipeline.media.probe import probe
from react1.pipeline.providers.local import render_take
from react1.pipeline.splicing.pictures.planes import frame_planes

pytestmark = pytest.mark.slow

COUNT, SIZE = 17, (1920, 1080)
MIDDLE = slice(8, 10)
"""Frames in which the expression has its full strength."""
PORTRAIT_LINES = 74
"""The face is about 60 px high then."""


@pytest.fixture
def wide(context):
    """A face of 60 px that walks through 1920x1080."""
    pytest.importorskip("skimage")
    pytest.importorskip("ai_edge_litert", reason="the local engine is not installed")
    return sent(context, PORTRAIT_LINES)


def sent(context, lines):
    person = two_faces.portrait("plain", height=lines), lambda number: (1210 + 1.1 * number, 430 + 0.3 * number)
    path = two_faces.write_people(context.temp_path("wide.mp4"), [person], size=SIZE, frames=COUNT)
    file = context.store(path)
    return Transcode().run(context, TranscodeParams(), segment(probe(context.path(file), file), 0, COUNT))


def change(context, placed, crop):
    edit = placed.edit.model_copy(update={"prompt": "surprised", "temperature": 1.0, "crop": crop})
    chosen = Face().run(context, FaceParams(), placed.model_copy(update={"edit": edit}))
    upload = UploadSegment().run(context, UploadParams(), chosen)
    result = Conform().run(context, ConformParams(), render_take(context, upload, resolve_choices(edit)))
    source, new = (
        np.stack([frame_planes(frame)[0] for frame in decode_frames(context.path(media.file))]).astype(np.int16)
        for media in (placed.source, result.media)
    )
    return chosen, new - source


def center(weight):
    sums = (weight.sum(axis=across, dtype=float) for across in (1, 0))
    return [float((line * np.arange(line.size)).sum() / line.sum()) for line in sums]


def test_the_change_through_the_crop_is_the_change_without_it(context, wide):
    """Within 1 dB in full expression, at the same place within 1.5 px; auto sends the crop."""
    cropped, through = change(context, wide, None)
    plain, without = change(context, wide, "off")

    assert plain.crop is None and cropped.crop is not None
    assert "less than a fifth of the picture's 1080" in cropped.crop.reason
    height = cropped.faces.shots[0].height_px
    assert 52 < height < 68
    assert cropped.crop.side_px / cropped.crop.rows[0][2] == pytest.approx(2.2 * height, abs=6)
    powers = [float((part[MIDDLE].astype(float) ** 2).mean()) for part in (through, without)]
    assert abs(10 * math.log10(powers[0] / powers[1])) < 1
    assert math.dist(*(center(np.abs(part[MIDDLE]).sum(0)) for part in (through, without))) < 1.5
    assert not through[:, :300].any() and not through[:, :, :1000].any()
