"""What is read of HEVC's sequence parameter sets, compared with what ffmpeg reads of them."""

from __future__ import annotations

import re
import subprocess

import av
import pytest
from numbered_clips import make_clip

from react1.pipeline.media.nal_units import hevc_unit_type
from react1.pipeline.media.tools.ffmpeg import ffmpeg_path
from react1.pipeline.splicing.codecs.hevc import hvcc_units
from react1.pipeline.splicing.codecs.hevc_sps import chroma_location

pytestmark = pytest.mark.slow

_PLACE = re.compile(r"chroma_sample_loc_type_top_field .*= (\d+)")


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv444p10le"])
@pytest.mark.parametrize(
    ("options", "place"),
    [
        ("", None),
        ("chromaloc=0", 0),
        ("chromaloc=5:scaling-list=default", 5),
        ("chromaloc=1:temporal-layers=3:bframes=3:b-pyramid=1", 1),
        ("chromaloc=3:ref=5:bframes=4:open-gop=1", 3),
        ("chromaloc=4:overscan=show:range=full:colorprim=bt2020:sar=4", 4),
        ("chromaloc=2:hrd=1:vbv-maxrate=1000:vbv-bufsize=1000:bitrate=500:amp=1:rect=1:ctu=16", 2),
    ],
)
def test_the_place_of_chroma_is_read_behind_all_other_fields(tmp_path, options, place, pix_fmt):
    """Of layers, scaling lists, reference sets and a film's own shape, which come before it."""
    params = ":".join(filter(None, ("log-level=none", options)))
    recipe = {"codec": "libx265", "options": {"preset": "ultrafast", "x265-params": params}, "pix_fmt": pix_fmt}
    path = make_clip(tmp_path / "film.mp4", frames=12, size=(130, 98), tracks=0, **recipe)
    command = [ffmpeg_path(), "-v", "trace", "-i", path, "-c", "copy", "-bsf:v", "trace_headers", "-f", "null", "-"]
    match = _PLACE.search(subprocess.run(command, capture_output=True, text=True, check=True).stderr)
    with av.open(str(path)) as container:
        units = list(hvcc_units(bytes(container.streams.video[0].codec_context.extradata)))

    (sps,) = (unit for unit in units if hevc_unit_type(unit) == 33)

    assert chroma_location(sps) == (int(match[1]) if match else None) == place


def test_what_is_not_understood_says_nothing():
    """Neither a set that is cut off nor one of ones alone is read for long."""
    assert chroma_location(b"\x42\x01") is None
    assert chroma_location(b"\x42\x01" + b"\xff" * 200) is None
    assert chroma_location(b"\x42\x01" + b"\x00\x00\x03" * 60 + b"\x80") is None
