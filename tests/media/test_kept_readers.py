"""A film of which many spans are read is opened once, and gives the same frames."""

from __future__ import annotations

from contextlib import closing
from itertools import islice

import av
import numpy as np
import pytest
from numbered_clips import make_clip

from react1.pipeline.core.errors import InputMediaError
from react1.pipeline.media.frames import film_readers
from react1.pipeline.media.frames.decode import decode_frames
from react1.pipeline.media.frames.film_readers import kept_open, open_input, open_mp4_packets

STARTS = (20, 4, 4, 13, 0)
TICKS = 512


@pytest.fixture
def opened(monkeypatch):
    """The files that are opened, in order."""
    paths, real = [], film_readers._open
    monkeypatch.setattr(film_readers, "_open", lambda path, *rest: paths.append(path) or real(path, *rest))
    return paths


def read(path, start, count=5):
    """Read frames and stop early, as every consumer of a span does."""
    with closing(decode_frames(path, start_pts=start * TICKS)) as frames:
        return [(frame.pts, frame.to_ndarray(format="gray")) for frame in islice(frames, count)]


def same(first, second):
    return all(a == b and np.array_equal(x, y) for (a, x), (b, y) in zip(first, second, strict=True))


@pytest.mark.parametrize(("suffix", "most"), [(".mp4", 1), (".ts", len(STARTS))])
def test_spans_share_a_reader_and_are_the_same(tmp_path, opened, suffix, most):
    """Forth and back; a transport stream is opened each time, since its readers lose packets."""
    path = make_clip(tmp_path / f"film{suffix}", frames=24, gop=4, tracks=0, size=(64, 64))
    alone = [read(path, start) for start in STARTS]
    opened.clear()

    with kept_open(path), kept_open(path):
        shared = [read(path, start) for start in STARTS]

    assert all(same(a, b) for a, b in zip(alone, shared, strict=True))
    assert len(opened) >= most and (suffix != ".mp4" or len(opened) == 1)


def test_two_spans_at_a_time_have_a_reader_each(tmp_path, opened):
    """The one does not move the other."""
    path = make_clip(tmp_path / "film.mp4", frames=24, gop=4, tracks=0, size=(64, 64))

    with kept_open(path), closing(decode_frames(path, start_pts=0)) as slow:
        first = next(slow).pts
        between = read(path, 16)
        rest = [frame.pts for frame in slow]

    assert [first, *rest] == [index * TICKS for index in range(24)]
    assert same(between, read(path, 16))
    assert len(opened) == 3


def test_a_reader_that_met_damage_is_not_used_again(tmp_path, opened):
    """The next read opens the film once more."""
    path = make_clip(tmp_path / "film.mp4", frames=8, gop=4, tracks=0, size=(64, 64))
    with kept_open(path):
        with (
            pytest.raises(InputMediaError, match="is damaged"),
            closing(decode_frames(path, start_pts=0)) as frames,
        ):
            next(frames)
            frames.throw(av.error.InvalidDataError(1, "bad", "film.mp4"))
        read(path, 4)

    assert len(opened) == 2


@pytest.mark.parametrize("options", [{}, {"ignore_editlist": "1"}])
def test_a_film_that_is_opened_for_its_packets_has_the_same_without_decoding(tmp_path, options):
    """B-frames at times of their own; the pixel format is not known, since no picture was decoded to find it out."""
    path = make_clip(tmp_path / "film.mp4", frames=24, gop=12, tracks=1, size=(64, 64), bframes=2)

    def read(container):
        return [(p.stream_index, p.pts, p.dts, p.duration, p.pos, bytes(p), p.is_keyframe) for p in container.demux()]

    with open_input(path, options) as usual, open_mp4_packets(path, options) as packets:
        video = packets.streams.video[0]
        assert video.codec_context.extradata == usual.streams.video[0].codec_context.extradata
        assert read(packets) == read(usual)
        assert usual.streams.video[0].codec_context.pix_fmt == "yuv420p"
        assert video.codec_context.pix_fmt is None
