"""Read, resample and write audio samples, positioned by the film's clock, exact to the sample.

Samples are `(channels, samples) float32`, full scale 1.0; what a track does not hold is silence. Spans are in seconds
of the container's own clock.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from ..frames.film_readers import open_media

Samples = NDArray[np.float32]
_PREROLL_S = Fraction(1, 2)
"""Lossy decoders need a few packets to settle after a seek."""
_GAP_S = Fraction(1, 20)
"""Timestamps further off than this are a gap; less is rounding by the container."""
_MOST_PLANES = 7
"""PyAV finds the planes of a frame by the null pointer after them, and from eight channels on there is none."""


def read_span(path: Path, stream_index: int, start_s: Fraction, end_s: Fraction) -> tuple[Samples, int]:
    """Return the samples [start_s, end_s) of one track, and their rate in Hz.

    Raises:
        InputMediaError: the file cannot be read.
    """
    with open_media(path) as container:
        stream = container.streams[stream_index]
        rate = int(stream.rate)
        first, last = round(start_s * rate), round(end_s * rate)
        span = np.zeros((stream.channels, last - first), np.float32)
        _seek_before(container, stream, start_s - _PREROLL_S)
        for at, samples in _positioned(container, stream, rate):
            if at >= last:
                break
            _copy_into(span, samples, at - first)
    return span, rate


def first_track(container: Any) -> Any:
    """Return the first audio track that there is a decoder for: `Media.audio` lists no other."""
    return next(stream for stream in container.streams.audio if stream.codec_context is not None)


def read_all(path: Path, rate_hz: int, channels: int | None = None) -> Samples:
    """Read a file's first audio track at another rate; more than two channels become stereo.

    `channels` asks for 1 or 2; by default the track's own number.
    """
    with open_media(path) as container:
        stream = first_track(container)
        count = channels or min(int(stream.channels), 2)
        layout = "mono" if count == 1 else "stereo"
        resampler = av.AudioResampler(format="fltp", layout=layout, rate=rate_hz)
        decoded = (frame for frame in decode_tolerant(container, stream) if frame is not None)
        parts = [part for frame in decoded for part in resampled(resampler, frame)]
        parts += resampled(resampler, None)
    return np.concatenate(parts, axis=1) if parts else np.zeros((count, 0), np.float32)


def resample(samples: Samples, rate_hz: int, to_rate_hz: int, layout: str = "") -> Samples:
    """Change the rate, and more than two channels (of a `layout` such as `5.1`) to stereo."""
    channels = samples.shape[0]
    if rate_hz == to_rate_hz and channels <= 2:
        return samples
    name = layout or {1: "mono", 2: "stereo", 6: "5.1", 8: "7.1"}.get(channels, f"{channels}c")
    resampler = av.AudioResampler(format="fltp", layout="mono" if channels == 1 else "stereo", rate=to_rate_hz)
    parts: list[Samples] = []
    for at in range(0, samples.shape[1], rate_hz):
        frame = audio_frame(samples[:, at : at + rate_hz], name, rate_hz)
        frame.pts, frame.time_base = at, Fraction(1, rate_hz)
        parts += resampled(resampler, frame)
    parts += resampled(resampler, None)
    return np.concatenate(parts, axis=1) if parts else samples[:, :0]


def fit_length(samples: Samples, count: int) -> Samples:
    """Cut, or pad with silence, to exactly `count` samples per channel."""
    short = max(count - samples.shape[1], 0)
    return np.pad(samples[:, :count], ((0, 0), (0, short)))


def write_wav(path: Path, samples: Samples, rate_hz: int) -> Path:
    """Write a WAV of 32-bit floats; the same samples give the same bytes."""
    channels, count = samples.shape
    data = np.ascontiguousarray(samples.T, "<f4").tobytes()
    block = channels * 4
    header = (
        b"RIFF" + _u32(50 + len(data)) + b"WAVE"
        b"fmt " + _u32(18) + _u16(3, channels) + _u32(rate_hz, rate_hz * block) + _u16(block, 32, 0)
        + b"fact" + _u32(4, count)
        + b"data" + _u32(len(data))
    )  # fmt: skip
    path.write_bytes(header + data)
    return path


def _u16(*values: int) -> bytes:
    return np.array(values, "<u2").tobytes()


def _u32(*values: int) -> bytes:
    return np.array(values, "<u4").tobytes()


def _seek_before(container: Any, stream: Any, at_s: Fraction) -> None:
    """Seek to a packet that plays before `at_s`, or to the start of the file."""
    begins_s = (stream.start_time or 0) * stream.time_base
    if at_s <= begins_s:
        return
    for target_s in (at_s, at_s - 10):
        with contextlib.suppress(av.FFmpegError):
            container.seek(int(target_s / stream.time_base), stream=stream, backward=True)
            packet = next(container.demux(stream), None)
            if packet is not None and packet.pts is not None and packet.pts * stream.time_base <= at_s:
                container.seek(int(target_s / stream.time_base), stream=stream, backward=True)
                return
    container.seek(container.start_time or 0, backward=True)


def _positioned(container: Any, stream: Any, rate: int) -> Iterator[tuple[int, Samples]]:
    """Yield (sample number on the film's clock, samples); jitter of the timestamps leaves no gaps, damage does."""
    position: int | None = None
    damaged = False
    resampler = av.AudioResampler(format="fltp", layout=stream.layout, rate=rate)
    for frame in decode_tolerant(container, stream):
        if frame is None:
            damaged = True
            continue
        stamp = round(frame.pts * frame.time_base * rate) if frame.pts is not None else None
        if stamp is not None and (position is None or damaged or abs(stamp - position) > _GAP_S * rate):
            position, damaged = stamp, False
        for samples in resampled(resampler, frame):
            yield position or 0, samples
            position = (position or 0) + samples.shape[1]


def decode_tolerant(container: Any, stream: Any) -> Iterator[Any]:
    """Yield the `av.AudioFrame` of a track, and None for each damaged packet.

    All have the channels that the track has as a whole: a broadcast may change between stereo and surround.
    """
    layout, converters = stream.layout, dict[int, Any]()
    for packet in container.demux(stream):
        try:
            frames = packet.decode()
        except av.FFmpegError:
            yield None
            continue
        for frame in frames:
            channels = frame.layout.nb_channels
            if channels == layout.nb_channels:
                yield frame
                continue
            if channels not in converters:
                converters[channels] = av.AudioResampler(format=frame.format, layout=layout, rate=frame.sample_rate)
            for converted in converters[channels].resample(frame):
                converted.pts, converted.time_base = frame.pts, frame.time_base
                yield converted


def resampled(resampler: Any, frame: Any) -> Sequence[Samples]:
    """Return what a resampler to `fltp` gives for a frame, or at the end for None."""
    return [_samples_of(part) for part in resampler.resample(frame)]


def _samples_of(frame: Any) -> Samples:
    channels = frame.layout.nb_channels
    if channels <= _MOST_PLANES:
        planar: Samples = frame.to_ndarray()
        return planar
    (packed,) = av.AudioResampler(format="flt", layout=frame.layout, rate=frame.sample_rate).resample(frame)
    return np.ascontiguousarray(packed.to_ndarray().reshape(-1, channels).T)


def audio_frame(samples: Samples, layout: str, rate_hz: int) -> av.AudioFrame:
    """Return an `av.AudioFrame` in `fltp` of samples."""
    if samples.shape[0] <= _MOST_PLANES:
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples), "fltp", layout)
        frame.sample_rate = rate_hz
        return frame
    packed = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples.T.reshape(1, -1)), "flt", layout)
    packed.sample_rate = rate_hz
    (planar,) = av.AudioResampler(format="fltp", layout=layout, rate=rate_hz).resample(packed)
    return planar


def _copy_into(span: Samples, samples: Samples, at: int) -> None:
    begin, end = max(at, 0), min(at + samples.shape[1], span.shape[1])
    if begin < end:
        span[:, begin:end] = samples[:, begin - at : end - at]
