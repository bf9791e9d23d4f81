"""Films whose pictures cannot be stored without loss are refused by a plan, in one line that says what helps."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import av
import numpy as np
import odd
import pytest

from react1.nodes.trim import Trim, TrimParams
from react1.pipeline.core.errors import InputMediaError
from react1.pipeline.media.probe import probe
from react1.pipeline.store.store import Store

pytestmark = pytest.mark.slow

PARAMS = TrimParams(edits=[{"in": "4f", "out": "8f"}], handles="1f")


def film_of(context, suffix: str, codec: str, pix_fmt: str, size: str = "64x48"):
    """Make a film of 12 frames in a pixel format."""
    path = context.temp_path(f"film{suffix}")
    picture = f"testsrc2=s={size}:r=24:d=0.5"
    odd.ffmpeg("-f", "lavfi", "-i", picture, "-c:v", codec, "-pix_fmt", pix_fmt, "-strict", "-2", path)
    return read(context, path)


def read(context, path: Path):
    """Probe a file in the context."""
    file = context.add_external(path)
    return probe(context.path(file), file)


@pytest.mark.parametrize(
    ("suffix", "codec", "pix_fmt", "reason"),
    [
        (".mkv", "exr", "gbrpf32le", "of floating point"),
        (".mov", "exr", "gbrapf32le", "of floating point"),
        (".mkv", "ffv1", "gbrpf32le", "of floating point"),
        (".mkv", "ffv1", "grayf32le", "of floating point"),
        (".mov", "png", "monow", "stored without loss"),
        (".mov", "png", "ya16be", "stored without loss"),
        (".nut", "rawvideo", "monob", "stored without loss"),
        (".nut", "rawvideo", "rgb8", "stored without loss"),
        (".mov", "qtrle", "gray", "palette"),
    ],
)
def test_what_cannot_be_stored_without_loss_is_refused_before_anything_is_made(context, suffix, codec, pix_fmt, reason):
    """By the plan and by the run; and the film that the hint makes is cut."""
    media = film_of(context, suffix, codec, pix_fmt)

    with pytest.raises(InputMediaError, match=reason) as planned:
        Trim.forecast(context, PARAMS, {"source": media})
    with pytest.raises(InputMediaError, match=reason):
        Trim().run(context, PARAMS, media)

    again = context.temp_path("again.mkv")
    hint = re.search(r"\(ffmpeg (.*)\)", str(planned.value))
    words = shlex.split(hint[1].replace("-i film", f"-i {context.path(media.file)}"))
    odd.ffmpeg(*words[:-1], again)
    assert Trim().run(context, PARAMS, read(context, again))[0].media.video.frame_count == 6


@pytest.mark.parametrize(("codec", "pix_fmt"), [("exr", "gbrpf32le"), ("exr", "gbrapf32le"), ("exr", "grayf32le")])
def test_linear_light_is_given_a_curve_by_the_command_that_is_named(context, codec, pix_fmt):
    """Else a newcomer's film is far too dark: 0.18 of linear light is 0.49 of the range under BT.709's curve."""
    path = context.temp_path("film.mov")
    grey = "color=c=black:s=64x48:r=24:d=0.25,format=gbrpf32le,geq=r=0.18:g=0.18:b=0.18"
    odd.ffmpeg("-f", "lavfi", "-i", f"{grey},format={pix_fmt}", "-c:v", codec, path)

    with pytest.raises(
        InputMediaError, match="in linear light; encode it again first, with a curve: t=bt709"
    ) as caught:
        Trim.forecast(context, PARAMS, {"source": read(context, path)})

    again = context.temp_path("again.mkv")
    hint = re.search(r"\(ffmpeg (.*)\)", str(caught.value))
    odd.ffmpeg(*shlex.split(hint[1].replace("-i film", f"-i {path}"))[:-1], again)
    media = read(context, again)
    with av.open(str(again)) as container:
        frame = next(container.decode(video=0)).reformat(format="yuv444p16le")
    luma = np.frombuffer(frame.planes[0], np.uint16)[0] / 256
    assert media.video.color_transfer == media.video.color_space == "bt709"
    assert (luma - 16) / 219 == pytest.approx(0.49, abs=0.04)


def test_a_picture_of_a_sequence_says_how_to_make_a_film_of_all(context):
    """And so does the name of the sequence, which is no file."""
    path = context.temp_path("shot.0001.exr")
    odd.ffmpeg("-f", "lavfi", "-i", "testsrc2=s=64x48:d=0.04", "-vf", "format=gbrpf32le", "-frames:v", "1", path)

    with pytest.raises(InputMediaError, match=r"give -framerate 24 -i name\.%04d\.exr in place of -i film \(ffmpeg"):
        Trim.forecast(context, PARAMS, {"source": read(context, path)})
    advice = r"make a film of the sequence of pictures first \(ffmpeg -framerate 24 -i 'shot\.%04d\.exr' -c copy"
    with pytest.raises(InputMediaError, match=advice):
        Store(path.parent / "home").add_external(path.with_name("shot.%04d.exr"))


@pytest.mark.parametrize(
    ("suffix", "codec", "pix_fmt"),
    [
        (".mov", "png", "pal8"),
        (".nut", "rawvideo", "pal8"),
        (".mov", "qtrle", "argb"),
        (".mov", "png", "rgb48be"),
        (".mkv", "ffv1", "gray16le"),
    ],
)
def test_unusual_formats_that_are_held_are_cut(context, suffix, codec, pix_fmt):
    """Palettes inside the pictures, alpha, and sixteen bits."""
    media = film_of(context, suffix, codec, pix_fmt)

    assert len(Trim.forecast(context, PARAMS, {"source": media}).segments) == 1
    assert Trim().run(context, PARAMS, media)[0].media.video.frame_count == 6
