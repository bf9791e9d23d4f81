"""Takes that are a film's own decoded pictures, so that a splice of them can be measured against the film."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
from seen import planes

from react1.pipeline.core.values import Segment, Take
from react1.pipeline.media.probe import probe
from react1.pipeline.splicing import reencode
from react1.pipeline.splicing.codecs import packet_encoder
from react1.pipeline.splicing.encoders import EncoderSettings

_COLOUR = ("color_range", "color_primaries", "color_trc", "colorspace")
_ENCODE = reencode.encode
_FFV1: tuple[str, dict[str, str]] = ("ffv1", {})


def frames_of(path: Path, index: int, start: int, end: int) -> Iterator[av.VideoFrame]:
    """Decode shown frames [start, end) of a stream, from its beginning: no seek is trusted."""
    with av.open(str(path)) as container:
        stream = container.streams[index]
        stream.thread_type = "AUTO"
        for number, frame in enumerate(container.decode(stream)):
            if number >= end:
                return
            if number >= start:
                yield frame


def own_take(context: Any, placed: Segment) -> Take:
    """Make a conformed take of the film's own pictures, without loss."""
    video = placed.source.video
    path = context.temp_path("own.mkv")
    first, after = placed.frames[0], placed.frames[-1] + 1
    # FFV1 has no name for full range in the pixel format, which PyAV would then squeeze.
    coder, options = ("libx264", {"qp": "0", "preset": "ultrafast"}) if video.pix_fmt.startswith("yuvj") else _FFV1
    with av.open(str(path), "w") as out:
        stream = out.add_stream(coder, rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = video.width_px, video.height_px, video.pix_fmt
        for at, frame in enumerate(frames_of(context.path(placed.source.file), video.index, first, after)):
            for key in _COLOUR if at == 0 else ():
                setattr(stream.codec_context, key, getattr(frame, key))
            frame.pts, frame.time_base, frame.pict_type = at, 1 / stream.codec_context.framerate, 0
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    file = context.store(path)
    return Take(segment=placed, media=probe(context.path(file), file), provider="local", request={}, conformed=True)


def note_choices(monkeypatch: Any) -> list[EncoderSettings]:
    """Note each encoder choice by which a splice codes pictures from now on."""
    noted: list[EncoderSettings] = []

    def noting(real: Any) -> Any:
        def noted_first(*given: Any, **named: Any) -> Any:
            noted.extend(one for one in given if isinstance(one, EncoderSettings))
            return real(*given, **named)

        return noted_first

    for name, real in (("encode", reencode.encode), ("code", packet_encoder.encode_packets)):
        for place, module in list(sys.modules.items()):
            if place.startswith("react1.pipeline.splicing") and getattr(module, name, None) is real:
                monkeypatch.setattr(module, name, noting(real))
    return noted


def mean_db(pairs: Iterable[tuple[av.VideoFrame, av.VideoFrame]]) -> float:
    """Give the PSNR over all planes of all pairs of frames, in dB."""
    error = size = 0.0
    peak = 255.0
    for one, other in pairs:
        peak = 2.0 ** one.format.components[0].bits - 1
        for a, b in zip(planes(one), planes(other), strict=True):
            error += float(np.square(a.astype(np.float32) - b).sum(dtype=np.float64))
            size += a.size
    return float("inf") if not error else float(10 * np.log10(peak**2 / (error / size)))


def alone_db(context: Any, take: Take, choice: Any) -> float:
    """Encode a take's own pictures alone with an encoder choice; give their PSNR."""
    media, segment = take.media, take.segment
    coded = context.temp_path("alone.mkv")
    own = context.path(media.file)
    first = segment.head_frames
    last = first + segment.end_frame - segment.start_frame
    numbered = ((frame, at) for at, frame in enumerate(frames_of(own, 0, first, last)))
    _ENCODE(numbered, coded, segment.source.video, choice, lambda _: None)
    return mean_db(zip(frames_of(own, 0, first, last), frames_of(coded, 0, 0, last - first), strict=True))
