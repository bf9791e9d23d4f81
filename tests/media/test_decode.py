"""Frames come by their index, or with a clear word that they do not."""

import contextlib
import errno
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import odd
import pytest
from numbered_clips import frame_number, make_clip

from react1.pipeline.core.errors import InputMediaError, ToolFailed
from react1.pipeline.core.values import Timestamps
from react1.pipeline.media.frames import decode
from react1.pipeline.media.frames.decode import decode_frames, exact_frames, images, turn_coded, turn_upright
from react1.pipeline.media.frames.film_readers import open_media
from react1.pipeline.media.not_applicable import refused_as
from react1.pipeline.store.atomic import is_disk_full

SPANS = [(0, 50), (0, 1), (49, 50), (11, 13), (12, 13), (30, 41)]


@pytest.mark.parametrize(("start", "end"), SPANS)
@pytest.mark.parametrize("suffix", [".mov", ".mkv", ".ts"])
def test_a_range_gives_exactly_its_frames(tmp_path, probed, suffix, start, end):
    """Across keyframes and B-frames, whatever the container."""
    path = make_clip(tmp_path / f"a{suffix}", tracks=0)

    read = [(index, frame_number(image)) for index, image in images(path, probed(path).video, start, end)]

    assert read == [(index, index) for index in range(start, end)]


@pytest.mark.slow
def test_leading_frames_of_an_open_gop_are_decoded(tmp_path, probed):
    """Frames that are shown before their keyframe are decoded from the keyframe before it."""
    path = make_clip(tmp_path / "a.mov", tracks=0, options={"x264-params": "open-gop=1:bframes=3:keyint=10"})
    video = probed(path).video

    read = [frame_number(image) for start in range(50) for _, image in images(path, video, start, start + 1)]

    assert read == list(range(50))


def test_a_film_that_does_not_mark_its_first_keyframe_is_read_from_its_first_packet(tmp_path, probed):
    """No seek leads there."""
    path = make_clip(tmp_path / "a.mp4", tracks=0, frames=12, size=(96, 64), bframes=0, gop=6)
    odd.patched(path, (*odd.STBL, b"stss"), lambda stss: stss[:4] + b"\0\0\0\1" + stss[12:])
    times = probed(path).video.timestamps.array.tolist()

    assert [frame.pts for frame in decode_frames(path, start_pts=times[3])] == times


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("turn", [0, 90, 180, 270])
def test_pictures_are_upright(tmp_path, probed, turn, mirrored):
    """The number can only be read where the turn was right; coded and upright are each other's undoing."""
    path = make_clip(tmp_path / "a.mov", frames=3, tracks=0, rotation_deg=turn, mirrored=mirrored)
    video = probed(path).video

    upright = [image for _, image in images(path, video)]
    coded = [image for _, image in images(path, video, upright=False)]

    assert [frame_number(image) for image in upright] == [0, 1, 2]
    assert all(np.array_equal(turn_coded(a, video), b) for a, b in zip(upright, coded, strict=True))
    assert all(np.array_equal(turn_upright(b, video), a) for a, b in zip(upright, coded, strict=True))


def test_a_full_range_grey_is_the_same_grey(tmp_path, probed):
    """Range is respected: luma 120 is 120 in full range, and (120 - 16) * 255 / 219 in tv range."""
    full = make_clip(tmp_path / "full.mov", frames=1, tracks=0, pix_fmt="yuvj420p", colour=(2, 1, 1, 1))
    limited = make_clip(tmp_path / "tv.mov", frames=1, tracks=0, colour=(1, 1, 1, 1))

    ((_, of_full),) = images(full, probed(full).video)
    ((_, of_tv),) = images(limited, probed(limited).video)

    assert abs(int(of_full[20, 300, 1]) - 120) <= 2
    assert abs(int(of_tv[20, 300, 1]) - 121) <= 2


@pytest.mark.slow
def test_a_damaged_frame_is_named(media_folder, probed):
    """The range that holds it fails with its number and time."""
    path = media_folder / "damaged" / "decord_corrupted.mp4"

    with pytest.raises(InputMediaError, match=r"frame 30 of the film \(at 00:00:03.000\) is damaged"):
        list(exact_frames(path, probed(path).video))


@pytest.mark.slow
def test_frames_after_a_damaged_one_are_decoded(media_folder, probed):
    """One lost frame does not take the good ones after it along."""
    path = media_folder / "damaged" / "androidx_invalid_nalu.mp4"

    assert [index for index, _ in exact_frames(path, probed(path).video, 27, 30)] == [27, 28, 29]


def test_a_range_outside_the_film_is_refused(tmp_path, probed):
    """Nothing is given instead."""
    path = make_clip(tmp_path / "a.mov", frames=5, tracks=0)

    with pytest.raises(InputMediaError, match="the film has 5"):
        list(exact_frames(path, probed(path).video, 2, 6))


def test_a_late_first_frame_is_frame_0(tmp_path, probed):
    """A film whose first frame is late is counted from that frame."""
    path = make_clip(tmp_path / "a.mov", frames=30, start_s=Fraction(3, 2))

    assert [frame_number(image) for _, image in images(path, probed(path).video, 20, 23)] == [20, 21, 22]


def test_a_time_in_a_message_is_on_the_clock_of_players(tmp_path, probed):
    """A transport stream begins at 1.4 s by its own clock, at 0 for players; a frame that is not there is named."""
    path = make_clip(tmp_path / "a.ts", frames=6, tracks=0, size=(96, 64), start_s=Fraction(7, 5))
    video = probed(path).video
    times = video.timestamps.array.tolist()
    stamps = Timestamps.of(np.array([*times[:3], times[2] + 900, *times[3:]]), video.timestamps.last_duration)

    with pytest.raises(InputMediaError, match=r"frame 3 of the film \(at 00:00:00.090\) cannot be decoded.*damaged"):
        list(exact_frames(path, video.model_copy(update={"timestamps": stamps})))


@pytest.mark.parametrize(("large_px", "limited"), [(96 * 64, False), (96 * 64 - 1, True)])
def test_few_threads_decode_large_pictures(tmp_path, monkeypatch, large_px, limited):
    """Each holds pictures; the pictures are the same."""
    monkeypatch.setattr(decode, "LARGE_PX", large_px)
    monkeypatch.setattr(decode, "thread_count", lambda: 29)
    path = make_clip(tmp_path / "a.mp4", tracks=0, frames=6, size=(96, 64))

    with decode.open_packets(path, None, "AUTO", None) as (container, packets):
        count = sum(len(packet.decode()) for packet in packets)
        threads = container.streams.video[0].codec_context.thread_count

    assert count == 6 and (threads == 29) == limited


def test_data_of_an_unknown_kind_beside_a_picture_is_no_error(tmp_path, probed):
    """A TIFF has Exif, and spatial video the number of its view, which the library does not name."""
    path = tmp_path / "film.mov"
    odd.ffmpeg("-f", "lavfi", "-i", "testsrc2=s=96x64:r=25:d=0.2", "-c:v", "tiff", path)

    media = probed(path)

    assert media.video.frame_count == 5
    kinds = {data.type.name for frame in decode_frames(path) for data in frame.side_data}
    assert any(kind.startswith("UNKNOWN") for kind in kinds)


@pytest.mark.parametrize("read", [lambda path, _: decode_frames(path), exact_frames], ids=["in order", "by index"])
def test_a_process_without_memory_or_threads_left_is_not_a_damaged_film(tmp_path, probed, monkeypatch, read):
    """A user would look for a fault of the film, and a batch would say that running again cannot help."""
    path = make_clip(tmp_path / "film.mkv", frames=4, size=(96, 64), tracks=0)
    video = probed(path).video
    real = decode.open_packets

    class Starved:
        def decode(self):
            raise av.error.BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")

    @contextlib.contextmanager
    def open_starved(*arguments):
        with real(*arguments) as (container, _):
            yield container, iter([Starved()])

    monkeypatch.setattr(decode, "open_packets", open_starved)

    with pytest.raises(ToolFailed, match=r"no more memory or threads .*nothing is damaged"):
        list(read(path, video))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no file that is always full")
@pytest.mark.parametrize("wrapped", [contextlib.nullcontext, lambda: refused_as("the muxer refuses these pictures")])
def test_a_full_disk_under_a_new_file_is_not_a_fault_of_the_film(tmp_path, wrapped):
    """A damaged film is given up by a batch, and a film that a splice cannot copy is re-encoded completely."""
    path = make_clip(tmp_path / "film.mkv", frames=4, size=(96, 64), tracks=0)

    with (
        pytest.raises(OSError, match="No space left") as caught,
        wrapped(),
        open_media(path) as source,
        av.open("/dev/full", "w", format="matroska") as target,
    ):
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(source.streams.video[0]):
            if packet.size:
                packet.stream = stream
                target.mux(packet)

    assert is_disk_full(caught.value)
