"""What headers of slices tell of a film's pictures is what a decoder gives."""

from __future__ import annotations

import contextlib
import random

import av
import numpy as np
import pytest
from takes import film

from react1.pipeline.core.errors import InputMediaError
from react1.pipeline.splicing import feasibility, smart_render
from react1.pipeline.splicing.codecs.h264_slices import pictures_come
from react1.pipeline.splicing.feasibility import check_feasibility

SMALL = {"frames": 36, "gop": 8, "size": (96, 64), "tracks": 0}
PYRAMID = {"bframes": 3, "options": {"preset": "medium", "x264-params": "weightp=2:ref=4"}}
SLICES = {"bframes": 0, "options": {"x264-params": "slices=3"}}
PLAIN = {"bframes": 0, "options": {"profile": "baseline"}}
DEEP = {"pix_fmt": "yuv422p10le", "bframes": 2}


def _packets(path):
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        return bytes(stream.codec_context.extradata), [packet for packet in container.demux(stream) if packet.size]


def _decoded(path) -> list[int]:
    """Return the times of the frames that a decoder gives up to the first error."""
    times: list[int] = []
    with av.open(str(path)) as container, contextlib.suppress(av.FFmpegError):
        times.extend(frame.pts for frame in container.decode(video=0))
    return times


@pytest.mark.slow
@pytest.mark.parametrize("changes", [PYRAMID, SLICES, PLAIN, DEEP], ids=["pyramid", "slices", "plain", "deep"])
def test_headers_tell_what_a_decoder_gives_of_damaged_films_too(context, changes):
    """Of a film that is whole they tell all; of one with changed headers never more than the decoder gives."""
    media = film(context, **SMALL, **changes)
    path, times = context.path(media.file), media.video.timestamps.array
    config, packets = _packets(path)
    assert pictures_come(config, packets, times) and _decoded(path) == times.tolist()

    data, damaged = path.read_bytes(), context.temp_path("damaged.mp4")
    numbers, by_headers, by_decoder = random.Random(7), 0, 0
    for _ in range(40):
        changed = bytearray(data)
        packet = numbers.choice(packets[1:])
        at = packet.pos + 4 + min(int(numbers.expovariate(1 / 5)), packet.size - 5)
        changed[at] ^= 1 << numbers.randrange(8)
        damaged.write_bytes(changed)
        all_decoded = _decoded(damaged) == times.tolist()
        all_come = pictures_come(*_packets(damaged), times)
        assert all_decoded or not all_come
        by_headers, by_decoder = by_headers + all_come, by_decoder + all_decoded
    assert 0 < by_headers <= by_decoder < 40


@pytest.mark.parametrize(
    "other",
    [
        lambda times: times + 1,
        lambda times: np.delete(times, 4),
        lambda times: np.insert(times, 3, times[2] + 1),
    ],
    ids=["moved", "one more between", "one missing"],
)
def test_times_at_which_no_picture_comes_are_noticed(context, other):
    """As are pictures between them."""
    media = film(context, **SMALL, **PYRAMID)
    config, packets = _packets(context.path(media.file))
    times = media.video.timestamps.array[8:20]

    assert pictures_come(config, packets, times)
    assert not pictures_come(config, packets, other(times))
    assert not pictures_come(config, packets[1:], times)  # no keyframe
    assert not pictures_come(config, packets[:9] + packets[10:], times)  # a reference is missing


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_plan_of_many_edits_decodes_no_more_than_that_of_one(context, monkeypatch, suffix):
    """One picture of the film, for what only pictures carry."""
    media = film(context, suffix, **{**SMALL, "frames": 120}, **PYRAMID)
    decoded: list[int] = []

    def counting(*args, **options):
        for frame in decode(*args, **options):
            decoded.append(frame.pts)
            yield frame

    decode = feasibility.decode_frames
    monkeypatch.setattr(feasibility, "decode_frames", counting)
    monkeypatch.setattr(smart_render, "decode_frames", counting)

    plan = check_feasibility(context.path(media.file), media, [(start, start + 3) for start in range(4, 110, 12)])

    assert plan.way == "exact" and len(decoded) == 1


def test_a_picture_that_cannot_be_decoded_is_still_named_before_payment(context):
    """A header that a decoder refuses sends the plan back to decoding."""
    media = film(context, **SMALL, **PLAIN)
    path = context.path(media.file)
    packet = _packets(path)[1][12]
    damaged = context.temp_path("damaged.mp4")
    data = bytearray(path.read_bytes())
    data[packet.pos + 4 : packet.pos + packet.size] = bytes(packet.size - 4)
    damaged.write_bytes(data)

    with pytest.raises(InputMediaError, match=r"frame 12 of the film \(at 00:00:00\.\d+\)"):
        check_feasibility(damaged, media, [(10, 12)])
