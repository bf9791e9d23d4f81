"""The same inputs give the same bytes, run for run: a key in the store stands for one content only."""

from __future__ import annotations

import hashlib
from fractions import Fraction

import numpy as np
import pytest
from takes import dialogue_line, edited_take, film, numbered_take, segment

from react1.nodes.transcode import Transcode, TranscodeParams
from react1.pipeline.conform.conform import conform
from react1.pipeline.media.tools.ffmpeg import ffmpeg_path
from react1.pipeline.splicing import splice as splicing

pytestmark = pytest.mark.slow

FILMS = {
    "exact": (".mp4", {"audio_codec": "aac"}),
    "exact, another encoder": (".mp4", {"tracks": 0, "options": {"x264-params": "psy-rd=0.5:deblock=2,2"}}),
    "x264 in Matroska": (".mkv", {}),
    "x265 in MP4": (".mp4", {"codec": "libx265", "options": {"preset": "ultrafast", "x265-params": "log-level=none"}}),
    "ProRes": (".mov", {"codec": "prores_ks", "pix_fmt": "yuv422p10le"}),
    "VP8": (".webm", {"codec": "libvpx", "audio_codec": "libopus", "options": {"deadline": "realtime"}}),
    "VP9": (".webm", {"codec": "libvpx-vp9", "audio_codec": "libopus", "options": {"deadline": "realtime"}}),
    "MPEG-TS": (".ts", {"audio_codec": "aac"}),
    "MPEG-2": (".mpg", {"codec": "mpeg2video", "audio_codec": "mp2", "time_base": Fraction(1, 25)}),
}


def dirtied():
    """Fill free memory with noise: what an encoder reads beyond its pictures then differs from run to run."""
    dice = np.random.default_rng()
    for size in dice.integers(1 << 12, 1 << 22, 12).tolist():
        dice.integers(0, 255, size, np.uint8)


def digests(runs, make):
    matches = set()
    for _ in range(runs):
        dirtied()
        matches.add(hashlib.sha256(make().path.read_bytes()).hexdigest())
    return matches


@pytest.mark.parametrize("name", FILMS)
def test_two_splices_of_the_same_takes_are_the_same_file(context, name):
    """Byte for byte, in every way and container."""
    suffix, changes = FILMS[name]
    media = film(context, suffix, **{"frames": 40, "gop": 20, "size": (192, 112), **changes})
    take = numbered_take(context, segment(media, 5, 15))

    assert len(digests(3, lambda: splicing.splice(context, ffmpeg_path(), media, [take]))) == 1


@pytest.mark.parametrize(("suffix", "codec"), [(".mp4", "aac"), (".mov", "pcm_s16le"), (".mkv", "libopus")])
def test_a_new_line_is_coded_alike_too(context, suffix, codec):
    """Packet by packet, exact PCM, and a whole track."""
    media = film(context, suffix, frames=30, gop=6, size=(96, 64), audio_codec=codec)
    take = numbered_take(context, segment(media, 5, 15, audio=dialogue_line(context)))

    assert len(digests(2, lambda: splicing.splice(context, ffmpeg_path(), media, [take]))) == 1


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv420p10le"])
def test_conform_gives_the_same_file_twice(context, pix_fmt):
    """Both lossless forms: H.264 in MOV, FFV1 in Matroska."""
    media = film(context, frames=24, size=(192, 112), tracks=0, pix_fmt=pix_fmt)
    take = edited_take(context, Transcode().run(context, TranscodeParams(), segment(media, 0, 24)))

    assert len(digests(3, lambda: conform(context, take))) == 1
